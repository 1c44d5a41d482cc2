"""What stands still by somebody's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What can be paused."""

    INTAKE = "intake"
    """Requests are left on their topic, and refused over HTTP; what was accepted goes on."""
    COUNTY = "county"
    """Jobs of a county are accepted and wait; those that run go on."""
    TYPE = "type"
    """The same for jobs of an analysis type."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One thing that stands still, since when, by whose order and why."""

    scope: Scope
    name: str
    """The county's or type's; empty for the intake."""
    reason: str | None
    requested_by: str | None
    created_at: datetime
    is_new: bool = field(default=False, compare=False)
    """Whether it stands since just now."""
