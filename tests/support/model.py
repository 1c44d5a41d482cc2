"""What must come of what was asked: the checker holds a system to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COMPLETED = "COMPLETED"
CANCELLED = "CANCELLED"
EXHAUSTED = "attempts_exhausted"


def failed(reason: str) -> str:
    """Name the end of a job that fails for a reason."""
    return f"FAILED {reason}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that was asked for, and how it may end."""

    job_id: str
    ends: frozenset[str]
    value: bytes
    rivals: tuple[bytes, ...] = ()
    """Requests for something else under the same id: of all of them one stands, the others are dead letters."""
    stale_runs: int = 0
    """So many runs had begun when their worker lost the job: where the answer counts runs, it is of none of these."""
    is_refused: bool = False
    """It can be read but not be done: its record is a dead letter as well."""
    kills: int = 0
    """So many of its runs take their process along."""
    most_runs: int | None = None
    """It is begun no more often than this; None where other things may befall it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command to cancel a job: carried out, or a dead letter where the job had ended or nobody knew it in time."""

    job_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """All that was asked."""

    jobs: Sequence[Asked]
    orders: Sequence[Order] = ()
    poison: Sequence[tuple[bytes | None, bytes | None]] = ()
    """Keys and values of requests that nobody can read."""
    deaths: int = 0
    """Blows that may cost a job its worker or its child."""
