"""Pauses without a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from models.access import Deed
from models.pauses import Pause, Scope
from terrafusion.adapters.memory.credentials import MemoryAuditLog


class MemoryPauses:
    """Fulfils `terrafusion.ports.pauses.Pauses`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.deeds = MemoryAuditLog(clock=clock)
        self._pauses: dict[tuple[Scope, str], Pause] = {}

    async def pause(
        self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None, deed: Deed | None = None
    ) -> Pause:
        """Have something stand still; one that does so already stays as it is."""
        self.deeds.check(deed)
        if standing := self._pauses.get((scope, name)):
            return standing
        made = Pause(scope, name, reason, requested_by, self._clock())
        self._pauses[scope, name] = made
        self.deeds.tell(deed)
        return replace(made, is_new=True)

    async def resume(self, scope: Scope, name: str, *, deed: Deed | None = None) -> bool:
        """Let it go on."""
        self.deeds.check(deed)
        was_paused = self._pauses.pop((scope, name), None) is not None
        self.deeds.tell(deed if was_paused else None)
        return was_paused

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""
        return sorted(self._pauses.values(), key=lambda pause: (pause.created_at, pause.scope, pause.name))

    def names(self, scope: Scope) -> frozenset[str]:
        """Return what of a scope is paused."""
        return frozenset(name for kind, name in self._pauses if kind is scope)
