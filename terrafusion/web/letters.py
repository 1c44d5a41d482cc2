"""Dead letters as the views read what is asked and tell what there is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import orjson
from aiohttp.web import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from models.dead_letters import KeptLetter, LetterEntry, LetterState, Stage
from models.messages import Moment, Name, Note
from terrafusion.ports.letters import LetterFilter
from terrafusion.usecases.dead_letters import Bulk, Outcome, Selection
from terrafusion.web.problems import problem_of
from terrafusion.web.query import BadQuery

HIGHEST: Final = 2**63 - 1
ENTRY_FIELDS: Final = (
    "id",
    "state",
    "stage",
    "error_class",
    "error_message",
    "topic",
    "partition",
    "offset",
    "timestamp",
    "job_id",
    "county_id",
    "analysis_type",
    "attempts",
    "worker",
    "first_failed_at",
    "created_at",
    "note",
    "handled_at",
    "handled_by",
    "replayed_as",
)
"""The order in which a letter is told."""


class _Filters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Note | None = None
    stage: Stage | None = None
    error_class: Note | None = None
    job_id: UUID | None = None
    county_id: Name | None = None
    analysis_type: Name | None = None
    since: Moment | None = None
    until: Moment | None = None

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions beside the state."""
        return {name: getattr(self, name) for name in _Filters.model_fields}


class LettersQuery(_Filters):
    """The query of a list of dead letters."""

    state: Literal["open", "replayed", "discarded", "all"] = "open"
    limit: int = Field(50, ge=1, le=500)
    cursor: int | None = Field(None, ge=1, le=HIGHEST)

    @property
    def wanted(self) -> LetterFilter:
        """The conditions a letter must fulfil."""
        return LetterFilter(**self.conditions, state=None if self.state == "all" else LetterState(self.state))


class SelectionQuery(_Filters):
    """Which open letters are dealt with at once; ``cursor`` is the next_cursor of the call before."""

    state: Literal[LetterState.OPEN] = LetterState.OPEN
    cursor: int = Field(0, ge=0, le=HIGHEST)

    def confirmed(self, confirm: int) -> Selection:
        """Return the selection, with how many letters the caller expects in it."""
        return Selection(wanted=LetterFilter(**self.conditions), after=self.cursor, confirm=confirm)


class _By(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    requested_by: Note | None = None


def _not_blank(note: str) -> str:
    if not note.strip():
        msg = "must not be blank"
        raise ValueError(msg)
    return note


Reason = Annotated[Note, AfterValidator(_not_blank)]


class ReplayBody(_By):
    """A corrected value, where there is one."""

    value: dict[str, Any] | None = None


class DiscardBody(_By):
    """Why nothing needs to be done."""

    note: Reason


class ReplayManyBody(_By):
    """How many letters the caller expects to be replayed."""

    confirm: int = Field(ge=0, le=HIGHEST)


class DiscardManyBody(DiscardBody):
    """How many letters the caller expects to be discarded, and why."""

    confirm: int = Field(ge=0, le=HIGHEST)


def read_letter_id(request: Request) -> int:
    """Read the letter's id in the path; raises BadQuery where it is none."""
    text = request.match_info["letter_id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST)) and 0 < int(text) <= HIGHEST):
        msg = f"id is {text[:100]!r}; it must be the number of a dead letter"
        raise BadQuery(msg, field="id", value=text[:100], allowed="a number above 0")
    return int(text)


def entry_body(entry: LetterEntry) -> dict[str, Any]:
    """Tell a letter without its message."""
    return {name: getattr(entry, name) for name in ENTRY_FIELDS}


def letter_body(letter: KeptLetter) -> dict[str, Any]:
    """Tell a letter whole: bytes as text where they are UTF-8, else in base64; a value that is JSON also as that."""
    headers = [{"name": name, **content(value)} for name, value in letter.headers]
    key = None if letter.key is None else content(letter.key)
    value = None if letter.value is None else {**content(letter.value), **_parsed(letter.value)}
    return entry_body(letter) | {"key": key, "headers": headers, "value": value}


def content(data: bytes | None) -> dict[str, str | None]:
    """Tell bytes as text where they are UTF-8, else in base64."""
    try:
        return {"text": None if data is None else data.decode(), "base64": None}
    except UnicodeDecodeError:
        return {"text": None, "base64": b64encode(data or b"").decode()}


def _parsed(value: bytes) -> dict[str, Any]:
    try:
        return {"json": orjson.loads(value)}
    except orjson.JSONDecodeError:
        return {}


def letters_body(entries: Sequence[LetterEntry], total: int, limit: int) -> dict[str, Any]:
    """Tell a page of letters, of which one more than ``limit`` was asked, and where the next page begins."""
    shown = entries[:limit]
    cursor = str(shown[-1].id) if len(entries) > limit else None
    return {"dead_letters": [entry_body(entry) for entry in shown], "total": total, "next_cursor": cursor}


def outcome_body(outcome: Outcome) -> dict[str, Any]:
    """Tell what came of a letter."""
    return {
        "id": outcome.letter_id,
        "done": outcome.refusal is None,
        "message": outcome.message,
        "job_id": outcome.job and outcome.job.job_id,
        "problem": outcome.refusal and problem_of(outcome.refusal).body,
    }


def bulk_body(bulk: Bulk) -> dict[str, Any]:
    """Tell what came of many letters."""
    refused = sum(outcome.refusal is not None for outcome in bulk.outcomes)
    return {
        "done": len(bulk.outcomes) - refused,
        "refused": refused,
        "outcomes": [outcome_body(outcome) for outcome in bulk.outcomes],
        "next_cursor": bulk.next_after and str(bulk.next_after),
        "left": bulk.left,
    }
