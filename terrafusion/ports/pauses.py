"""What stands still by somebody's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.access import Deed
from models.pauses import Pause, Scope


class Pauses(Protocol):
    """What stands still by somebody's order; every worker sees it in the store. A ``deed`` is written as by `JobStore`."""

    async def pause(
        self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None, deed: Deed | None = None
    ) -> Pause:
        """Have something stand still; one that does so already keeps its time and reason. Returns it as it stands."""

    async def resume(self, scope: Scope, name: str, *, deed: Deed | None = None) -> bool:
        """Let it go on; says whether it was paused."""

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""
