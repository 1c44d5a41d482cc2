"""A message that could not be used, kept whole, with where it came from and why it was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from models.records import Headers


class Stage(StrEnum):
    """The step that refused the message."""

    DECODE = "decode"
    VALIDATE = "validate"
    ACCEPT = "accept"
    ANALYSE = "analyse"
    PUBLISH = "publish"


OF_ITS_JOB: Final = frozenset({Stage.ANALYSE, Stage.PUBLISH})
"""What these steps refuse tells of the job it names; a record of a topic may name another's."""
UNWRITABLE: Final = "Unwritable"
"""The class of the error where an event could not even be written: its letter tells of its job, and is no record."""


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    """Nobody has done anything about it."""
    REPLAYED = "replayed"
    """It was put to work again, as it was or corrected."""
    DISCARDED = "discarded"
    """Somebody decided that nothing needs to be done, and said why."""


@dataclass(frozen=True, slots=True)
class About:
    """The county and the analysis type that a message names, whether they are there or not."""

    county_id: str | None = None
    analysis_type: str | None = None


NOTHING: Final = About()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Where a message came from, and why it could not be used."""

    topic: str
    partition: int | None
    """None, as the offset, where no record carried it: a job asked for over HTTP, an event that was not published."""
    offset: int | None
    timestamp: datetime
    job_id: UUID | None = None
    stage: Stage
    error_class: str
    error_message: str
    attempts: int = 1
    county_id: str | None = None
    """The county that the message names, loaded or not; None where it names none, as the type."""
    analysis_type: str | None = None
    worker: str | None = None
    """Who refused it, or had its last attempt."""
    first_failed_at: datetime | None = None
    """When its first attempt ended without an answer; None where it was refused the first time it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(Refusal):
    """The refusal with the message itself: key, value and headers as they came."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterEntry(Refusal):
    """A kept dead letter without its message: what a list shows, and what became of it."""

    id: int
    created_at: datetime
    """When it was kept."""
    state: LetterState = LetterState.OPEN
    note: str | None = None
    """Why it was discarded."""
    handled_at: datetime | None = None
    handled_by: str | None = None
    replayed_as: UUID | None = None
    """The job that its replay made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLetter(LetterEntry):
    """A kept dead letter, whole."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What somebody does about dead letters."""

    state: LetterState
    by: str | None
    note: str | None = None
    replayed_as: UUID | None = None
