"""Looks at the loops of a worker's services: none may end while its service goes on, and none may wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from types import CoroutineType
from typing import Any, Final

from mode import Service

from models.troubles import Part, Trouble
from terrafusion.services.purger import Purger
from terrafusion.services.watchdog import PATIENCE_S

STILL_S: Final = 180.0
"""No loop waits for the same thing for so long: a statement, a place in the pool and the broker have 30 s each at most."""
LONGEST_S: Final[Mapping[type[Service], float]] = {Purger: 7200.0}
"""Except those that rest for an hour, or that wait for a thread which removes files."""


class Loops:
    """Sees what mode says nothing of: a task that something cancelled, and one for which nothing comes any more."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    async def look(self) -> Sequence[Trouble]:
        """Fulfil a watchdog's look."""
        going = [service for service in self._services if service.started and not service.should_stop]
        return [trouble for service in going for trouble in _troubles(service)]


def _troubles(service: Service) -> Iterator[Trouble]:
    loops = list(service._futures)  # noqa: SLF001 - told nowhere else
    if len(loops) < len(list(service._get_tasks())):  # noqa: SLF001
        yield Trouble(Part.SERVICE, service.label, f"a loop of {service.label} has ended")
    patience = LONGEST_S.get(type(service), STILL_S) / PATIENCE_S
    for loop in loops:
        places, awaited = _waits(loop)
        if awaited is not None:
            reason = f"a loop of {service.label} stands still in {places}"
            yield Trouble(Part.SERVICE, awaited, reason, patience=patience)


def _waits(task: asyncio.Future[Any]) -> tuple[str, asyncio.Future[Any] | None]:
    """Return in which functions a task waits, and what for: each wait is for another future, whatever it is about.

    Through the tasks that it waits for. None where it waits for nothing.
    """
    places: list[str] = []
    awaited: Any = task
    while isinstance(awaited, asyncio.Task):
        places += _functions(awaited.get_coro())
        awaited = awaited._fut_waiter  # type: ignore[attr-defined]  # noqa: SLF001 - told nowhere else
    return " > ".join(places[1:]), awaited  # the first is mode's


def _functions(awaited: Any) -> Iterator[str]:
    while isinstance(awaited, CoroutineType):
        yield awaited.cr_code.co_qualname
        awaited = awaited.cr_await
