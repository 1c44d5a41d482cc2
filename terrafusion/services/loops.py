"""Looks at the loops of a worker's services, of which none may end while its service goes on."""

from __future__ import annotations

from collections.abc import Sequence

from mode import Service

from models.troubles import Part, Trouble


class Loops:
    """Sees what mode says nothing of: it ends a task that something cancelled, and the service goes on without it."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    async def look(self) -> Sequence[Trouble]:
        """Fulfil a watchdog's look."""
        return [
            Trouble(Part.SERVICE, service.label, f"a loop of {service.label} has ended")
            for service in self._services
            if _lacks_a_loop(service)
        ]


def _lacks_a_loop(service: Service) -> bool:
    goes_on = service.started and not service.should_stop
    return goes_on and len(service._futures) < len(list(service._get_tasks()))  # noqa: SLF001 - told nowhere else
