"""What of a worker may stand still, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum


class Part(StrEnum):
    """A part of a worker, or of what workers do together."""

    START = "start"
    LOOP = "loop"
    CONSUMER = "consumer"
    RELAY = "relay"
    SERVICE = "service"
    CHILD = "child"
    PARTITION = "partition"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part that may stand still: it does once it was seen so for long enough with the same sign."""

    part: Part
    sign: Hashable
    """What changes where it moves, such as an offset."""
    reason: str
    ends: bool = True
    """Whether nothing but a new process helps."""
    patience: float = 1.0
    """In parts of the watchdog's."""
    cure: Callable[[], None] | None = field(default=None, compare=False)
    """What helps where no new process is needed."""
