"""What wakes the loops of this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Protocol


class Bell(Protocol):
    """Tells this process that there may be work: jobs to claim, entries to publish."""

    def ring(self) -> None:
        """Wake who waits."""

    def rings(self, *, at_least_every: timedelta) -> AsyncIterator[None]:
        """Yield when rung, and after each interval without a ring."""
