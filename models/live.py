"""What follows the events of jobs as they come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """Stands for events that a reader was too slow for: the first of them told of a move at ``since``."""

    since: datetime
