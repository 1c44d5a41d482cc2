"""A message that could not be used, kept whole, with where it came from and why it was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.records import Headers


class Stage(StrEnum):
    """The step that refused the message."""

    DECODE = "decode"
    VALIDATE = "validate"
    ACCEPT = "accept"
    ANALYSE = "analyse"
    PUBLISH = "publish"


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    """Nobody has done anything about it."""
    REPLAYED = "replayed"
    """It was put to work again, as it was or corrected."""
    DISCARDED = "discarded"
    """Somebody decided that nothing needs to be done, and said why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Original key, value and headers, the coordinates, and the error."""

    topic: str
    partition: int | None
    """None, as the offset, where no record carried it: a job asked for over HTTP."""
    offset: int | None
    timestamp: datetime
    job_id: UUID | None = None
    key: bytes | None
    value: bytes | None
    headers: Headers
    stage: Stage
    error_class: str
    error_message: str
    attempts: int = 1
