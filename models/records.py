"""A record as it travels: bytes in, bytes out, before and after anybody reads meaning into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

Headers = tuple[tuple[str, bytes | None], ...]
"""In order; a name may come twice, and a value may be null."""


TOKEN_HEADER: Final = "tf-token"  # noqa: S105 - a name
"""Of a record: the token of who sends it."""


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
    token: str | None = field(default=None, repr=False)
    """What its sender shows for who they are; taken out of the headers, so that nothing keeps it."""


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record that the relay is to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
