"""Keeps what is logged for attempts with their jobs, a moment after it was said."""

from __future__ import annotations

import logging
from typing import Final

import structlog
from mode import Service

from terrafusion.errors import Unavailable
from terrafusion.usecases.logbook import Logbook

KEEP_EVERY_S: Final = 1.0

log = structlog.get_logger(__name__)


class LogKeeper(Service):
    """Listens to this process while it runs, and writes what belongs to jobs."""

    def __init__(self, book: Logbook, ears: logging.Handler) -> None:
        super().__init__()
        self._book = book
        self._ears = ears

    async def on_start(self) -> None:
        """Listen."""
        logging.getLogger().addHandler(self._ears)

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.sleep(KEEP_EVERY_S)
            await self._keep()

    async def on_stop(self) -> None:
        """Listen no more, and write what is left."""
        logging.getLogger().removeHandler(self._ears)
        await self._keep()

    async def _keep(self) -> None:
        try:
            await self._book.keep()
        except Unavailable as error:
            log.debug("lines of jobs cannot be kept now", reason=str(error))
