"""What somebody does about dead letters: they go back to where they came from, corrected or not, or are put aside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import structlog

from models.access import Caller
from models.dead_letters import UNWRITABLE, Handling, KeptLetter, LetterEntry, LetterState, Stage
from models.jobs import TERMINAL, Job, Origin
from models.messages import AnalysisRequest, Command, Verb
from models.records import Headers, IncomingRecord
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Conflict, InvalidRequest, NotFound, Rejected
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import JobStore
from terrafusion.ports.letters import DeadLetters, LetterFilter
from terrafusion.usecases.calls import about_letter, deed, told, untold
from topics import commands
from topics.catalogue import COMMANDS, REQUESTS, STATUS
from topics.requests import CARRIED, decode, derived_id, read_event

MOST_AT_ONCE: Final = 200
"""Letters that one call deals with; the next one goes on behind them."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one letter: a sentence and the job that its replay made, or why it stays as it is."""

    letter_id: int
    message: str
    job: Job | None = None
    refusal: Rejected | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """What came of many letters, oldest first, and where the next call goes on: ``left`` stand behind ``next_after``."""

    outcomes: Sequence[Outcome]
    next_after: int | None
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Open letters behind an id that fulfil a filter, and how many of them the caller expects."""

    wanted: LetterFilter
    after: int
    confirm: int


class Submit(Protocol):
    """The use case that accepts a request: the same as behind the requests topic."""

    async def __call__(
        self,
        request: AnalysisRequest,
        *,
        traceparent: str | None,
        requested_by: str | None,
        retry_of: UUID | None,
        named: UUID | None,
    ) -> Job:
        """Accept a request as the job ``named``; the job that stands when it was accepted before."""


class Execute(Protocol):
    """The use case that carries out a command: the same as behind the commands topic."""

    async def __call__(self, command: Command, *, key: str, traceparent: str | None) -> Job | None:
        """Carry it out, under the same ``key`` once; returns the job that it ended or made."""


class DeadLetterOffice:
    """Replays and discards dead letters, each once.

    A letter is marked after its work is done, by a guarded UPDATE: of two who replay it one is told that the other was
    quicker. The new job's id is derived from the letter's, so that a crash before the mark makes no second job.
    """

    def __init__(
        self,
        *,
        letters: DeadLetters,
        jobs: JobStore,
        submit: Submit,
        execute: Execute,
        metrics: Metrics,
        on_told: Callable[[], None],
        now: Callable[[], datetime],
        caller: Callable[[], Caller],
    ) -> None:
        self._caller = caller
        self._letters = letters
        self._jobs = jobs
        self._submit = submit
        self._execute = execute
        self._metrics = metrics
        self._on_told = on_told
        self._now = now

    async def replay(self, letter_id: int, *, value: Any = None, by: str | None = None) -> Outcome:
        """Put a letter to work again, with ``value`` in place of its own where that is given.

        Raises NotFound, Conflict where it was dealt with before, Rejected where it is refused again: it stays open.
        """
        letter, by = await self._open(letter_id), self._by(by)
        with about_letter(letter_id):
            outcome = await self._way(letter)(letter, value, by)
        self._count(LetterState.REPLAYED, [letter_id], by)
        return outcome

    async def discard(self, letter_id: int, *, note: str, by: str | None = None) -> Outcome:
        """Put a letter aside; raises NotFound, Conflict where it was dealt with before."""
        await self._open(letter_id)
        by = self._by(by)
        await self._mark(letter_id, Handling(state=LetterState.DISCARDED, by=by, note=note))
        self._count(LetterState.DISCARDED, [letter_id], by)
        return Outcome(letter_id, "Discarded")

    async def replay_many(self, selection: Selection, *, by: str | None = None) -> Bulk:
        """Replay the letters of a selection, one after another; raises Conflict where they are not as many as expected.

        What is refused again stays open and holds up nothing.
        """
        ids = await self._confirmed(selection)
        return _bulk(selection, [await self._tried(letter_id, by) for letter_id in ids])

    async def discard_many(self, selection: Selection, *, note: str, by: str | None = None) -> Bulk:
        """Put the letters of a selection aside; raises Conflict where they are not as many as expected."""
        ids, by = await self._confirmed(selection), self._by(by)
        handling = Handling(state=LetterState.DISCARDED, by=by, note=note)
        done = await self._letters.settle(ids, handling, deed=deed())
        if done:
            told()
        self._count(LetterState.DISCARDED, sorted(done), by)
        late = Conflict("somebody else dealt with it meanwhile")
        discarded = (Outcome(i, "Discarded") if i in done else Outcome(i, str(late), refusal=late) for i in ids)
        return _bulk(selection, list(discarded))

    async def _confirmed(self, selection: Selection) -> Sequence[int]:
        wanted = replace(selection.wanted, counties=self._caller().counties)
        found = await self._letters.count(wanted, after=selection.after)
        if found != selection.confirm:
            msg = f"{found} open dead letters are like that, not {selection.confirm}; look again before you confirm"
            raise Conflict(msg, field="confirm", value=selection.confirm, allowed=str(found))
        return await self._letters.ids(wanted, after=selection.after, limit=MOST_AT_ONCE)

    async def _tried(self, letter_id: int, by: str | None) -> Outcome:
        try:
            return await self.replay(letter_id, by=by)
        except Rejected as error:
            return Outcome(letter_id, str(error), refusal=error)

    def _way(self, letter: KeptLetter) -> Callable[[KeptLetter, Any, str | None], Awaitable[Outcome]]:
        """Choose where a letter goes back to; raises Conflict where nobody would take it."""
        if letter.stage is Stage.PUBLISH:
            return self._publish
        ways = {REQUESTS.name: self._request, COMMANDS.name: self._command}
        if letter.topic not in ways:
            msg = f"dead letter {letter.id} came from {letter.topic}; only {' and '.join(ways)} can be replayed"
            raise Conflict(msg, field="topic", value=letter.topic, allowed=", ".join(ways))
        return ways[letter.topic]

    async def _request(self, letter: KeptLetter, value: Any, by: str | None) -> Outcome:
        envelope = decode(_record(letter, value))
        former = await self._former(letter)
        named = derived_id("dead-letter", str(letter.id))
        try:
            job = await self._submit(
                _filled(envelope.request, former, self._now()),
                traceparent=envelope.traceparent or (former.traceparent if former else None),
                requested_by=by or envelope.source,
                retry_of=former.job_id if former else None,
                named=named,
            )
        except Conflict:
            await self._finish_for_another(letter, named)
            raise
        await self._mark(letter.id, Handling(state=LetterState.REPLAYED, by=by, replayed_as=job.job_id))
        return Outcome(letter.id, f"Accepted as job {job.job_id}", job)

    async def _command(self, letter: KeptLetter, value: Any, by: str | None) -> Outcome:
        order = commands.decode(_record(letter, value))
        command = order.command.model_copy(update={"requested_by": by or order.command.requested_by})
        job = await self._execute(command, key=str(order.identity), traceparent=order.traceparent)
        made = job.job_id if job and command.command is Verb.RETRY else None
        await self._mark(letter.id, Handling(state=LetterState.REPLAYED, by=by, replayed_as=made))
        return Outcome(letter.id, f"Carried out: {command.command}", job)

    async def _publish(self, letter: KeptLetter, value: Any, by: str | None) -> Outcome:
        if value is not None:
            msg = f"dead letter {letter.id} is a record that the broker refused; it is published as it was"
            raise InvalidRequest(msg, field="value", allowed="no value")
        if letter.error_class == UNWRITABLE:
            msg = f"dead letter {letter.id} is an event that cannot be written; its job tells what it would have told"
            raise Conflict(msg, field="error_class", value=UNWRITABLE, allowed="an event that the broker refused")
        if letter.topic == STATUS.name:
            await self._check_last(letter)
        if not await self._letters.republish(letter.id, by=by, deed=deed()):
            raise await self._too_late(letter.id)
        told()
        self._on_told()
        return Outcome(letter.id, f"Waits to be published on {letter.topic} again")

    async def _check_last(self, letter: KeptLetter) -> None:
        """Hold that a status event tells how its job ended: a compacted topic must not end on an older state."""
        job = await self._jobs.get(letter.job_id) if letter.job_id else None
        sequence = orjson.loads(letter.value or b"{}").get("sequence")
        if job is None or job.status not in TERMINAL or job.sequence != sequence:
            msg = (
                f"dead letter {letter.id} is a state that job {letter.job_id} is not in for good; later ones tell more"
            )
            raise Conflict(msg, field="topic", value=letter.topic, allowed="the last event of a job that has ended")

    async def _former(self, letter: KeptLetter) -> Job | None:
        """Find the job that this very letter tells of; another may stand under the id that it names."""
        job = await self._jobs.get(letter.job_id) if letter.job_id else None
        if job is None or letter.stage is Stage.ANALYSE:
            return job
        return job if job.origin == _origin(letter) else None

    async def _finish_for_another(self, letter: KeptLetter, named: UUID) -> None:
        """Mark the letter where its job stands already with another value: who made that job did not come to it."""
        job = await self._jobs.get(named)
        if job is not None:
            done = Handling(state=LetterState.REPLAYED, by=job.requested_by, replayed_as=named)
            await self._letters.settle([letter.id], done)
            raise await self._too_late(letter.id)

    async def _open(self, letter_id: int) -> KeptLetter:
        letter = await self._letters.get(letter_id, counties=self._caller().counties)
        if letter is None:
            msg = f"no dead letter has the id {letter_id}"
            raise NotFound(msg, field="id", value=letter_id)
        if letter.state is not LetterState.OPEN:
            raise _dealt_with(letter)
        return letter

    def _by(self, named: str | None) -> str | None:
        """Say by whom: who is known cannot be somebody else."""
        return self._caller().name or named

    async def _mark(self, letter_id: int, handling: Handling) -> None:
        cross(Boundary.REPLAYED)
        if not await self._letters.settle([letter_id], handling, deed=untold()):
            raise await self._too_late(letter_id)
        told()

    async def _too_late(self, letter_id: int) -> Conflict:
        letter = await self._letters.get(letter_id)
        return _dealt_with(letter) if letter else Conflict(f"dead letter {letter_id} is gone")

    def _count(self, state: LetterState, ids: Sequence[int], by: str | None) -> None:
        self._metrics.letters_handled.labels(state).inc(len(ids))
        for letter_id in ids:
            log.info("dead letter dealt with", letter_id=letter_id, state=state, by=by)


def _bulk(selection: Selection, outcomes: Sequence[Outcome]) -> Bulk:
    left = max(0, selection.confirm - len(outcomes))
    return Bulk(outcomes, outcomes[-1].letter_id if left and outcomes else None, left)


def _record(letter: KeptLetter, value: Any) -> IncomingRecord:
    """Make the record that is read again: a corrected value is a bare one, and keeps what a trace hangs on."""
    record = IncomingRecord(
        topic=letter.topic,
        partition=-1 if letter.partition is None else letter.partition,
        offset=-1 if letter.offset is None else letter.offset,
        timestamp=letter.timestamp,
        key=letter.key,
        value=letter.value,
        headers=letter.headers,
    )
    return record if value is None else replace(record, value=orjson.dumps(value), headers=_carried(record))


def _carried(record: IncomingRecord) -> Headers:
    """Return the headers that are passed on, also of a record that cannot be read."""
    try:
        found = read_event(record).attributes
    except Rejected:
        found = {name.lower(): (value or b"").decode(errors="replace") for name, value in record.headers}
    return tuple((name, found[name].encode()) for name in CARRIED if found.get(name))


def _filled(request: AnalysisRequest, former: Job | None, now: datetime) -> AnalysisRequest:
    """Take from the former job what the letter does not hold: that of a job which was given up is made of its row."""
    if former is None:
        return request
    known = {
        "correlation_id": former.correlation_id,
        "priority": former.priority,
        "deadline": former.deadline_to_come(now),
    }
    return request.model_copy(
        update={name: value for name, value in known.items() if name not in request.model_fields_set}
    )


def _origin(letter: LetterEntry) -> Origin | None:
    if letter.partition is None or letter.offset is None:
        return None
    return Origin(letter.topic, letter.partition, letter.offset)


def _dealt_with(letter: LetterEntry) -> Conflict:
    """Say as what, when and by whom."""
    as_what = f" as job {letter.replayed_as}" if letter.replayed_as else ""
    by_whom = f" by {letter.handled_by}" if letter.handled_by else ""
    when = f"{letter.handled_at:%Y-%m-%d %H:%M:%S} UTC" if letter.handled_at else "before"
    return Conflict(
        f"dead letter {letter.id} was {letter.state}{as_what} {when}{by_whom}",
        field="state",
        value=letter.state,
        allowed=LetterState.OPEN,
    )
