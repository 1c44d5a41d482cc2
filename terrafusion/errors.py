"""Everything that can go wrong, as one tree; what one module alone raises is defined there, under one of these.

TerraFusionError
├── Rejected          the caller's fault: told to the caller, dead-lettered, never retried
│   ├── MalformedMessage
│   ├── InvalidRequest
│   │   ├── UnknownAnalysisType
│   │   ├── UnknownCounty
│   │   └── InvalidParameters
│   ├── Conflict
│   ├── NotAllowed
│   └── NotFound
├── AnalysisError     the analysis cannot answer
│   └── SimulatedFailure
├── ChildDied         counted against the job, which is run again a few times
├── ChildTimedOut     the job fails
├── ChildTooLarge     the job fails
├── PoolUnavailable   no child can be had: the job waits for another turn, and nobody is blamed
├── Unavailable       a service cannot be reached: retried
│   └── IntakeShut    somebody has the intake stand still, or too many jobs wait: the caller may come back
├── TooLarge          the broker refuses a record for its size: it is parked
├── UnstorableData    a value of a batch is refused: the batch is halved until it stands alone
├── StoodStill        a part of a worker: the process ends, and a supervisor starts the next
└── Misconfigured     refused at start
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar


class TerraFusionError(Exception):
    """Something went wrong in TerraFusion."""


class Rejected(TerraFusionError):
    """A request that cannot be accepted, and which field of it is to blame."""

    status: ClassVar = HTTPStatus.UNPROCESSABLE_ENTITY
    """What HTTP and the audit log call it: readable, and asks for what cannot be done."""

    def __init__(
        self, message: str, *, field: str | None = None, value: Any = None, allowed: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.allowed = allowed


class MalformedMessage(Rejected):
    """Bytes that are not a request at all."""

    status = HTTPStatus.BAD_REQUEST


class InvalidRequest(Rejected):
    """A readable request that asks for what cannot be done."""


class UnknownAnalysisType(InvalidRequest):
    """No analysis of that name is registered."""


class UnknownCounty(InvalidRequest):
    """No records of that county are loaded."""


class InvalidParameters(InvalidRequest):
    """The analysis does not take these parameters."""


class Conflict(Rejected):
    """The same job id with another content, or a move that the job's state does not allow."""

    status = HTTPStatus.CONFLICT


class NotAllowed(Rejected):
    """The caller may not do that."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Rejected):
    """Nothing has that id."""

    status = HTTPStatus.NOT_FOUND


class AnalysisError(TerraFusionError):
    """An analysis that cannot answer."""


class SimulatedFailure(AnalysisError):
    """The drill's failure: made on purpose, shown as a real one is."""


class ChildDied(TerraFusionError):
    """A child process ended while it had a job."""


class ChildTimedOut(TerraFusionError):
    """A child process was ended because its job took too long."""


class ChildTooLarge(TerraFusionError):
    """A child process was ended because its job took too much memory."""


class PoolUnavailable(TerraFusionError):
    """The machine has no child process for a job, or the pool was given up under it."""


class Unavailable(TerraFusionError):
    """A service that is needed cannot be reached."""


class IntakeShut(Unavailable):
    """No request is let in, by somebody's order or because as many jobs wait as may."""


class TooLarge(TerraFusionError):
    """The broker refuses a record for its size."""


class UnstorableData(TerraFusionError):
    """A store refuses a value of a batch, and so the batch."""


class StoodStill(TerraFusionError):
    """A part of a worker does not move any more, and only a new process helps."""

    def __init__(self, message: str, *, part: str) -> None:
        super().__init__(message)
        self.part = part


class Misconfigured(TerraFusionError):
    """Settings that do not go together."""
