"""A job's way as spans of its request's trace: accept, queue, analyse, finish; the relay adds publish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from models.jobs import Claim, Finish
from terrafusion.errors import Rejected
from terrafusion.ports.pool import Outcome
from terrafusion.tracing import UNTRACED, Span, Tracer
from topics.requests import Envelope

NANO: Final = 1_000_000_000

E = TypeVar("E", bound=Envelope | Rejected)


@dataclass(frozen=True, slots=True)
class Traces:
    """Tells of jobs where traces are asked for."""

    tracer: Tracer = UNTRACED

    @contextmanager
    def accepting(self) -> Iterator[Accepting]:
        """Trace what is accepted within; what is given up, to be tried again, is not told."""
        accepting = Accepting(self.tracer)
        yield accepting
        accepting.end()

    def waited(self, claims: Sequence[Claim]) -> None:
        """Tell how long each job waited for this claim."""
        if self.tracer.is_on:
            now = self.tracer.now()
            for claim in claims:
                self._tell("queue", claim, start=now - int(claim.seconds_waited * NANO), end=now)

    def ran(self, claim: Claim, outcome: Outcome) -> None:
        """Tell what a child did."""
        if self.tracer.is_on:
            end = outcome.began_ns + int(outcome.seconds * NANO)
            error = outcome.message if outcome.failure_reason or outcome.retry else None
            self._tell("analyse", claim, start=outcome.began_ns, end=end, error=error)

    def broke(self, claims: Sequence[Claim], *, since: int, why: Exception) -> None:
        """Tell that children could not do it."""
        if self.tracer.is_on:
            for claim in claims:
                self._tell("analyse", claim, start=since, end=self.tracer.now(), error=f"{type(why).__name__}: {why}")

    def finished(self, claim: Claim, finish: Finish, *, since: int) -> None:
        """Tell that its end was committed."""
        if self.tracer.is_on:
            error = finish.message if finish.failure_reason else None
            self._tell("finish", claim, start=since, end=self.tracer.now(), error=error)

    def _tell(self, name: str, claim: Claim, *, start: int, end: int, error: str | None = None) -> None:
        span = self.tracer.begin(
            name,
            claim.traceparent,
            at=start,
            job_id=str(claim.job_id),
            analysis_type=claim.analysis_type,
            county_id=claim.county_id,
            attempt=claim.attempt,
            correlation_id=claim.correlation_id,
        )
        span.end(at=end, error=error)


NO_TRACES: Final = Traces()
"""Tells nothing."""


class Accepting:
    """The spans of requests that are being accepted together."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._begun: list[Span] = []

    def begun(self, envelope: E) -> E | Envelope:
        """Begin a request's span; what the job causes, in this process or another, is told below it."""
        if not (self._tracer.is_on and isinstance(envelope, Envelope)):
            return envelope
        span = self._tracer.begin(
            "accept",
            envelope.traceparent,
            job_id=str(envelope.job_id),
            analysis_type=envelope.request.analysis_type,
            county_id=envelope.request.county_id,
            correlation_id=envelope.correlation_id,
        )
        self._begun.append(span)
        return replace(envelope, traceparent=span.traceparent)

    def end(self) -> None:
        """Say that they are accepted."""
        for span in self._begun:
            span.end()
