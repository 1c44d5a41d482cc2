"""Tokens, sessions, the audit log, and what a county's eyes see: by the fakes as by the real store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Action, Deed, NewToken, Role
from models.dead_letters import Handling, LetterState, Stage
from models.jobs import FailureReason, JobStatus, Origin
from models.pauses import Scope
from models.tables import access_sessions, access_tokens, audit_log
from terrafusion.adapters.memory.credentials import MemoryAuditLog, MemoryCredentials
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.credentials import PostgresAuditLog, PostgresCredentials
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.errors import UnstorableData
from terrafusion.ports.access import AuditLog, Credentials, DeedFilter
from terrafusion.ports.jobs import JobFilter, Offer
from terrafusion.ports.letters import LetterFilter
from topics.catalogue import REQUESTS

HOUR = timedelta(hours=1)
COUNTIES = ("king_wa", "lucas_oh", "cook_il")
NEW = NewToken(name="ann", role=Role.ANALYST, counties=frozenset({"lucas_oh", "king_wa"}), digest=b"\x00\xff" * 16)


@dataclass
class Safe:
    credentials: Credentials
    log: AuditLog


@pytest.fixture
async def postgres_safe(shared_engine: AsyncEngine) -> Safe:
    async with shared_engine.begin() as connection:
        for table in (access_sessions, access_tokens, audit_log):
            await connection.execute(delete(table))
    return Safe(PostgresCredentials(shared_engine), PostgresAuditLog(shared_engine))


@pytest.fixture(params=["memory", "postgres"])
def safe(request: pytest.FixtureRequest) -> Safe:
    if request.param == "memory":
        return Safe(MemoryCredentials(clock=utc_now), MemoryAuditLog(clock=utc_now))
    return request.getfixturevalue("postgres_safe")


def utc_now() -> datetime:
    return datetime.now(UTC)


async def held(safe: Safe, *digests: bytes) -> dict[bytes, int]:
    return {digest: token.id for digest, token in (await safe.credentials.holders(digests)).items()}


class TestTokens:
    async def test_one_is_found_by_its_digest_alone(self, safe):
        token = await safe.credentials.create(NEW)
        found = await safe.credentials.holders([NEW.digest, b"other"])
        assert found == {NEW.digest: token}
        assert (token.name, token.role, token.counties, token.revoked_at) == ("ann", Role.ANALYST, NEW.counties, None)
        assert await safe.credentials.holders([]) == {}

    async def test_without_counties_it_is_for_all_and_with_none_for_none(self, safe):
        everywhere = await safe.credentials.create(replace(NEW, counties=None))
        nowhere = await safe.credentials.create(replace(NEW, counties=frozenset(), digest=b"n"))
        assert (everywhere.counties, nowhere.counties) == (None, frozenset())

    async def test_one_that_is_revoked_or_has_expired_is_none(self, safe):
        for number, days in enumerate((None, 1.0, -1.0)):
            await safe.credentials.create(replace(NEW, digest=bytes([number]), days=days))
        first, second, third = await safe.credentials.tokens()
        assert await held(safe, b"\x00", b"\x01", b"\x02") == {b"\x00": first.id, b"\x01": second.id}
        revoked = await safe.credentials.revoke(first.id)
        assert await safe.credentials.revoke(first.id) == revoked
        assert revoked.revoked_at
        assert await held(safe, b"\x00", b"\x01", b"\x02") == {b"\x01": second.id}
        assert [token.id for token in await safe.credentials.tokens()] == [first.id, second.id, third.id]
        assert await safe.credentials.revoke(10**9) is None


class TestSessions:
    async def test_one_stands_for_its_token_until_either_ends(self, safe):
        token = await safe.credentials.create(NEW)
        other = await safe.credentials.create(replace(NEW, digest=b"o"))
        for digest, of in ((b"s1", token), (b"s2", token), (b"s3", other)):
            await safe.credentials.open(digest, token_id=of.id, lasts=HOUR)
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s1": token.id, b"s2": token.id, b"s3": other.id}
        (found,) = (await safe.credentials.holders([b"s1"])).values()
        assert replace(found, expires_at=None) == token
        assert found.expires_at - token.created_at < 2 * HOUR
        await safe.credentials.close(b"s1")
        await safe.credentials.close(b"unknown")
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s2": token.id, b"s3": other.id}
        await safe.credentials.revoke(token.id)
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s3": other.id}

    async def test_it_expires(self, safe):
        token = await safe.credentials.create(NEW)
        await safe.credentials.open(b"late", token_id=token.id, lasts=-HOUR)
        assert await held(safe, b"late") == {}
        await safe.credentials.open(b"new", token_id=token.id, lasts=HOUR)
        assert await held(safe, b"late", b"new") == {b"new": token.id}


class TestLog:
    async def test_newest_first_page_by_page_and_filtered(self, safe):
        job_id = uuid4()
        deeds = [
            Deed(action=Action.RUN, outcome="done", who="ann", token_id=1, county_id="king_wa", job_id=job_id),
            Deed(action=Action.CANCEL, outcome="not-found", who="ann", token_id=1, detail="x", address="10.0.0.1"),
            Deed(action=Action.RUN, outcome="done", who="bob", token_id=2, county_id="lucas_oh"),
        ]
        for deed in deeds:
            await safe.log.write(deed)

        async def found(*, before: int | None = None, limit: int = 9, **wanted: Any) -> list[int]:
            page = await safe.log.page(DeedFilter(**wanted), before=before, limit=limit)
            return [deeds.index(Deed(**{name: getattr(e, name) for name in Deed.__dataclass_fields__})) for e in page]

        assert await found() == [2, 1, 0]
        first = await safe.log.page(DeedFilter(), before=None, limit=1)
        assert await found(before=first[0].id, limit=1) == [1]
        assert await found(who="ann") == [1, 0]
        assert await found(action=Action.RUN, outcome="done") == [2, 0]
        assert await found(job_id=job_id) == await found(county_id="king_wa") == [0]
        assert await found(counties=frozenset({"lucas_oh"})) == [2]
        assert await found(counties=frozenset()) == []
        assert await found(counties=frozenset({"lucas_oh"}), county_id="king_wa") == []
        now = datetime.now(UTC)
        assert await found(since=now - HOUR, until=now + HOUR) == [2, 1, 0]
        assert await found(until=now - HOUR) == await found(since=now + HOUR) == []

    async def test_no_entry_is_ever_changed(self, shared_engine):
        await PostgresAuditLog(shared_engine).write(Deed(action=Action.RUN, outcome="done"))
        with pytest.raises(DBAPIError, match="never changed"):
            async with shared_engine.begin() as connection:
                await connection.execute(text("UPDATE audit_log SET who = 'nobody'"))

    async def test_retention_takes_the_old_some_at_a_time(self, driver):
        log = PostgresAuditLog(driver._engine) if hasattr(driver, "_engine") else MemoryAuditLog(clock=driver._tick)
        driver.retention._log = log
        for _ in range(5):
            await log.write(Deed(action=Action.RUN, outcome="done"))
        many = len(await log.page(DeedFilter(), before=None, limit=99))
        async with driver.retention.alone() as purging:
            assert await purging.forget_deeds(age=HOUR, limit=9) == 0
            assert await purging.forget_deeds(age=-HOUR, limit=2) == 2
            assert await purging.forget_deeds(age=-HOUR, limit=99) == many - 2
        assert await log.page(DeedFilter(), before=None, limit=9) == []


@dataclass
class Told:
    """A store whose deeds are looked at, by hand."""

    bench: Any
    log: AuditLog
    letters: Any

    async def entries(self) -> list[tuple[Any, ...]]:
        page = await self.log.page(DeedFilter(), before=None, limit=99)
        return [(e.action, e.outcome, e.who, e.county_id, e.job_id, e.letter_id, e.detail) for e in reversed(page)]

    async def kept(self, offset: int, **fields: Any) -> int:
        await self.bench.store.accept([], [self.bench.letter(offset, **fields)])
        return max(await self.letters.ids(LetterFilter(state=None), after=0, limit=99))


ANN = Deed(action=Action.CANCEL, outcome="done", who="ann", token_id=7, detail="why", address="10.0.0.1")


class TestDeedsWithTheirChange:
    @pytest.fixture
    async def told(self, bench) -> Told:
        if isinstance(bench.store, MemoryJobStore):
            return Told(bench, bench.store.deeds, bench.store.dead_letters)
        engine = bench.driver._engine
        async with engine.begin() as connection:
            await connection.execute(delete(audit_log))
        return Told(bench, PostgresAuditLog(engine), PostgresDeadLetters(engine))

    async def test_each_job_that_is_cancelled_is_told_once(self, told):
        ids = [await told.bench.waiting(county_id=county) for county in COUNTIES]
        await told.bench.store.cancel([ids[0]], message="Cancelled")
        for _ in range(2):
            await told.bench.store.cancel([*ids, uuid4()], message="Cancelled", deed=ANN)
        expected = [("cancel", "done", "ann", c, i, None, "why") for c, i in zip(COUNTIES, ids, strict=True)]
        assert sorted(await told.entries()) == sorted(expected[1:])
        (entry, _) = await told.log.page(DeedFilter(), before=None, limit=9)
        assert (entry.token_id, entry.address) == (7, "10.0.0.1")

    async def test_a_job_that_is_new_is_told_and_one_that_stands_is_not(self, told):
        job, deed = told.bench.job(), replace(ANN, action=Action.RUN)
        for _ in range(2):
            await told.bench.store.accept([Offer(job)], deed=deed)
        other = Offer(replace(job, digest="d2"), told.bench.letter(1, stage=Stage.ACCEPT))
        await told.bench.store.accept([other])
        assert await told.entries() == [("run", "done", "ann", "king_wa", job.job_id, None, "why")]

    async def test_what_a_deed_names_itself_is_not_told_otherwise(self, told):
        old, new = await told.bench.waiting(), told.bench.job()
        deed = replace(ANN, action=Action.RETRY, job_id=old, county_id="named")
        await told.bench.store.accept([Offer(new)], deed=deed)
        assert await told.entries() == [("retry", "done", "ann", "named", old, None, "why")]

    async def test_a_refusal_is_told_with_its_letter_however_often_it_comes(self, told):
        letter, deed = told.bench.letter(5, job_id=uuid4()), replace(ANN, outcome="not found")
        for _ in range(2):
            await told.bench.store.accept([], [letter], deed=deed)
        (letter_id,) = await told.letters.ids(LetterFilter(), after=0, limit=9)
        assert await told.entries() == [("cancel", "not found", "ann", None, letter.job_id, letter_id, "why")]

    async def test_letters_that_are_dealt_with_are_told_once(self, told):
        job_id, made, deed = uuid4(), uuid4(), replace(ANN, action=Action.DISCARD)
        ids = [await told.kept(offset, job_id=job_id) for offset in range(3)]
        await told.letters.settle(ids[:1], Handling(state=LetterState.DISCARDED, by="ann", note="x"), deed=deed)
        done = Handling(state=LetterState.REPLAYED, by="ann", replayed_as=made)
        await told.letters.settle(ids[:2], done, deed=replace(deed, action=Action.REPLAY))
        await told.letters.settle(ids[2:], done)
        assert await told.entries() == [
            ("discard", "done", "ann", None, job_id, ids[0], "why"),
            ("replay", "done", "ann", None, made, ids[1], "why"),
        ]

    async def test_the_county_told_is_that_of_the_letters_own_job(self, told):
        """What a message claims, or whose id it names, opens nobody's eyes."""
        deed = replace(ANN, action=Action.DISCARD)
        job_id = await told.bench.waiting(county_id=COUNTIES[1])
        foreign = await told.kept(7, stage=Stage.ACCEPT, job_id=job_id, county_id=COUNTIES[0])
        own = await told.kept(8, stage=Stage.ANALYSE, job_id=job_id)
        await told.letters.settle([foreign, own], Handling(state=LetterState.DISCARDED, by="ann", note="x"), deed=deed)
        assert sorted((letter_id, county) for _, _, _, county, _, letter_id, _ in await told.entries()) == [
            (foreign, None),
            (own, COUNTIES[1]),
        ]

    async def test_a_record_that_is_published_again_is_told_once(self, told):
        letter_id, deed = await told.kept(1, stage=Stage.PUBLISH), replace(ANN, action=Action.REPLAY)
        assert [await told.letters.republish(letter_id, by="ann", deed=deed) for _ in range(2)] == [True, False]
        assert await told.entries() == [("replay", "done", "ann", None, None, letter_id, "why")]

    async def test_what_is_paused_and_resumed_is_told_where_it_changes(self, told):
        pauses, deed = told.bench.driver.pauses, replace(ANN, county_id="king_wa")
        why = {"reason": None, "requested_by": None}
        made = [
            await pauses.pause(Scope.COUNTY, "king_wa", **why, deed=replace(deed, action=Action.PAUSE))
            for _ in range(2)
        ]
        assert [pause.is_new for pause in made] == [True, False]
        for _ in range(2):
            await pauses.resume(Scope.COUNTY, "king_wa", deed=replace(deed, action=Action.RESUME))
        told_of = [(action, county) for action, _, _, county, *_ in await told.entries()]
        assert told_of == [("pause", "king_wa"), ("resume", "king_wa")]

    async def test_of_what_cannot_be_told_nothing_is_done(self, told):
        store, pauses, bad = told.bench.store, told.bench.driver.pauses, replace(ANN, detail="\0")
        job_id, letter_id = await told.bench.waiting(), await told.kept(1, stage=Stage.PUBLISH)
        await pauses.pause(Scope.INTAKE, "", reason=None, requested_by=None)
        discarded = Handling(state=LetterState.DISCARDED, by=None, note="x")
        for change in (
            lambda: store.cancel([job_id], message="Cancelled", deed=bad),
            lambda: store.accept([Offer(told.bench.job())], deed=bad),
            lambda: store.accept([], [told.bench.letter(9)], deed=bad),
            lambda: told.letters.settle([letter_id], discarded, deed=bad),
            lambda: told.letters.republish(letter_id, by=None, deed=bad),
            lambda: pauses.pause(Scope.COUNTY, "king_wa", reason=None, requested_by=None, deed=bad),
            lambda: pauses.resume(Scope.INTAKE, "", deed=bad),
        ):
            with pytest.raises(UnstorableData):
                await change()
        assert (await told.bench.look(job_id)).status is JobStatus.PENDING
        assert len((await store.page(JobFilter(), after=None, limit=9)).jobs) == 1
        assert await told.letters.ids(LetterFilter(), after=0, limit=9) == [letter_id]
        assert [pause.scope for pause in await pauses.all()] == [Scope.INTAKE]
        assert await told.entries() == []


scopes = st.none() | st.frozensets(st.sampled_from(COUNTIES))
of_jobs = st.lists(st.tuples(st.sampled_from(COUNTIES), st.booleans()), max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=of_jobs, scope=scopes, asked=st.none() | st.sampled_from(COUNTIES))
def test_of_other_counties_there_is_nothing(by_hand, made, scope, asked):
    """Whatever is there: a page, one job, the counts and the letters are those of the counties that may be seen."""
    bench, run = by_hand
    run(bench.driver.clear())
    memory = isinstance(bench.store, MemoryJobStore)
    letters = bench.store.dead_letters if memory else PostgresDeadLetters(bench.driver._engine)
    jobs = [_born(bench, county, offset, failed=failed) for offset, (county, failed) in enumerate(made)]
    foreign = [_conflict(bench, job, 1000 + offset) for offset, job in enumerate(jobs)]
    stray = bench.letter(9999)
    own = [
        bench.letter(job.origin.offset, stage=Stage.VALIDATE, job_id=job.job_id) for job in jobs if job.failure_reason
    ]
    ends = [bench.letter(None, stage=Stage.ANALYSE, job_id=job.job_id) for job in jobs]
    run(bench.store.accept([Offer(job) for job in jobs], [*foreign, stray, *own, *ends]))

    seen = {job.job_id for job in jobs if scope is None or job.county_id in scope}
    narrowed = {job.job_id for job in jobs if job.job_id in seen and asked in (None, job.county_id)}
    page = run(bench.store.page(JobFilter(county_id=asked, counties=scope), after=None, limit=99))
    assert {job.job_id for job in page.jobs} == narrowed
    assert {job.job_id for job in jobs if run(bench.store.get(job.job_id, counties=scope))} == seen
    counts = run(bench.store.counts(JobFilter(counties=scope)))
    assert sum(counts.values()) == len(seen)
    assert counts[JobStatus.FAILED] == sum(job.failure_reason is not None for job in jobs if job.job_id in seen)

    changed = run(bench.store.changed(datetime(2000, 1, 1, tzinfo=UTC), 99, counties=scope))
    assert {event.job_id for event in changed} == seen
    found = run(bench.store.attention(99, counties=scope))
    assert {job.job_id for job in (*found.failed, *found.late)} <= seen
    named = (
        run(bench.store.page(JobFilter(text=str(jobs[0].job_id)[:18], counties=scope), after=None, limit=9))
        if jobs
        else None
    )
    assert named is None or bool(named.jobs) is (jobs[0].job_id in seen)

    wanted = LetterFilter(state=None, counties=scope)
    entries = run(letters.page(wanted, before=None, limit=99))
    told = sorted((entry.stage, entry.job_id) for entry in entries if entry.job_id)
    if scope is None:
        assert len(entries) == len(foreign) + 1 + len(own) + len(ends)
    else:
        assert told == sorted((letter.stage, letter.job_id) for letter in (*own, *ends) if letter.job_id in seen)
    assert run(letters.count(wanted, after=0)) == len(entries)
    assert sorted(run(letters.ids(wanted, after=0, limit=99))) == sorted(entry.id for entry in entries)
    every = run(letters.ids(LetterFilter(state=None), after=0, limit=99))
    assert [i for i in every if run(letters.get(i, counties=scope))] == sorted(entry.id for entry in entries)


def _born(bench, county, offset, *, failed):
    reason = FailureReason.INVALID_PARAMETERS if failed else None
    return bench.job(county_id=county, origin=Origin(REQUESTS.name, 3, offset), failure_reason=reason)


def _conflict(bench, job, offset):
    """Somebody else's request under a job's id."""
    return bench.letter(offset, stage=Stage.ACCEPT, job_id=job.job_id, error_class="Conflict")


async def test_counties_that_are_not_seen_are_not_loaded(driver):
    for county in COUNTIES:
        await driver.load(county, "v1")

    async def names(of):
        return [version.county_id for version in await driver.counties.current(of)]

    assert await names(None) == sorted(COUNTIES)
    assert await names(frozenset({"king_wa", "nowhere"})) == ["king_wa"]
    assert await names(frozenset()) == []
