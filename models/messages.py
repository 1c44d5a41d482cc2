"""The messages on the topics, version 1. Requests forbid unknown fields; readers of events ignore them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from models.jobs import FailureReason, JobStatus

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""A county or an analysis type. Both become parts of paths and labels, hence the narrow alphabet."""
Note = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1F\x7F]*$")]
"""One line of text. It goes into headers and logs, hence no control characters."""


def _written_date(value: Any) -> Any:
    """Refuse the numbers that would be taken for seconds or milliseconds since 1970, whichever fits."""
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise PydanticCustomError("moment", "must be a date and time as 2026-11-30T12:00:00Z")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("moment", "must lie in the years 1 to 9999 of UTC") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_written_date), AfterValidator(_in_utc)]
"""A point in time as text with an offset, kept in UTC."""


class AnalysisRequest(BaseModel):
    """A request for one analysis of one county: what upstream puts on the requests topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: UUID | None = Field(None, description="the job's identity; derived from the event's where absent")
    analysis_type: Name = Field(description="a type of the catalogue")
    county_id: Name = Field(description="a county that has been loaded")
    parameters: dict[str, Any] = Field(default_factory=dict, description="what the type takes; see the catalogue")
    priority: int = Field(5, ge=0, le=9, strict=True, description="0 low to 9 high")
    deadline: Moment | None = Field(None, description="after it the answer is of no use")
    correlation_id: Note | None = Field(None, description="carried to every event the request causes")


class Verb(StrEnum):
    """What can be ordered."""

    CANCEL = "cancel"
    """End a job that waits or runs."""
    RETRY = "retry"
    """Ask again what a job that has ended was asked, as a new job."""
    PAUSE = "pause"
    """Have the intake, a county or an analysis type stand still."""
    RESUME = "resume"
    """Let it go on."""


OF_A_JOB: Final = frozenset({Verb.CANCEL, Verb.RETRY})


def _shape(verbs: frozenset[Verb], given: str, *absent: str) -> dict[str, Any]:
    named = {name: {"type": "null"} for name in absent} | ({given: {"type": "string"}} if given else {})
    return {
        "properties": {"command": {"enum": sorted(verbs)}} | named,
        "required": ["command", *([given] if given else [])],
    }


def _shapes(schema: dict[str, Any]) -> None:
    """Say in the schema what `Command` asks: a job, or one thing that can be paused, or nothing for the intake."""
    others = frozenset(Verb) - OF_A_JOB
    schema["anyOf"] = [
        _shape(OF_A_JOB, "job_id", "county_id", "analysis_type"),
        _shape(others, "county_id", "job_id", "analysis_type"),
        _shape(others, "analysis_type", "job_id", "county_id"),
        _shape(others, "", "job_id", "county_id", "analysis_type"),
    ]


class Command(BaseModel):
    """An order: what operators and upstream systems put on the commands topic.

    A pause or a resume that names neither a county nor a type means the intake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, json_schema_extra=_shapes)

    command: Verb = Field(description="what to do: `cancel`, `retry`, `pause` or `resume`")
    job_id: UUID | None = Field(None, description="with which job; `cancel` and `retry` need it")
    county_id: Name | None = Field(None, description="with which county, for `pause` and `resume`")
    analysis_type: Name | None = Field(None, description="or with which analysis type")
    reason: Note | None = Field(None, description="why, for people")
    requested_by: Note | None = Field(None, description="who wants it; else the event's source")

    @field_validator("job_id")
    @classmethod
    def _names_a_job(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        verb = info.data.get("command")
        if verb in OF_A_JOB and value is None:
            raise PydanticCustomError("address", "must be the id of a job, with {verb}", {"verb": verb})
        if value is not None and verb in set(Verb) - OF_A_JOB:
            raise PydanticCustomError("address", "must be absent, with {verb}", {"verb": verb})
        return value

    @field_validator("county_id", "analysis_type")
    @classmethod
    def _names_one_thing(cls, value: str | None, info: ValidationInfo) -> str | None:
        verb = info.data.get("command")
        if value is not None and verb in OF_A_JOB:
            raise PydanticCustomError("address", "must be absent, with {verb}", {"verb": verb})
        if value is not None and info.data.get("county_id") is not None:
            raise PydanticCustomError("address", "must be absent where county_id is given")
        return value


class JobEvent(BaseModel):
    """What status and completed events share."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job_id: UUID = Field(description="the job's identity, and the record's key")
    sequence: int = Field(description="counts the job's status events from 1 without a gap")
    status: JobStatus = Field(description="where the job stands")
    analysis_type: str = Field(description="what was asked")
    county_id: str = Field(description="of which county")
    failure_reason: FailureReason | None = Field(None, description="why, where it is FAILED")
    data_version: str | None = Field(None, description="the state of the county's records that it is answered from")
    correlation_id: str | None = Field(None, description="the request's")


class JobStatusChanged(JobEvent):
    """A job's state after a move or a step of progress; the last one a compacted topic keeps is the job's state."""

    attempt: int = Field(description="how often it was claimed")
    progress: float = Field(ge=0, le=1, description="the fraction done")
    message: str = Field(description="what is being done, or how it ended, for people")
    priority: int = Field(description="0 low to 9 high")
    created_at: datetime = Field(description="when it was accepted")
    updated_at: datetime = Field(description="when this happened; never before the event of the sequence before it")
    started_at: datetime | None = Field(None, description="when it was first claimed")
    completed_at: datetime | None = Field(None, description="when it reached a terminal state")


class JobCompleted(JobEvent):
    """A job reached a terminal state, whichever: headline numbers here, rows and trends at the location."""

    result_summary: dict[str, Any] | None = Field(None, description="the headline numbers, where it is COMPLETED")
    result_data_location: str | None = Field(None, description="the URI of the result file")
    result_sha256: str | None = Field(None, description="the digest of that file")
    completed_at: datetime = Field(description="when it ended")
