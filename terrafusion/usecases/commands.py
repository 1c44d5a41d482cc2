"""What people order: cancel, retry, pause and resume, over the commands topic and over HTTP by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from models.access import STRANGER, Action, Caller, Deed
from models.dead_letters import About
from models.jobs import TERMINAL, FailureReason, Job, JobStatus
from models.messages import AnalysisRequest, Command, Verb
from models.pauses import Pause, Scope
from models.records import IncomingRecord
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Rejected,
    UnknownAnalysisType,
    UnknownCounty,
    UnstorableData,
)
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.calls import Call, called, deed, facts, must, note, plain, told
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.dead_lettering import letter_of, outcome_of
from terrafusion.usecases.pauses import KnownPauses, because
from terrafusion.usecases.producers import Producers
from topics.commands import Order, decode
from topics.requests import derived_id

UNREADABLE: Final = "unreadable"
"""Counted in place of a verb."""
UNAUTHENTICATED: Final = "(unauthenticated)"
"""Stands in the audit log behind the name that a record gives itself, which no token's name is then taken for."""
LONGEST_NAME: Final = 200 - len(f" {UNAUTHENTICATED}")
"""With the mark it is as long as a name that entries can be asked for by."""


class Commands:
    """Carries out what is ordered. Each method raises the Rejected family, and Unavailable."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        accept: Accept,
        pauses: KnownPauses,
        counties: KnownCounties,
        catalogue: Catalogue,
        metrics: Metrics,
        on_moved: Callable[[], None],
        now: Callable[[], datetime],
        caller: Callable[[], Caller],
        producers: Producers,
    ) -> None:
        """Take also what tells for whom an order is carried out, and who sent a record."""
        self._caller = caller
        self._producers = producers
        self._jobs = jobs
        self._accept = accept
        self._pauses = pauses
        self._counties = counties
        self._catalogue = catalogue
        self._metrics = metrics
        self._on_moved = on_moved
        self._now = now

    async def cancel(self, job_id: UUID, *, reason: str | None = None, requested_by: str | None = None) -> Job:
        """End a job that waits or runs, at once, and return it; raises Conflict for one that has ended."""
        job, moved = await self._end(job_id, f"Cancelled{because(self._by(requested_by), reason)}")
        if not moved:
            raise _has_ended(job)
        self._count(Verb.CANCEL, "done")
        return job

    async def cancel_many(
        self, ids: Sequence[UUID], *, reason: str | None = None, requested_by: str | None = None
    ) -> frozenset[UUID]:
        """End those of these jobs that wait or run; answers which did."""
        message = f"Cancelled{because(self._by(requested_by), reason)}"
        moved = await self._jobs.cancel(ids, message=message, deed=deed())
        if moved:
            told()
        self._metrics.commands.labels(Verb.CANCEL, "done").inc(len(moved))
        self._on_moved()
        return moved

    async def retry(
        self, job_id: UUID, *, key: str | None = None, traceparent: str | None = None, requested_by: str | None = None
    ) -> Job:
        """Ask again what a job was asked, on the records as they are now, and return the new job.

        The same ``key`` makes the same new job. Raises Conflict while the job has not ended.
        """
        old = await self._job(job_id)
        request = _asked_again(old, self._now())
        new = await self._accept.submit(
            request,
            named=derived_id("retry", str(job_id), key) if key else None,
            traceparent=traceparent,
            requested_by=requested_by,
            retry_of=job_id,
        )
        self._count(Verb.RETRY, "done")
        return new

    async def pause(self, command: Command) -> Pause:
        """Have what a command names stand still, and return how it does; what stood still already is left as it is."""
        scope, names = await self._named(command)
        by = self._by(command.requested_by)
        pauses = [await self._pauses.pause(scope, name, reason=command.reason, requested_by=by) for name in names]
        self._count(Verb.PAUSE, "done")
        return pauses[0]

    async def resume(self, command: Command) -> bool:
        """Let what a command names go on; says whether it was paused."""
        scope, names = await self._named(command)
        was_paused = [await self._pauses.resume(scope, name) for name in names]
        self._count(Verb.RESUME, "done" if any(was_paused) else "unchanged")
        self._on_moved()
        return any(was_paused)

    async def execute(self, command: Command, *, key: str, traceparent: str | None = None) -> Job | None:
        """Carry out a command so that doing it again under the same ``key`` changes nothing.

        Returns the job that it ended or made; None where it was about no job.
        """
        if command.job_id is None:
            await (self.pause(command) if command.command is Verb.PAUSE else self.resume(command))
            return None
        if command.command is Verb.CANCEL:
            return await self._cancel_once(command.job_id, command)
        who = command.requested_by
        return await self.retry(command.job_id, key=key, traceparent=traceparent, requested_by=who)

    async def take(self, record: IncomingRecord, *, patient: bool) -> bool:
        """Carry out a record of the commands topic, or keep it as a dead letter; says whether it is done with.

        While one is ``patient``, a cancel for a job that nobody knows is not: its request may be on its way.
        """
        order = _read(record)
        if isinstance(order, Rejected):
            await self._refuse(record, None, order)
            return True
        sender = await self._producers.one(record)
        with called(_call(record, order.command, sender)):
            return await self._try(record, order, sender, patient=patient)

    async def _try(self, record: IncomingRecord, order: Order, sender: Caller | NotAllowed, *, patient: bool) -> bool:
        command = order.command
        try:
            if isinstance(sender, NotAllowed):
                raise sender
            must(sender, Action(command.command))
            await self.execute(command, key=str(order.identity), traceparent=order.traceparent)
        except (Rejected, UnstorableData) as error:
            if patient and _may_come(command, error):
                return False
            await self._refuse(record, command, error)
        return True

    async def _cancel_once(self, job_id: UUID, command: Command) -> Job:
        by = self._by(command.requested_by)
        job, moved = await self._end(job_id, f"Cancelled{because(by, command.reason)}")
        if not moved and job.status is not JobStatus.CANCELLED:
            raise _has_ended(job)
        self._count(Verb.CANCEL, "done" if moved else "unchanged")
        return job

    async def _end(self, job_id: UUID, message: str) -> tuple[Job, bool]:
        """Cancel a job and say whether it moved; looks again where it came between two looks."""
        if self._caller().counties is not None:
            await self._job(job_id)
        while True:
            moved = await self._jobs.cancel([job_id], message=message, deed=deed())
            if moved:
                told()
            job = await self._job(job_id)
            if moved or job.status in TERMINAL:
                self._on_moved()
                return job, bool(moved)

    async def _job(self, job_id: UUID) -> Job:
        job = await self._jobs.get(job_id, counties=self._caller().counties)
        if job is None:
            raise NotFound(f"no job has the id {job_id}", field="job_id", value=str(job_id))
        note(job_id=job_id, county_id=job.county_id, analysis_type=job.analysis_type)
        return job

    def _by(self, requested_by: str | None) -> str | None:
        """Say by whom: who is known cannot be somebody else."""
        return self._caller().name or requested_by

    async def _named(self, command: Command) -> tuple[Scope, Sequence[str]]:
        """Say what a command pauses or resumes; what stands still goes on again also where nobody knows it any more."""
        scope, name = _addressed(command)
        who = self._caller()
        if scope is not Scope.COUNTY and who.counties is not None:
            raise _not_of_all(command, who)
        try:
            return scope, await self._known(scope, name)
        except (UnknownCounty, UnknownAnalysisType):
            await self._pauses.look()
            is_paused = name in self._pauses.names(scope) and (scope is not Scope.COUNTY or who.sees(name))
            if command.command is Verb.RESUME and is_paused:
                return scope, [name]
            raise

    async def _known(self, scope: Scope, name: str) -> Sequence[str]:
        """Return by which names jobs ask for something: a type's aliases too, for each is kept under the name it came with."""
        if scope is Scope.TYPE:
            analysis = self._catalogue.get(name)
            return [analysis.name, *analysis.aliases]
        if scope is Scope.COUNTY:
            await self._counties.look(frozenset({name}))
            self._counties.check(name, self._caller().counties)
            note(county_id=name)
        return [name]

    async def _refuse(self, record: IncomingRecord, command: Command | None, error: Exception) -> None:
        letter = letter_of(record, error, command.job_id if command else None, _about(command))
        await self._jobs.accept([], [letter], deed=deed(outcome=outcome_of(error), **facts("county_id")))
        self._metrics.dead_letters.labels(letter.stage).inc()
        self._count(command.command if command else UNREADABLE, "refused")
        self._on_moved()

    def _count(self, verb: str, outcome: str) -> None:
        self._metrics.commands.labels(verb, outcome).inc()


def _read(record: IncomingRecord) -> Order | Rejected:
    try:
        return decode(record)
    except Rejected as error:
        return error


def _call(record: IncomingRecord, command: Command, sender: Caller | NotAllowed) -> Call:
    """Say for whom a command is carried out, and what the audit log tells: who cannot be known is who they say they are."""
    known = sender if isinstance(sender, Caller) and sender.name else None
    deed = Deed(
        action=Action(command.command),
        outcome="done",
        who=known.name if known else f"{plain(command.requested_by or 'somebody')[:LONGEST_NAME]} {UNAUTHENTICATED}",
        token_id=known.token_id if known else None,
        detail=command.reason and plain(command.reason),
        address=f"{record.topic} {record.partition}/{record.offset}",
    )
    return Call(sender if isinstance(sender, Caller) else STRANGER, deed=deed)


def _about(command: Command | None) -> About:
    """Say which county and type a command is about: those that it names, or those of its job."""
    named = {"county_id": command.county_id, "analysis_type": command.analysis_type} if command else {}
    return About(**named | facts(*named))


def _addressed(command: Command) -> tuple[Scope, str]:
    if command.county_id is not None:
        return Scope.COUNTY, command.county_id
    if command.analysis_type is not None:
        return Scope.TYPE, command.analysis_type
    return Scope.INTAKE, ""


def _not_of_all(command: Command, who: Caller) -> NotAllowed:
    allowed = ", ".join(sorted(who.counties or ())) or "none"
    what = f"the type {command.analysis_type}" if command.analysis_type else "the intake"
    msg = f"{what} is that of all counties; the token {who.name!r} may {command.command} those of: {allowed}"
    return NotAllowed(msg, field="county_id", allowed=allowed)


def _may_come(command: Command, error: Exception) -> bool:
    return command.command is Verb.CANCEL and isinstance(error, NotFound)


def _has_ended(job: Job) -> Conflict:
    allowed = "a job that is PENDING or RUNNING"
    return Conflict(
        f"job {job.job_id} is {job.status}; what has ended cannot be cancelled",
        field="job_id",
        value=str(job.job_id),
        allowed=allowed,
    )


def _asked_again(job: Job, now: datetime) -> AnalysisRequest:
    """Make a job's request anew, without a deadline that has passed: its retry would fail at once.

    Raises Conflict while it has not ended, InvalidRequest where it never could be read whole.
    """
    if job.status not in TERMINAL:
        msg = f"job {job.job_id} is {job.status}; only what has ended can be retried"
        raise Conflict(msg, field="job_id", value=str(job.job_id), allowed="a job that has ended")
    if job.failure_reason is FailureReason.INVALID_PARAMETERS and not job.attempt:
        msg = f"job {job.job_id} was refused as it was asked: {job.message}; a corrected request makes a new job"
        raise InvalidRequest(msg, field="job_id", value=str(job.job_id), allowed="a job that was accepted")
    return AnalysisRequest(
        analysis_type=job.analysis_type,
        county_id=job.county_id,
        parameters=dict(job.parameters or {}),
        priority=job.priority,
        deadline=job.deadline_to_come(now),
        correlation_id=job.correlation_id,
    )
