"""Requests become jobs: a batch of records in one transaction, or one request over HTTP by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import orjson

from models.access import Action, Caller, Deed
from models.access import Counties as Seen
from models.dead_letters import NOTHING, About, DeadLetter, Stage
from models.jobs import FailureReason, Job, NewJob, Origin
from models.messages import AnalysisRequest
from models.records import IncomingRecord
from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.registry import Catalogue
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    Rejected,
    UnknownAnalysisType,
    UnknownCounty,
    UnstorableData,
)
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Accepted, JobStore, Offer
from terrafusion.usecases.calls import deed, must, note, told
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.dead_lettering import LONGEST_REASON, letter_of
from terrafusion.usecases.producers import Producers
from terrafusion.usecases.traces import NO_TRACES, Traces
from topics.requests import Envelope, decode, derived_id, salvage


@dataclass(frozen=True, slots=True)
class _Item:
    """One record of a batch and what is to be written of it: a job to offer, or a dead letter alone."""

    record: IncomingRecord
    outcome: Offer | DeadLetter

    @property
    def about(self) -> About:
        """What it names; of narrow alphabets, so that this can be stored whatever else cannot."""
        said = self.outcome.job if isinstance(self.outcome, Offer) else self.outcome
        return About(said.county_id, said.analysis_type)


class Accept:
    """The one way in, for records of the requests topic and for HTTP."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        counties: KnownCounties,
        catalogue: Catalogue,
        metrics: Metrics,
        on_accepted: Callable[[], None],
        caller: Callable[[], Caller],
        producers: Producers,
        traces: Traces = NO_TRACES,
    ) -> None:
        """Take also what tells who asks over HTTP, and who sent a record."""
        self._caller = caller
        self._producers = producers
        self._jobs = jobs
        self._counties = counties
        self._catalogue = catalogue
        self._metrics = metrics
        self._on_accepted = on_accepted
        self._traces = traces

    async def records(self, records: Sequence[IncomingRecord]) -> None:
        """Accept a batch; what cannot be accepted becomes a dead letter. Raises Unavailable, then nothing is written."""
        read = [(record, _read(record)) for record in records]
        await self._counties.look(frozenset(e.request.county_id for _, e in read if isinstance(e, Envelope)))
        senders = await self._producers.all(records)
        with self._traces.accepting() as tracing:
            judged = [
                _Item(record, self._admit(record, tracing.begun(envelope), who))
                for (record, envelope), who in zip(read, senders, strict=True)
            ]
            await self._write(judged)
        self._on_accepted()

    async def submit(
        self,
        request: AnalysisRequest,
        *,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        requested_by: str | None = None,
        retry_of: UUID | None = None,
        named: UUID | None = None,
    ) -> Job:
        """Accept one request and return its job, new or standing. Raises the Rejected family.

        ``named`` is the job's id whatever the request says: who asks again derives it from what made it ask, so that
        asking twice makes one job.
        """
        who = self._caller()
        await self._counties.look(frozenset({request.county_id}))
        job_id = named or request.job_id or (idempotency_key and _derived(idempotency_key, request, who))
        envelope = Envelope(job_id or uuid4(), request, request.correlation_id, traceparent, who.name or requested_by)
        with self._traces.accepting() as tracing:
            job = replace(self._checked(tracing.begun(envelope), who.counties), retry_of=retry_of)
            note(job_id=job.job_id, county_id=job.county_id)
            accepted = await self._accept_one(job)
        self._on_accepted()
        return await self._standing(job.job_id, accepted)

    async def _accept_one(self, job: NewJob) -> Accepted:
        try:
            accepted = await self._jobs.accept([Offer(job)], deed=_deed(job))
        except UnstorableData as error:
            msg = f"the request holds a value that cannot be stored: {error}"
            raise InvalidRequest(msg) from error
        if job.job_id in accepted.new:
            told()
        cross(Boundary.SUBMITTED)
        self._count(accepted, [Offer(job)])
        return accepted

    async def _standing(self, job_id: UUID, accepted: Accepted) -> Job:
        if job_id in accepted.conflicting:
            msg = f"job_id {job_id} stands for another request already"
            raise Conflict(msg, field="job_id", value=str(job_id), allowed="a new id, or the same request")
        job = await self._jobs.get(job_id)
        if job is None:
            msg = f"job_id {job_id} was accepted and is gone"
            raise Conflict(msg, field="job_id", value=str(job_id))
        return job

    def _admit(
        self, record: IncomingRecord, read: Envelope | Rejected, sender: Caller | NotAllowed
    ) -> Offer | DeadLetter:
        """Judge what its sender may send; of what they may not there is no job, for it would be another's."""
        if isinstance(sender, NotAllowed):
            return letter_of(record, sender, about=_about(read if isinstance(read, Envelope) else salvage(record)))
        if sender.name is None:
            return self._judge(record, read)
        readable = read if isinstance(read, Envelope) else salvage(record)
        if refusal := readable and _refusal(readable, sender):
            return letter_of(record, refusal, about=_about(readable))
        signed = readable and replace(readable, source=sender.name)
        return self._judge(record, signed if signed and isinstance(read, Envelope) else read, signed)

    def _judge(
        self, record: IncomingRecord, envelope: Envelope | Rejected, salvaged: Envelope | None = None
    ) -> Offer | DeadLetter:
        if isinstance(envelope, Envelope):
            try:
                job = self._checked(envelope)
                conflict = Conflict(f"job_id {job.job_id} stands for another request already", field="job_id")
                return Offer(
                    replace(job, origin=_origin(record)), letter_of(record, conflict, job.job_id, _about(envelope))
                )
            except Rejected as error:
                return _born_failed(record, envelope, error)
        readable = salvaged or salvage(record)
        return letter_of(record, envelope) if readable is None else _born_failed(record, readable, envelope)

    def _checked(self, envelope: Envelope, seen: Seen = None) -> NewJob:
        request = envelope.request
        analysis = self._catalogue.get(request.analysis_type)
        self._counties.check(request.county_id, seen)
        parameters = self._catalogue.check(request.analysis_type, request.parameters)
        return _new_job(envelope, _digest(analysis.name, request.county_id, canonical(parameters)))

    async def _write(self, items: Sequence[_Item]) -> None:
        """Halve a batch that the store refuses until the bad one stands alone, and keep that as a dead letter."""
        offers = [item.outcome for item in items if isinstance(item.outcome, Offer)]
        letters = [item.outcome for item in items if isinstance(item.outcome, DeadLetter)]
        try:
            accepted = await self._jobs.accept(offers, letters)
        except UnstorableData as error:
            if len(items) > 1:
                middle = len(items) // 2
                await self._write(items[:middle])
                await self._write(items[middle:])
                return
            offers, letters = [], [letter_of(items[0].record, error, about=items[0].about)]
            accepted = await self._jobs.accept(offers, letters)
        cross(Boundary.ACCEPTED)
        self._count(accepted, offers, letters)

    def _count(self, accepted: Accepted, offers: Sequence[Offer], letters: Sequence[DeadLetter] = ()) -> None:
        self._metrics.duplicates.inc(len(accepted.known))
        for job in {offer.job.job_id: offer.job for offer in reversed(offers)}.values():
            if job.job_id in accepted.new:
                self._metrics.submitted(job.county_id, job.analysis_type, job.status)
                if job.failure_reason:
                    self._metrics.failed(job.county_id, job.analysis_type, job.failure_reason)
        for letter in (*letters, *(offer.letter for offer in offers if offer.letter)):
            self._metrics.dead_letters.labels(letter.stage).inc()
        self._metrics.dead_letters.labels(Stage.ACCEPT).inc(len(accepted.conflicting))


def _read(record: IncomingRecord) -> Envelope | Rejected:
    try:
        return decode(record)
    except Rejected as error:
        return error


def _refusal(envelope: Envelope, sender: Caller) -> NotAllowed | None:
    county_id = envelope.request.county_id
    try:
        must(sender, Action.RUN)
    except NotAllowed as refusal:
        return refusal
    if sender.sees(county_id):
        return None
    allowed = ", ".join(sorted(sender.counties or ())) or "none"
    msg = f"county_id is {county_id!r}; the token {sender.name!r} may ask of: {allowed}"
    return NotAllowed(msg, field="county_id", value=county_id, allowed=allowed)


def _derived(key: str, request: AnalysisRequest, who: Caller) -> UUID:
    """Return the id that a key stands for; of who sees some counties only in the county: others may use the same key."""
    county = [] if who.counties is None else [request.county_id]
    return derived_id("idempotency-key", *county, key)


def _deed(job: NewJob) -> Deed | None:
    """Tell a retry of the job that is asked again, and say as what."""
    made = deed(county_id=job.county_id)
    if made is None or made.action is not Action.RETRY or job.retry_of is None:
        return made
    return replace(made, job_id=job.retry_of, detail=f"as job {job.job_id}")


def _digest(analysis_type: str, county_id: str, parameters: Mapping[str, Any]) -> str:
    return sha256(orjson.dumps([analysis_type, county_id, parameters], option=orjson.OPT_SORT_KEYS)).hexdigest()


def _new_job(envelope: Envelope, digest: str) -> NewJob:
    request = envelope.request
    return NewJob(
        job_id=envelope.job_id,
        analysis_type=request.analysis_type,
        county_id=request.county_id,
        parameters=request.parameters,
        digest=digest,
        priority=request.priority,
        deadline=request.deadline,
        correlation_id=envelope.correlation_id,
        requested_by=envelope.source,
        traceparent=envelope.traceparent,
    )


def _about(envelope: Envelope | None) -> About:
    return About(envelope.request.county_id, envelope.request.analysis_type) if envelope else NOTHING


def _born_failed(record: IncomingRecord, envelope: Envelope, error: Rejected) -> Offer:
    """Make a job that is FAILED from the start, beside its dead letter; the job that may stand already is left alone."""
    raw = sha256(record.value or b"").hexdigest()
    failed = replace(
        _new_job(envelope, raw),
        origin=_origin(record),
        failure_reason=_reason(error),
        message=str(error)[:LONGEST_REASON],
    )
    return Offer(failed, letter=letter_of(record, error, envelope.job_id, _about(envelope)))


def _reason(error: Rejected) -> FailureReason:
    if isinstance(error, UnknownAnalysisType):
        return FailureReason.UNKNOWN_ANALYSIS_TYPE
    return FailureReason.UNKNOWN_COUNTY if isinstance(error, UnknownCounty) else FailureReason.INVALID_PARAMETERS


def _origin(record: IncomingRecord) -> Origin:
    return Origin(record.topic, record.partition, record.offset)
