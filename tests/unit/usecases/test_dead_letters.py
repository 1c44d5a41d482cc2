"""What becomes of letters that somebody deals with: one job each, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict
from support.counties import version_of

from models.access import anybody
from models.dead_letters import UNWRITABLE, DeadLetter, Handling, LetterState, Stage
from models.jobs import FailureReason, JobStatus
from models.messages import Command
from models.records import IncomingRecord
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.memory.letters import MemoryDeadLetters
from terrafusion.analysis.api import Analysis, Answer
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import Conflict, MalformedMessage, NotFound, Unavailable, UnknownCounty
from terrafusion.metrics import Metrics
from terrafusion.ports.letters import LetterFilter
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.dead_letters import DeadLetterOffice, Selection
from terrafusion.usecases.producers import EVERY_PRODUCER
from topics.catalogue import COMMANDS, REQUESTS, STATUS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
GOOD = {"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters": {"period": "month"}}


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    period: str = "month"


TREND = Analysis(name="trend_analysis", question="How?", parameters=Parameters, compute=lambda *_: Answer({}), needs=())
KING = version_of("king_wa")


class Fragile:
    """The letters, of which the next marks are lost as if this process had died."""

    def __init__(self, letters: MemoryDeadLetters) -> None:
        self._letters = letters
        self.lost_marks = 0

    async def settle(self, ids: Sequence[int], handling: Handling, **deed: Any) -> frozenset[int]:
        if self.lost_marks:
            self.lost_marks -= 1
            raise Unavailable("Postgres closed the connection")
        return await self._letters.settle(ids, handling, **deed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._letters, name)


@dataclass
class Orders:
    """Carries out commands, once a key."""

    said: list[tuple[Command, str, str | None]]
    refusal: Exception | None = None

    async def __call__(self, command: Command, *, key: str, traceparent: str | None) -> None:
        if self.refusal:
            raise self.refusal
        self.said.append((command, key, traceparent))


class Counter:
    """A county's counter: a store, the way in, and the office for what came back."""

    def __init__(self) -> None:
        self.store = MemoryJobStore(clock=self._tick, counties=MemoryCounties([KING]))
        self.metrics = Metrics(CollectorRegistry(), ["trend_analysis"])
        self.letters = Fragile(self.store.dead_letters)
        self.orders = Orders([])
        known = KnownCounties(MemoryCounties([KING]), self.metrics)
        self.accept = Accept(
            jobs=self.store,
            counties=known,
            catalogue=Catalogue([TREND]),
            metrics=self.metrics,
            on_accepted=lambda: None,
            caller=anybody,
            producers=EVERY_PRODUCER,
        )
        self.rung = 0
        self.now = NOW
        self.office = DeadLetterOffice(
            letters=self.letters,
            jobs=self.store,
            submit=self.accept.submit,
            execute=self.orders,
            metrics=self.metrics,
            on_told=self._ring,
            now=lambda: self.now,
            caller=anybody,
        )
        self._now = NOW

    def _tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def _ring(self) -> None:
        self.rung += 1

    async def take(self, value: bytes, *, offset: int = 1, headers: tuple[tuple[str, bytes], ...] = ()) -> int:
        """Let a record in by the front door; answers the id of the letter that it left."""
        record = IncomingRecord(REQUESTS.name, 0, offset, NOW, b"k", value, headers)
        await self.accept.records([record])
        return (await self.letters.ids(LetterFilter(state=None), after=0, limit=1000))[-1]

    async def state(self, letter_id: int) -> LetterState:
        letter = await self.store.dead_letters.get(letter_id)
        assert letter is not None
        return letter.state

    async def jobs(self) -> int:
        return sum((await self.store.counts()).values())

    def handled(self, state: str) -> float | None:
        return self.metrics.registry.get_sample_value("terrafusion_dead_letters_handled_total", {"state": state})


@pytest.fixture
def counter() -> Counter:
    return Counter()


def asked(**changes: Any) -> bytes:
    return orjson.dumps(GOOD | changes)


class TestRequests:
    async def test_a_corrected_request_is_the_retry_of_the_job_that_failed(self, counter):
        former = uuid4()
        headers = (("correlation_id", b"batch 7"), ("traceparent", TRACE.encode()), ("ce_specversion", b"0.3"))
        bad = asked(job_id=str(former), parameters={"sprocket": 1})
        letter_id = await counter.take(bad, headers=headers[:2])
        outcome = await counter.office.replay(letter_id, value=GOOD, by="ann")
        job = outcome.job
        assert (job.status, job.retry_of, job.requested_by) == (JobStatus.PENDING, former, "ann")
        assert (job.correlation_id, job.traceparent) == ("batch 7", TRACE)
        assert job.job_id != former
        assert (await counter.store.get(former)).failure_reason is FailureReason.INVALID_PARAMETERS
        letter = await counter.letters.get(letter_id)
        assert (letter.state, letter.replayed_as, letter.handled_by) == (LetterState.REPLAYED, job.job_id, "ann")
        assert counter.handled("replayed") == 1

    async def test_what_no_one_could_read_is_nobodys_retry(self, counter):
        letter_id = await counter.take(b"\xff", headers=(("correlation_id", b"batch 7"), ("ce_specversion", b"0.3")))
        job = (await counter.office.replay(letter_id, value=GOOD)).job
        assert (job.retry_of, job.correlation_id, job.requested_by) == (None, "batch 7", None)

    async def test_another_job_under_the_same_id_is_not_what_is_retried(self, counter):
        job_id = str(uuid4())
        await counter.accept.records([IncomingRecord(REQUESTS.name, 0, 1, NOW, None, asked(job_id=job_id), ())])
        letter_id = await counter.take(asked(job_id=job_id, parameters={"period": "year"}), offset=2)
        job = (await counter.office.replay(letter_id)).job
        assert (job.retry_of, job.parameters, str(job.job_id) != job_id) == (None, {"period": "year"}, True)

    async def test_a_structured_event_keeps_its_trace(self, counter):
        event = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "traceparent": TRACE, "data": {}}
        structured = (("content-type", b"application/cloudevents+json"),)
        letter_id = await counter.take(orjson.dumps(event), headers=structured)
        assert (await counter.office.replay(letter_id, value=GOOD)).job.traceparent == TRACE

    async def test_once_the_county_is_loaded_it_is_accepted_as_it_was(self, counter):
        letter_id = await counter.take(asked(county_id="lucas_oh", priority=8))
        with pytest.raises(UnknownCounty, match="lucas_oh"):
            await counter.office.replay(letter_id)
        assert await counter.state(letter_id) is LetterState.OPEN
        counter.accept._counties = KnownCounties(MemoryCounties([KING, version_of("lucas_oh")]), counter.metrics)
        assert (await counter.office.replay(letter_id)).job.priority == 8

    @pytest.mark.parametrize(("due", "kept"), [(timedelta(hours=3), True), (-timedelta(hours=3), False)])
    async def test_a_job_that_was_given_up_is_asked_again_as_it_was(self, counter, due, kept):
        deadline = NOW + timedelta(days=1)
        request = asked(priority=9, correlation_id="roll 2026", job_id=str(uuid4()), deadline=deadline.isoformat())
        counter.now = deadline - due
        await counter.accept.records(
            [IncomingRecord(REQUESTS.name, 0, 1, NOW, None, request, (("traceparent", TRACE.encode()),))]
        )
        (claim,) = await counter.store.claim("w", slots=1, weights={}, lease=timedelta(seconds=9))
        await counter.store.crashed({claim.job_id: 1}, message="Died", max_crashes=0)
        job = (await counter.office.replay(1)).job
        assert (job.retry_of, job.status) == (claim.job_id, JobStatus.PENDING)
        assert (job.priority, job.correlation_id, job.traceparent) == (9, "roll 2026", TRACE)
        assert job.deadline == (deadline if kept else None)
        assert job.parameters == {"period": "month"}

    async def test_a_crash_before_the_mark_makes_no_second_job(self, counter):
        letter_id = await counter.take(b"junk")
        counter.letters.lost_marks = 1
        with pytest.raises(Unavailable):
            await counter.office.replay(letter_id, value=GOOD, by="ann")
        assert (await counter.state(letter_id), await counter.jobs()) == (LetterState.OPEN, 1)
        again = await counter.office.replay(letter_id, value=GOOD, by="ben")
        assert await counter.jobs() == 1
        assert (await counter.letters.get(letter_id)).replayed_as == again.job.job_id

    async def test_a_crash_and_then_another_value_make_no_second_job(self, counter):
        letter_id = await counter.take(b"junk")
        counter.letters.lost_marks = 1
        with pytest.raises(Unavailable):
            await counter.office.replay(letter_id, value=GOOD, by="ann")
        with pytest.raises(Conflict, match=r"replayed as job .* by ann"):
            await counter.office.replay(letter_id, value=GOOD | {"parameters": {"period": "year"}}, by="ben")
        assert (await counter.jobs(), await counter.state(letter_id)) == (1, LetterState.REPLAYED)

    async def test_of_two_at_once_one_is_told_of_the_other(self, counter):
        letter_id = await counter.take(b"junk")
        both = [counter.office.replay(letter_id, value=GOOD, by=who) for who in ("ann", "ben")]
        said = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in said) == ["Conflict", "Outcome"]
        assert await counter.jobs() == 1


class TestCommands:
    def letter(self, counter: Counter, value: bytes) -> None:
        counter.store.dead_letters.keep([
            DeadLetter(
                topic=COMMANDS.name, partition=2, offset=5, timestamp=NOW, key=None, value=value,
                headers=(("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/ops"), ("ce_type", b"c")),
                stage=Stage.ACCEPT, error_class="NotFound", error_message="no job",
            )
        ])  # fmt: skip

    async def test_it_is_carried_out_under_the_key_it_had(self, counter):
        self.letter(counter, orjson.dumps({"command": "retry", "job_id": str(uuid4())}))
        outcome = await counter.office.replay(1, by="ann")
        ((command, key, _),) = counter.orders.said
        assert (outcome.message, command.requested_by) == ("Carried out: retry", "ann")
        assert UUID(key)
        assert await counter.state(1) is LetterState.REPLAYED

    async def test_who_sent_it_ordered_it_where_nobody_else_says_so(self, counter):
        self.letter(counter, orjson.dumps({"command": "pause"}))
        await counter.office.replay(1)
        assert counter.orders.said[0][0].requested_by == "/ops"

    async def test_refused_again_it_stays_open(self, counter):
        self.letter(counter, orjson.dumps({"command": "cancel", "job_id": str(uuid4())}))
        counter.orders.refusal = NotFound("no job has the id")
        with pytest.raises(NotFound, match="no job"):
            await counter.office.replay(1)
        assert await counter.state(1) is LetterState.OPEN

    async def test_a_corrected_command(self, counter):
        self.letter(counter, b"junk")
        with pytest.raises(MalformedMessage):
            await counter.office.replay(1)
        await counter.office.replay(1, value={"command": "resume"})
        assert counter.orders.said[0][0].command == "resume"


class TestStates:
    """A status event that was too large: the compacted topic may not end on an older one."""

    async def parked(self, counter: Counter, number: int, why: str = "RecordTooLarge") -> None:
        record = [record for record in counter.store.outbox if record.topic == STATUS.name][number]
        letter = DeadLetter(
            topic=record.topic,
            partition=None,
            offset=None,
            timestamp=NOW,
            job_id=UUID((record.key or b"").decode()),
            key=record.key,
            value=record.value,
            headers=record.headers,
            stage=Stage.PUBLISH,
            error_class=why,
            error_message="size",
        )
        counter.store.dead_letters.park([letter])

    async def test_only_the_last_of_a_job_that_has_ended_is_published_again(self, counter):
        await counter.accept.records([IncomingRecord(REQUESTS.name, 0, 1, NOW, None, asked(), ())])
        await self.parked(counter, 0)
        with pytest.raises(Conflict, match="not in for good"):
            await counter.office.replay(1)
        (claim,) = await counter.store.claim("w", slots=1, weights={}, lease=timedelta(seconds=9))
        await counter.store.cancel([claim.job_id], message="Cancelled")
        await self.parked(counter, -1)
        with pytest.raises(Conflict, match="not in for good"):
            await counter.office.replay(1)
        told = len(counter.store.outbox)
        await counter.office.replay(2)
        assert len(counter.store.outbox) == told + 1
        assert await counter.state(1) is LetterState.OPEN

    async def test_what_could_not_be_written_is_no_record_to_be_published(self, counter):
        job_id = uuid4()
        await counter.accept.records([IncomingRecord(REQUESTS.name, 0, 1, NOW, None, asked(job_id=str(job_id)), ())])
        await counter.store.cancel([job_id], message="Cancelled")
        await self.parked(counter, -1, UNWRITABLE)
        with pytest.raises(Conflict, match="cannot be written"):
            await counter.office.replay(1)


class TestMany:
    async def test_one_that_is_refused_holds_up_nothing(self, counter):
        bad = await counter.take(b"junk", offset=1)
        good = await counter.take(asked(parameters={"sprocket": 1}), offset=2)
        parked = DeadLetter(
            topic="large", partition=None, offset=None, timestamp=NOW, key=b"k", value=b"v", headers=(),
            stage=Stage.PUBLISH, error_class="RecordTooLarge", error_message="size",
        )  # fmt: skip
        counter.store.dead_letters.park([parked])
        bulk = await counter.office.replay_many(Selection(wanted=LetterFilter(), after=0, confirm=3), by="ann")
        assert [outcome.letter_id for outcome in bulk.outcomes] == [bad, good, 3]
        assert [outcome.refusal is None for outcome in bulk.outcomes] == [False, False, True]
        assert counter.rung == 1
        assert (await counter.state(3), counter.store.outbox[-1].value) == (LetterState.REPLAYED, b"v")

    async def test_what_somebody_else_did_meanwhile_is_said(self, counter):
        for offset in (1, 2):
            await counter.take(b"junk", offset=offset)
        selection = Selection(wanted=LetterFilter(), after=0, confirm=2)
        ids = counter.letters.ids

        async def slowly(*arguments: Any, **named: Any) -> Sequence[int]:
            found = await ids(*arguments, **named)
            await counter.office.discard(found[0], note="mine", by="ben")
            return found

        counter.letters.ids = slowly
        bulk = await counter.office.discard_many(selection, note="ours", by="ann")
        assert [outcome.refusal is None for outcome in bulk.outcomes] == [False, True]
        assert (await counter.letters.get(1)).note == "mine"
        assert counter.handled("discarded") == 2

    async def test_a_number_that_is_not_the_one_expected(self, counter):
        await counter.take(b"junk")
        with pytest.raises(Conflict, match="1 open dead letters are like that, not 2"):
            await counter.office.replay_many(Selection(wanted=LetterFilter(), after=0, confirm=2))
