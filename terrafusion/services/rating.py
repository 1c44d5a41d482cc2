"""Has what became of jobs put together, by the worker that publishes events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from mode import Service

from models.rates import Width
from terrafusion.errors import Unavailable
from terrafusion.ports.monitoring import Rates

EVERY_S: Final = 10.0

log = structlog.get_logger(__name__)


class Rating(Service):
    """Puts together where this worker leads; a stretch is done soon after it is over."""

    def __init__(self, rates: Rates, *, is_leader: Callable[[], bool]) -> None:
        super().__init__()
        self._rates = rates
        self._is_leader = is_leader

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.sleep(EVERY_S)
            if self._is_leader():
                await self.once()

    async def once(self) -> None:
        """Put together what is due; what cannot be done now the next one does."""
        try:
            for width in Width:
                await self._rates.roll(width)
        except Unavailable as error:
            log.warning("rates cannot be put together now", reason=str(error))
