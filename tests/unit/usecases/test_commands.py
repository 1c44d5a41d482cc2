"""What is ordered: by one rule over the topic and over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import uuid4

import pytest
from support.counties import version_of

from models.dead_letters import Stage
from models.jobs import FailureReason, JobStatus
from models.messages import Command
from models.pauses import Scope
from models.records import IncomingRecord
from terrafusion.errors import Conflict, InvalidParameters, InvalidRequest, NotFound, UnknownAnalysisType, UnknownCounty
from terrafusion.web.audit import AuditQuery
from topics.catalogue import COMMANDS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def record(command, *, offset=0, **fields):
    value = command if isinstance(command, bytes | None) else json.dumps({"command": command, **fields}).encode()
    return IncomingRecord(COMMANDS.name, 0, offset, NOW, b"k", value, (("tenant", b"\xff"),))


class TestCancel:
    @pytest.mark.parametrize(
        ("reason", "who", "message"),
        [
            (None, None, "Cancelled"),
            ("wrong year", None, "Cancelled: wrong year"),
            (None, "roll desk", "Cancelled by roll desk"),
            ("wrong year", "roll desk", "Cancelled by roll desk: wrong year"),
        ],
    )
    @pytest.mark.parametrize("stands", ["waiting", "running"])
    async def test_ends_a_live_job_and_says_by_whom_and_why(self, office, stands, reason, who, message):
        job_id = await getattr(office, stands)()
        job = await office.commands.cancel(job_id, reason=reason, requested_by=who)
        assert (job.status, job.message, job.completed_at) == (JobStatus.CANCELLED, message, office.clock.now)
        assert office.rung == 1, "the relay hears of it at once"

    async def test_an_ended_job_is_a_conflict_however_it_ended(self, office):
        ids = [await office.ended(), await office.ended(FailureReason.TIMEOUT), await office.waiting()]
        await office.commands.cancel(ids[2])
        for job_id in ids:
            before = await office.look(job_id)
            with pytest.raises(Conflict, match=rf"{job_id} is {before.status}"):
                await office.commands.cancel(job_id)
            assert await office.look(job_id) == before

    async def test_an_unknown_job_is_not_found(self, office):
        with pytest.raises(NotFound):
            await office.commands.cancel(uuid4())

    async def test_a_job_that_comes_between_two_looks_is_cancelled_too(self, office, monkeypatch):
        job_id, cancel, tried = uuid4(), office.store.cancel, []

        async def too_early(ids, *, message, deed):
            tried.append(ids)
            moved = await cancel(ids, message=message, deed=deed)
            if len(tried) == 1:
                await office.waiting(job_id=job_id)
            return moved

        monkeypatch.setattr(office.store, "cancel", too_early)
        assert (await office.commands.cancel(job_id)).status is JobStatus.CANCELLED


class TestRetry:
    async def test_asks_the_same_under_a_new_id(self, office):
        asked = {"parameters": {"period": "year"}, "priority": 8, "correlation_id": "c"}
        old = await office.look(await office.ended(**asked, requested_by="upstream"))
        new = await office.commands.retry(old.job_id, requested_by="roll desk")
        assert new.job_id != old.job_id == new.retry_of
        same = ("analysis_type", "county_id", "parameters", "priority", "correlation_id")
        assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
        assert (new.status, new.requested_by) == (JobStatus.PENDING, "roll desk")
        assert await office.look(old.job_id) == old, "what has ended is left as it is"

    @pytest.mark.parametrize(("seconds", "stays"), [(60, True), (0, False), (-60, False)], ids=str)
    async def test_keeps_a_deadline_that_is_to_come_and_drops_one_that_has_passed(self, office, seconds, stays):
        deadline = office.clock.now + timedelta(seconds=3600)
        job_id = await office.ended(FailureReason.DEADLINE_PASSED, deadline=deadline)
        office.clock.tick(3600 - seconds)
        new = await office.commands.retry(job_id)
        assert new.deadline == (deadline if stays else None)
        await office.store.expire()
        assert (await office.look(new.job_id)).status is JobStatus.PENDING

    async def test_is_answered_from_the_records_as_they_are_now(self, office):
        job_id = await office.ended()
        office.stored_counties.add(version_of("king_wa", "v2"))
        assert (await office.look(job_id)).data_version == "v1"
        assert (await office.commands.retry(job_id)).data_version == "v2"

    @pytest.mark.parametrize("reason", [None, FailureReason.TIMEOUT, FailureReason.ATTEMPTS_EXHAUSTED])
    async def test_of_any_job_that_has_ended(self, office, reason):
        assert (await office.commands.retry(await office.ended(reason))).status is JobStatus.PENDING

    async def test_of_a_cancelled_job_and_of_a_retry(self, office):
        job_id = await office.waiting()
        await office.commands.cancel(job_id)
        first = await office.commands.retry(job_id)
        await office.commands.cancel(first.job_id)
        assert (await office.commands.retry(first.job_id)).retry_of == first.job_id

    async def test_the_same_key_is_the_same_job_for_each_job_alone(self, office):
        one, two = await office.ended(), await office.ended()
        first, again = await office.commands.retry(one, key="k"), await office.commands.retry(one, key="k")
        assert first.job_id == again.job_id
        assert (await office.commands.retry(two, key="k")).job_id != first.job_id

    @pytest.mark.parametrize("stands", ["waiting", "running"])
    async def test_a_live_job_is_a_conflict(self, office, stands):
        with pytest.raises(Conflict, match="only what has ended"):
            await office.commands.retry(await getattr(office, stands)())

    async def test_an_unknown_job_is_not_found(self, office):
        with pytest.raises(NotFound):
            await office.commands.retry(uuid4())

    async def test_what_is_not_valid_any_more_is_refused(self, office):
        with pytest.raises(InvalidParameters):
            await office.commands.retry(await office.ended(parameters={"sprocket": 1}))
        with pytest.raises(UnknownCounty):
            await office.commands.retry(await office.ended(county_id="atlantis"))
        with pytest.raises(UnknownAnalysisType):
            await office.commands.retry(await office.ended(analysis_type="horoscope"))

    async def test_a_request_that_could_not_be_read_whole_is_not_asked_again_without_its_parameters(self, office):
        job_id = await office.waiting(failure_reason=FailureReason.INVALID_PARAMETERS, message="priority is 'high'")
        with pytest.raises(InvalidRequest, match="priority is 'high'"):
            await office.commands.retry(job_id)

    async def test_a_job_whose_county_was_loaded_since_is_asked_again(self, office):
        job_id = await office.waiting(failure_reason=FailureReason.UNKNOWN_COUNTY, message="no such county")
        assert (await office.commands.retry(job_id)).status is JobStatus.PENDING


class TestPause:
    async def test_says_what_stands_still_and_resume_lets_it_go(self, office):
        county = Command(command="pause", county_id="king_wa", reason="reappraisal", requested_by="me")
        pause = await office.commands.pause(county)
        assert (pause.scope, pause.name, pause.reason, pause.requested_by) == (
            Scope.COUNTY, "king_wa", "reappraisal", "me",
        )  # fmt: skip
        assert office.pauses.names(Scope.COUNTY) == {"king_wa"}, "known at once where it was ordered"
        resume = Command(command="resume", county_id="king_wa")
        assert [await office.commands.resume(resume) for _ in range(2)] == [True, False]
        assert await office.stored_pauses.all() == []

    async def test_a_second_pause_leaves_the_first_as_it_is(self, office):
        first = await office.commands.pause(Command(command="pause", reason="one"))
        office.clock.tick(5)
        assert await office.commands.pause(Command(command="pause", reason="two")) == first

    async def test_of_a_type_its_other_names_stand_still_too(self, office):
        await office.commands.pause(Command(command="pause", analysis_type="simulated_price_trends"))
        assert office.pauses.names(Scope.TYPE) == {"trend_analysis", "simulated_price_trends"}
        await office.commands.resume(Command(command="resume", analysis_type="simulated_price_trends"))
        assert office.pauses.names(Scope.TYPE) == frozenset()

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    async def test_what_nobody_knows_is_refused(self, office, verb):
        carry_out = getattr(office.commands, verb)
        with pytest.raises(UnknownCounty):
            await carry_out(Command(command=verb, county_id="atlantis"))
        with pytest.raises(UnknownAnalysisType):
            await carry_out(Command(command=verb, analysis_type="horoscope"))
        assert await office.stored_pauses.all() == []

    async def test_what_stands_still_goes_on_also_where_nobody_knows_it_any_more(self, office):
        names = {Scope.COUNTY: ("county_id", "atlantis"), Scope.TYPE: ("analysis_type", "horoscope")}
        for scope, (field, name) in names.items():
            await office.stored_pauses.pause(scope, name, reason=None, requested_by=None)
            with pytest.raises((UnknownCounty, UnknownAnalysisType)):
                await office.commands.pause(Command(command="pause", **{field: name}))
        for field, name in names.values():
            assert await office.commands.resume(Command(command="resume", **{field: name}))
        assert await office.stored_pauses.all() == []


class TestOverTheTopic:
    async def test_a_record_twice_does_no_more_than_once(self, office):
        running, done = await office.running(), await office.ended()
        orders = [
            record("cancel", offset=1, job_id=str(running)),
            record("retry", offset=2, job_id=str(done)),
            record("pause", offset=3, county_id="king_wa"),
            record("resume", offset=4, county_id="lucas_oh"),
        ]
        for _ in range(2):
            assert [await office.commands.take(order, patient=True) for order in orders] == [True] * 4
        assert office.store.letters == []
        assert (await office.store.counts())[JobStatus.PENDING] == 1
        assert (await office.look(running)).sequence == 3
        assert [(office.counted("cancel", outcome)) for outcome in ("done", "unchanged")] == [1, 1]
        assert office.counted("resume", "unchanged") == 2

    async def test_a_job_that_has_ended_otherwise_is_a_dead_letter(self, office):
        job_id = await office.ended()
        assert await office.commands.take(record("cancel", job_id=str(job_id)), patient=True)
        [letter] = office.store.letters
        assert (letter.stage, letter.error_class, letter.job_id) == (Stage.ACCEPT, "Conflict", job_id)
        assert (letter.key, letter.headers) == (b"k", (("tenant", b"\xff"),))
        assert office.counted("cancel", "refused") == 1

    async def test_a_cancel_may_come_before_its_request(self, office):
        early = record("cancel", job_id=str(uuid4()))
        assert not await office.commands.take(early, patient=True)
        assert office.store.letters == []
        assert await office.commands.take(early, patient=False)
        assert [letter.error_class for letter in office.store.letters] == ["NotFound"]

    async def test_a_retry_may_not(self, office):
        assert await office.commands.take(record("retry", job_id=str(uuid4())), patient=True)
        assert [(letter.stage, letter.error_class) for letter in office.store.letters] == [(Stage.ACCEPT, "NotFound")]

    @pytest.mark.parametrize(
        ("value", "stage", "error"),
        [
            (b"{", Stage.DECODE, "MalformedMessage"),
            (None, Stage.DECODE, "MalformedMessage"),
            (b'{"command": "stop"}', Stage.VALIDATE, "InvalidRequest"),
            (b'{"command": "pause", "county_id": "atlantis"}', Stage.VALIDATE, "UnknownCounty"),
        ],
    )
    async def test_what_is_no_command_is_a_dead_letter_once(self, office, value, stage, error):
        for _ in range(2):
            assert await office.commands.take(record(value, offset=9), patient=True)
        [letter] = office.store.letters
        assert (letter.topic, letter.offset, letter.value) == (COMMANDS.name, 9, value)
        assert (letter.stage, letter.error_class) == (stage, error)

    async def test_its_letter_tells_what_it_names_or_what_its_job_is_of(self, office):
        ended = await office.ended()
        orders = [{"county_id": "atlantis"}, {"analysis_type": "astrology"}]
        await office.commands.take(record("cancel", job_id=str(ended)), patient=False)
        for offset, named in enumerate(orders, start=1):
            await office.commands.take(record("pause", offset=offset, **named), patient=False)
        about = [(letter.county_id, letter.analysis_type) for letter in office.store.letters]
        assert about == [("king_wa", "price_trend_by_zip"), ("atlantis", None), (None, "astrology")]


class TestTheAuditLog:
    """What the topic orders is told with the change; who is not known is who the record says, and marked so."""

    def told(self, office):
        return [(e.action, e.outcome, e.who, e.token_id, e.job_id, e.county_id) for e in office.store.deeds.entries]

    async def test_tells_each_command_once_however_often_it_comes(self, office):
        cancelled, ended = await office.waiting(), await office.ended()
        orders = [
            record("cancel", job_id=str(cancelled), requested_by="roll desk", reason="wrong year"),
            record("retry", offset=1, job_id=str(ended)),
            record("pause", offset=2, county_id="king_wa", requested_by="roll desk"),
            record("resume", offset=3, county_id="king_wa", requested_by="roll desk"),
        ]
        for order in (*orders, *orders[:2], orders[3]):
            assert await office.commands.take(order, patient=True)
        assert self.told(office) == [
            ("cancel", "done", "roll desk (unauthenticated)", None, cancelled, "king_wa"),
            ("retry", "done", "somebody (unauthenticated)", None, ended, "king_wa"),
            ("pause", "done", "roll desk (unauthenticated)", None, None, "king_wa"),
            ("resume", "done", "roll desk (unauthenticated)", None, None, "king_wa"),
        ]
        assert await office.commands.take(orders[2], patient=True)  # lifted meanwhile: in force again, and told again
        assert self.told(office)[4:] == [("pause", "done", "roll desk (unauthenticated)", None, None, "king_wa")]
        first, retried, *_ = office.store.deeds.entries
        assert (first.detail, first.address) == ("wrong year", f"{COMMANDS.name} 0/0")
        assert retried.detail.startswith("as job ")

    async def test_tells_what_was_refused_with_its_letter_and_once(self, office):
        unknown, ended = uuid4(), await office.ended()
        orders = [
            record("retry", job_id=str(unknown)),
            record("cancel", offset=1, job_id=str(ended)),
            record("pause", offset=2, county_id="nowhere"),
        ]
        for order in orders * 2:
            assert await office.commands.take(order, patient=False)
        told = [(e.outcome, e.job_id, e.county_id, e.letter_id) for e in office.store.deeds.entries]
        assert told == [
            ("not found", unknown, None, 1),
            ("conflict", ended, "king_wa", 2),
            (HTTPStatus.UNPROCESSABLE_ENTITY.phrase.lower(), None, None, 3),
        ]

    async def test_says_nothing_while_one_waits_nor_of_what_is_no_command(self, office):
        await office.commands.take(record("cancel", job_id=str(uuid4())), patient=True)
        await office.commands.take(record(b"\xff", offset=1), patient=True)
        assert self.told(office) == []

    async def test_a_secret_in_the_reason_of_a_pause_is_not_kept(self, office):
        secret = "tfm_" + "A" * 43
        await office.commands.take(record("pause", county_id="king_wa", reason=f"by {secret}"), patient=False)
        (entry,) = office.store.deeds.entries
        assert entry.detail == "by …"

    @pytest.mark.parametrize("source", [b"x" * 900, b"tfm_" + b"A" * 43], ids=["long", "secret"])
    async def test_whatever_a_record_calls_its_source_can_be_kept(self, office, source):
        job_id = await office.waiting()
        event = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_type", b"t"), ("ce_source", source))
        await office.commands.take(replace(record("cancel", job_id=str(job_id)), headers=event), patient=False)
        (entry,) = office.store.deeds.entries
        assert entry.who.endswith("(unauthenticated)")
        assert AuditQuery(who=entry.who).who == entry.who
        assert source.decode() not in entry.who

    async def test_orders_by_nobody_else_are_not_told(self, office):
        await office.commands.cancel(await office.waiting())
        assert self.told(office) == []
