"""Has what ended long ago purged, each hour, by the worker that publishes events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import structlog
from mode import Service

from terrafusion.errors import Unavailable
from terrafusion.usecases.purge import Purge, Purged

FIRST_AFTER_S: Final = 600.0
"""Later than a rolling upgrade: a relay of the version before does not know how to tell that a job is gone."""
EVERY_S: Final = 3600.0
SWEEP_EVERY: Final = 24
NOTHING: Final = Purged(0, 0, 0, 0)

log = structlog.get_logger(__name__)


class Purger(Service):
    """Purges where this worker leads; files are looked through each day."""

    def __init__(self, purge: Purge, *, is_leader: Callable[[], bool]) -> None:
        super().__init__()
        self._purge = purge
        self._is_leader = is_leader

    @Service.task
    async def _run(self) -> None:
        await self.sleep(FIRST_AFTER_S)
        passes = 0
        while not self.should_stop:
            if self._is_leader():
                await self.once(sweep=passes % SWEEP_EVERY == 0)
                passes += 1
            await self.sleep(EVERY_S)

    async def once(self, *, sweep: bool) -> None:
        """Make one pass; what it cannot do now the next one does."""
        try:
            purged = await self._purge.run(sweep=sweep)
        except Unavailable as error:
            log.warning("purging cannot go on now", reason=str(error))
            return
        if purged not in (None, NOTHING):
            log.info("purged", **asdict(purged))
