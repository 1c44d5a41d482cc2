"""Everything that can go wrong, as one tree.

TerraFusionError
├── Rejected          the caller's fault: told to the caller, dead-lettered, never retried
│   ├── MalformedMessage
│   ├── InvalidRequest
│   ├── Conflict
│   └── NotFound
├── AnalysisError     the analysis cannot answer
│   └── SimulatedFailure
├── ChildDied         counted against the job, which is run again a few times
├── ChildTimedOut     the job fails
├── Unavailable       a service cannot be reached: retried
│   └── IntakePaused  somebody has the intake stand still: the caller may come back
├── TooLarge          the broker refuses a record for its size: it is parked
├── UnstorableData    a value of a batch is refused: the batch is halved until it stands alone
└── Misconfigured     refused at start
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


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


def nearest(given: str, known: Iterable[str]) -> str:
    """Ask whether the known word that is most like the given one was meant; say nothing where none is."""
    found = get_close_matches(given, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def rejection(error: ValidationError, kind: type[InvalidRequest], model: type[BaseModel]) -> InvalidRequest:
    """Put a model's first complaint into one sentence: the field, what was given, what is allowed."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return kind(f"{field} is missing", field=field, allowed="it is required")
    if first["type"] == "extra_forbidden":
        known = _model_at(model, first["loc"][:-1]).model_fields
        allowed, meant = ", ".join(known), nearest(str(first["loc"][-1]), known)
        return kind(f"{field} is not known; known are {allowed}{meant}", field=field, allowed=allowed)
    given = repr(first["input"])[:100]
    return kind(f"{field or 'value'} is {given}: {first['msg']}", field=field, value=given, allowed=first["msg"])


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel]:
    for part in path:
        field = model.model_fields.get(str(part))
        for kind in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
    return model


class Conflict(Rejected):
    """The same job id with another content, or a move that the job's state does not allow."""


class NotFound(Rejected):
    """Nothing has that id."""


class AnalysisError(TerraFusionError):
    """An analysis that cannot answer."""


class SimulatedFailure(AnalysisError):
    """The drill's failure: made on purpose, shown as a real one is."""


class ChildDied(TerraFusionError):
    """A child process ended while it had a job."""


class ChildTimedOut(TerraFusionError):
    """A child process was ended because its job took too long."""


class Unavailable(TerraFusionError):
    """A service that is needed cannot be reached."""


class IntakePaused(Unavailable):
    """No request is let in, by somebody's order."""


class TooLarge(TerraFusionError):
    """The broker refuses a record for its size."""


class UnstorableData(TerraFusionError):
    """A store refuses a value of a batch, and so the batch."""


class Misconfigured(TerraFusionError):
    """Settings that do not go together."""
