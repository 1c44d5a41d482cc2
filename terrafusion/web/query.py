"""What a caller may say in a path, a query or a header."""

from __future__ import annotations

import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from aiohttp.web import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from models.jobs import JobStatus
from models.messages import Moment, Name, Note
from terrafusion.errors import InvalidRequest
from terrafusion.ports.jobs import JobFilter
from terrafusion.validation_messages import rejection
from topics.requests import traceparent_of

After = tuple[datetime, UUID]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
POSITION: Final = struct.Struct(">q16s")
LONGEST_HEADER: Final = 200
LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
"""As browsers write a time that somebody chose."""


def _printable(value: str) -> str:
    if not value.isprintable():
        msg = "must hold printable characters only"
        raise ValueError(msg)
    return value


Printable = Annotated[Note, AfterValidator(_printable)]


class BadQuery(InvalidRequest):
    """A path, query or header that cannot be read."""

    status = HTTPStatus.BAD_REQUEST


class Filters(BaseModel):
    """Which jobs are meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: JobStatus | None = None
    county_id: Name | None = None
    analysis_type: Name | None = None
    correlation_id: Printable | None = None
    q: Printable | None = Field(
        None, description="the beginning of an id, a correlation id or who asked; else words of a message"
    )
    since: Moment | None = Field(None, description="accepted then or later")
    until: Moment | None = Field(None, description="accepted before")

    @property
    def wanted(self) -> JobFilter:
        """The conditions a job must fulfil."""
        named = {name: getattr(self, name) for name in Filters.model_fields if name != "q"}
        return JobFilter(**named, text=self.q)


class ListQuery(Filters):
    """The query of a list of jobs."""

    sort: Literal["newest", "oldest"] = "newest"
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None

    @property
    def after(self) -> After | None:
        """Where the page begins; raises BadQuery."""
        return None if self.cursor is None else read_cursor(self.cursor)


class ListPageQuery(ListQuery):
    """The query of the list as a page."""

    refresh: Literal["off"] | None = None


class ManyQuery(BaseModel):
    """Which jobs an order is about: all that fulfil this, on whichever page; a text names none that surely."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: JobStatus | None = None
    county_id: Name | None = None
    analysis_type: Name | None = None
    correlation_id: Printable | None = None
    since: Moment | None = Field(None, description="accepted then or later")
    until: Moment | None = Field(None, description="accepted before; else now")

    @property
    def wanted(self) -> JobFilter:
        """The conditions a job must fulfil."""
        return JobFilter(**{name: getattr(self, name) for name in ManyQuery.model_fields})


class BulkPageQuery(ManyQuery):
    """The query of the page that asks before an order is given."""

    verb: Literal["cancel", "retry"]


class LiveQuery(Filters):
    """The query of a list's stream: its filters, and the places of its first and last job."""

    first: str | None = None
    last: str | None = None
    newer: Literal["off"] | None = None
    moved: Moment | None = None
    """When a job of the page moved last."""


class JobPageQuery(BaseModel):
    """The query of a job's page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str | None = None
    subject: str | None = None
    reason: str | None = None
    page: int = Field(default=1, ge=1, le=1000)
    refresh: Literal["off"] | None = None

    @property
    def chosen(self) -> str:
        """What of a result is looked at, as the query of an address."""
        said = self.model_dump(exclude_defaults=True, exclude={"refresh"})
        return f"?{urlencode(said)}" if said else ""


class NoQuery(BaseModel):
    """Where no query is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Q = TypeVar("Q", bound=BaseModel)


def read_query(request: Request, model: type[Q]) -> Q:
    """Read the query as ``model``; raises BadQuery naming what is wrong."""
    repeated = [name for name in request.query if len(request.query.getall(name)) > 1]
    if repeated:
        msg = f"{repeated[0]} is given more than once"
        raise BadQuery(msg, field=repeated[0], allowed="one value")
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise rejection(error, BadQuery, model) from error


def has_empty(request: Request) -> bool:
    """Say whether a form was sent with fields that nobody filled in."""
    return any(not value for value in request.query.values())


def read_filled(request: Request, model: type[Q]) -> Q:
    """Read the query of a form: what is empty says nothing, and a time without a zone is UTC's."""
    filled = [(name, _zoned(name, value)) for name, value in request.query.items() if value]
    return read_query(request.clone(rel_url=request.rel_url.with_query(filled)), model)


def _zoned(name: str, value: str) -> str:
    local = name in {"since", "until"} and LOCAL.fullmatch(value)
    return f"{value}Z" if local else value


def read_job_id(request: Request) -> UUID:
    """Read the job id in the path; raises BadQuery where it is none."""
    return job_id_of(request.match_info["job_id"], field="job_id")


def job_id_of(text: str, *, field: str) -> UUID:
    """Read a job id; raises BadQuery where it is none."""
    try:
        job_id = UUID(text)
    except ValueError:
        job_id = None
    if job_id is None or str(job_id) != text.lower():
        allowed = "a UUID such as 0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10"
        msg = f"{field} is {text[:100]!r}; it must be {allowed}"
        raise BadQuery(msg, field=field, value=text[:100], allowed=allowed)
    return job_id


def write_cursor(after: After) -> str:
    """Put the place of a page's last job into an opaque word."""
    created_at, job_id = after
    microseconds = (created_at - EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(POSITION.pack(microseconds, job_id.bytes)).decode()


def read_cursor(cursor: str) -> After:
    """Read a cursor that ``write_cursor`` wrote; raises BadQuery for any other word."""
    try:
        microseconds, job_id = POSITION.unpack(urlsafe_b64decode(cursor.encode("ascii")))
        after = EPOCH + timedelta(microseconds=microseconds), UUID(bytes=job_id)
    except (ValueError, struct.error, OverflowError) as error:
        msg = "cursor is not one of this service"
        raise BadQuery(msg, field="cursor", value=cursor[:100], allowed="the next_cursor of a page") from error
    if write_cursor(after) != cursor:
        msg = "cursor is not one of this service"
        raise BadQuery(msg, field="cursor", value=cursor[:100], allowed="the next_cursor of a page")
    return after


def read_header(request: Request, name: str) -> str | None:
    """Read a short header; raises BadQuery where it is empty, long or not printable."""
    value = request.headers.get(name)
    if value is not None and not (value.isprintable() and 0 < len(value) <= LONGEST_HEADER):
        allowed = f"1 to {LONGEST_HEADER} printable characters"
        msg = f"the header {name} must have {allowed}"
        raise BadQuery(msg, field=name, allowed=allowed)
    return value


def read_traceparent(headers: Mapping[str, str]) -> str | None:
    """Return the W3C trace context; one that is malformed counts as none, as the standard says."""
    return traceparent_of(headers.get("traceparent"))
