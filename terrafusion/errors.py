"""Everything that can go wrong, as one tree.

TerraFusionError
├── Rejected          the caller's fault: told to the caller, dead-lettered, never retried
│   ├── MalformedMessage
│   ├── InvalidRequest
│   ├── Conflict
│   └── NotFound
├── AnalysisError     the analysis cannot answer
│   └── SimulatedFailure
├── Unavailable       a service cannot be reached: retried
└── Misconfigured     refused at start
"""

from __future__ import annotations

from typing import Any


class TerraFusionError(Exception):
    """Something went wrong in TerraFusion."""


class Rejected(TerraFusionError):
    """A request that cannot be accepted, and which field of it is to blame."""

    def __init__(
        self, message: str, *, field: str | None = None, value: Any = None, allowed: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.allowed = allowed


class MalformedMessage(Rejected):
    """Bytes that are not a request at all."""


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


class NotFound(Rejected):
    """Nothing has that id."""


class AnalysisError(TerraFusionError):
    """An analysis that cannot answer."""


class SimulatedFailure(AnalysisError):
    """The drill's failure: made on purpose, shown as a real one is."""


class Unavailable(TerraFusionError):
    """A service that is needed cannot be reached."""


class Misconfigured(TerraFusionError):
    """Settings that do not go together."""
