"""A record as it travels: bytes in, bytes out, before and after anybody reads meaning into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Headers = tuple[tuple[str, bytes | None], ...]
"""In order; a name may come twice, and a value may be null."""


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """One record as the broker gave it."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record that the relay is to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
