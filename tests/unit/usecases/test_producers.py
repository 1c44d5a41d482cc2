"""Records that must carry a token: who sent them, what they may ask, and that no token is ever kept."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from agents.records import _record
from models.access import NewToken, Role
from models.dead_letters import Stage
from models.jobs import JobStatus
from terrafusion.adapters.memory.credentials import MemoryCredentials
from terrafusion.ports.jobs import JobFilter
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.attempts import MOST, MOST_ADDRESSES, WITHIN_S, Attempts
from terrafusion.usecases.calls import caller
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.producers import Producers
from terrafusion.usecases.token_holders import TOKEN, KnownHolders, digest_of, new_secret
from topics.catalogue import COMMANDS, REQUESTS

CE = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/somebody/else", "ce_type": "request"}


class Guarded:
    """An office whose records must carry tokens."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.credentials = MemoryCredentials(clock=office.clock)
        known = KnownHolders(self.credentials, monotonic=office.clock.seconds, now=office.clock)
        shared: dict[str, Any] = {
            "jobs": office.store,
            "counties": KnownCounties(office.stored_counties, office.metrics),
            "catalogue": office.accept._catalogue,
            "metrics": office.metrics,
            "caller": caller,
            "producers": Producers(known),
        }
        self.accept = Accept(**shared, on_accepted=office.ring)
        self.commands = Commands(
            **shared, accept=self.accept, pauses=office.pauses, on_moved=office.ring, now=office.clock
        )
        self._offset = 0

    async def token(self, role: Role, *counties: str) -> str:
        secret = new_secret(TOKEN)
        of = frozenset(counties) if counties else None
        await self.credentials.create(NewToken(name="feed", role=role, counties=of, digest=digest_of(secret)))
        return secret

    def record(self, token: str | None, value: Any, *, topic: str = REQUESTS.name, **headers: str) -> Any:
        """Make a record as the agent hands it over."""
        self._offset += 1
        shown = [("TF-Token", token.encode())] if token else []
        written = value if isinstance(value, bytes) else json.dumps(value).encode()
        message = SimpleNamespace(
            topic=topic,
            partition=0,
            offset=self._offset,
            timestamp=1.0,
            key=None,
            value=written,
            headers=[*((name, text.encode()) for name, text in headers.items()), *shown],
        )
        return _record(SimpleNamespace(message=message))

    async def ask(self, token: str | None, value: Any, **headers: str) -> None:
        await self.accept.records([self.record(token, value, **headers)])

    async def order(self, token: str | None, **command: Any) -> bool:
        return await self.commands.take(self.record(token, command, topic=COMMANDS.name), patient=True)

    async def jobs(self) -> Any:
        return (await self.office.store.page(JobFilter(), after=None, limit=99)).jobs


@pytest.fixture
def guarded(office: Any) -> Guarded:
    return Guarded(office)


def request(county: str = "king_wa", **more: Any) -> dict[str, Any]:
    return {"analysis_type": "price_trend_by_zip", "county_id": county, **more}


class TestRequests:
    async def test_who_may_ask_is_the_one_who_asked(self, guarded: Guarded) -> None:
        await guarded.ask(await guarded.token(Role.ANALYST, "king_wa"), request(), **CE)
        (job,) = await guarded.jobs()
        assert (job.status, job.requested_by) == (JobStatus.PENDING, "feed")

    @pytest.mark.parametrize(
        ("role", "counties", "told"),
        [
            (None, (), "the token in the header tf-token is missing"),
            (Role.VIEWER, (), "run needs the role analyst; the token 'feed' has viewer"),
            (Role.OPERATOR, ("lucas_oh",), "county_id is 'king_wa'; the token 'feed' may ask of: lucas_oh"),
        ],
    )
    async def test_what_may_not_be_asked_is_a_letter_and_no_job(
        self, guarded: Guarded, role: Role | None, counties: tuple[str, ...], told: str
    ) -> None:
        token = await guarded.token(role, *counties) if role else None
        for value in (request(), request(parameters={"period": "never"})):
            await guarded.ask(token, value)
        letters = guarded.office.store.letters
        assert [(each.stage, each.error_class) for each in letters] == [(Stage.ACCEPT, "NotAllowed")] * 2
        assert all(told in each.error_message for each in letters)
        assert {(each.county_id, each.analysis_type) for each in letters} == {("king_wa", "price_trend_by_zip")}
        assert await guarded.jobs() == []

    async def test_one_that_is_revoked_or_made_up_is_told_so(self, guarded: Guarded) -> None:
        revoked = await guarded.token(Role.ANALYST)
        await guarded.credentials.revoke(1)
        for token in (revoked, new_secret(TOKEN), "nonsense", "\udcff".encode("utf-8", "replace").decode()):
            await guarded.ask(token, request())
        assert {each.error_message for each in guarded.office.store.letters} == {
            "the token in the header tf-token is not known, has expired or was revoked; a record must carry one that is in force"
        }

    async def test_what_is_no_request_is_kept_as_before(self, guarded: Guarded) -> None:
        await guarded.ask(await guarded.token(Role.ANALYST, "king_wa"), b"\xff")
        token = await guarded.token(Role.ANALYST)
        await guarded.ask(token, request(parameters={"period": "never"}), **CE)
        await guarded.ask(token, request(priority=99), **CE | {"ce_id": "2"})
        told = ["MalformedMessage", "InvalidParameters", "InvalidRequest"]
        assert [each.error_class for each in guarded.office.store.letters] == told
        assert [job.requested_by for job in await guarded.jobs()] == ["feed", "feed"], "whatever the event calls itself"

    async def test_others_of_the_batch_are_not_harmed(self, guarded: Guarded) -> None:
        good = await guarded.token(Role.ANALYST, "king_wa")
        await guarded.accept.records(
            [guarded.record(good, request()), guarded.record(None, request()), guarded.record(good, request())]
        )
        assert len(await guarded.jobs()) == 2
        assert len(guarded.office.store.letters) == 1

    async def test_no_token_is_kept_anywhere(self, guarded: Guarded, office: Any) -> None:
        tokens = [await guarded.token(Role.ANALYST, "king_wa"), new_secret(TOKEN)]
        for token in tokens:
            for value in (request(), request("lucas_oh"), b"\xff"):
                await guarded.ask(token, value, traceparent="x")
                record = guarded.record(token, value)
                assert record.token == token
                assert token not in repr(record)
                await office.accept.records([record])
        kept = f"{office.store.letters} {office.store.outbox} {await guarded.jobs()}"
        assert [token for token in tokens if token in kept] == []
        assert "tf-token" not in str([each.headers for each in office.store.letters]).lower()

    async def test_of_two_tokens_none_counts(self, guarded: Guarded) -> None:
        token = await guarded.token(Role.ANALYST)
        record = guarded.record(token, request(), **{"tf-token": new_secret(TOKEN)})
        assert (record.token, record.headers) == (None, ())


class TestCommands:
    async def test_of_own_jobs(self, guarded: Guarded, office: Any) -> None:
        job_id = await office.running()
        assert await guarded.order(await guarded.token(Role.ANALYST, "king_wa"), command="cancel", job_id=str(job_id))
        assert (await office.look(job_id)).message == "Cancelled by feed"

    async def test_of_another_countys_job_it_waits_as_for_one_that_nobody_has(
        self, guarded: Guarded, office: Any
    ) -> None:
        token, job_id = await guarded.token(Role.ANALYST, "lucas_oh"), await office.running()
        for each in (job_id, uuid4()):
            assert not await guarded.order(token, command="cancel", job_id=str(each))
        assert await guarded.order(token, command="retry", job_id=str(job_id))
        assert [each.error_class for each in office.store.letters] == ["NotFound"]
        assert (await office.look(job_id)).status is JobStatus.RUNNING

    @pytest.mark.parametrize(
        ("role", "counties", "named", "refusal"),
        [
            (None, (), {}, "NotAllowed"),
            (Role.ANALYST, (), {}, "NotAllowed"),
            (Role.OPERATOR, ("king_wa",), {}, "NotAllowed"),
            (Role.OPERATOR, ("king_wa",), {"county_id": "lucas_oh"}, "UnknownCounty"),
            (Role.OPERATOR, ("king_wa",), {"county_id": "king_wa"}, None),
            (Role.OPERATOR, (), {}, None),
        ],
    )
    async def test_pauses(
        self, guarded: Guarded, office: Any, role: Role | None, counties: Any, named: Any, refusal: str | None
    ) -> None:
        token = await guarded.token(role, *counties) if role else None
        assert await guarded.order(token, command="pause", requested_by="somebody else", **named)
        assert [each.error_class for each in office.store.letters] == ([refusal] if refusal else [])
        assert [pause.requested_by for pause in await office.pauses.look()] == ([] if refusal else ["feed"])

    async def test_who_sent_them_is_told_by_the_token_and_who_is_not_known_is_marked(
        self, guarded: Guarded, office: Any
    ) -> None:
        token, viewer = await guarded.token(Role.ANALYST, "king_wa"), await guarded.token(Role.VIEWER)
        for each in (None, viewer, token):
            job_id = str(await office.running())
            assert await guarded.order(each, command="cancel", job_id=job_id, requested_by="feed")
        told = [(e.outcome, e.who, e.token_id, e.county_id) for e in office.store.deeds.entries]
        assert told == [
            ("forbidden", "feed (unauthenticated)", None, None),
            ("forbidden", "feed", 2, None),
            ("done", "feed", 1, "king_wa"),
        ]


class TestAttempts:
    def test_a_network_is_one_address_and_an_address_another(self, office: Any) -> None:
        attempts = Attempts(office.clock.seconds)
        for _ in range(MOST):
            attempts.failed("2001:db8::1")
            attempts.failed("::ffff:10.0.0.1")
        assert attempts.wait_s("2001:db8::2") == attempts.wait_s("10.0.0.1") == WITHIN_S
        assert attempts.wait_s("2001:db8:0:1::1") == attempts.wait_s("10.0.0.2") == attempts.wait_s(None) == 0

    def test_it_remembers_so_many(self, office: Any) -> None:
        attempts = Attempts(office.clock.seconds)
        for n in range(MOST_ADDRESSES + 5):
            attempts.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        assert len(attempts._failed) == MOST_ADDRESSES
