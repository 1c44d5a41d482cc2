"""Keeps the ear on Postgres: other processes' commits ring this process' bells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from mode import Service

from terrafusion.errors import Unavailable

AGAIN_AFTER_S: Final = 1.0

log = structlog.get_logger(__name__)


class Listener(Service):
    """Listens, and listens again when the connection was lost; polling goes on meanwhile."""

    def __init__(self, listen: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._listen = listen

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            try:
                await self._listen()
            except Unavailable as error:
                log.info("listening is interrupted", reason=str(error))
            await self.sleep(AGAIN_AFTER_S)
