"""What stands still by somebody's order, remembered so that nothing waits for a query to see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from models.access import Deed
from models.pauses import Pause, Scope
from terrafusion.errors import IntakeShut
from terrafusion.metrics import Metrics
from terrafusion.ports.pauses import Pauses
from terrafusion.usecases.calls import deed, plain, told

KNOWN_FOR_S: Final = 1.0


class ShownPauses(Protocol):
    """What stands still, as `KnownPauses` has it or as a caller sees it."""

    async def look(self) -> Sequence[Pause]:
        """Return what is paused, oldest first. Raises Unavailable."""


class KnownPauses:
    """The pauses as this worker knows them: a second old at most, and at once those that were ordered here."""

    def __init__(self, pauses: Pauses, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._pauses = pauses
        self._metrics = metrics
        self._monotonic = monotonic
        self._known: Sequence[Pause] = ()
        self._look_at = 0.0

    async def look(self) -> Sequence[Pause]:
        """Return what is paused, oldest first, asking the store once a second. Raises Unavailable."""
        if self._monotonic() >= self._look_at:
            self._known = await self._pauses.all()
            self._look_at = self._monotonic() + KNOWN_FOR_S
            for scope in Scope:
                self._metrics.paused.labels(scope).set(len(self.names(scope)))
        return self._known

    async def pause(self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None) -> Pause:
        """Have something stand still, and know it."""
        made = _deed(scope, name, reason)
        pause = await self._pauses.pause(scope, name, reason=reason, requested_by=requested_by, deed=made)
        if pause.is_new:
            told()
        await self._look_again()
        return pause

    async def resume(self, scope: Scope, name: str) -> bool:
        """Let it go on, and know it; says whether it was paused."""
        was_paused = await self._pauses.resume(scope, name, deed=_deed(scope, name, None))
        if was_paused:
            told()
        await self._look_again()
        return was_paused

    async def _look_again(self) -> None:
        self._look_at = 0.0
        await self.look()

    @property
    def intake(self) -> Pause | None:
        """The pause of the intake, as it was last known."""
        return next((pause for pause in self._known if pause.scope is Scope.INTAKE), None)

    def names(self, scope: Scope) -> frozenset[str]:
        """Return what of a scope is paused, as it was last known."""
        return frozenset(pause.name for pause in self._known if pause.scope is scope)

    async def admit(self) -> None:
        """Let a request in; raises IntakeShut, with the reason, where somebody has all of them wait, and Unavailable."""
        await self.look()
        if self.intake:
            raise IntakeShut(f"The intake is paused{because(self.intake.requested_by, self.intake.reason)}.")


def _deed(scope: Scope, name: str, reason: str | None) -> Deed | None:
    """Tell what stands still, for a county's name is not the only one there is."""
    county_id = name if scope is Scope.COUNTY else None
    what = None if scope is Scope.COUNTY else f"{scope} {name}".strip()
    return deed(county_id=county_id, detail=": ".join(filter(None, [what, reason and plain(reason)])) or None)


def because(requested_by: str | None, reason: str | None) -> str:
    """Say by whose order and why, as far as that was told, as the end of a sentence."""
    by = f" by {requested_by}" if requested_by else ""
    return f"{by}: {reason}" if reason else by
