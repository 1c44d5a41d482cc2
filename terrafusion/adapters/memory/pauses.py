"""Pauses without a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from models.pauses import Pause, Scope


class MemoryPauses:
    """Fulfils `terrafusion.ports.Pauses`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._pauses: dict[tuple[Scope, str], Pause] = {}

    async def pause(self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None) -> Pause:
        """Have something stand still; one that does so already stays as it is."""
        wanted = Pause(scope, name, reason, requested_by, self._clock())
        return self._pauses.setdefault((scope, name), wanted)

    async def resume(self, scope: Scope, name: str) -> bool:
        """Let it go on."""
        return self._pauses.pop((scope, name), None) is not None

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""
        return sorted(self._pauses.values(), key=lambda pause: (pause.created_at, pause.scope, pause.name))

    def names(self, scope: Scope) -> frozenset[str]:
        """Return what of a scope is paused."""
        return frozenset(name for kind, name in self._pauses if kind is scope)
