"""Ends a worker whose consumer has silently stopped: a supervisor starts it again, a silent one helps nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from mode import Service

from terrafusion.errors import TerraFusionError
from terrafusion.ports import Health

LOOK_EVERY_S: Final = 10.0

log = structlog.get_logger(__name__)


class ConsumerStopped(TerraFusionError):
    """The consumer group went on without this worker, and its client will not say so."""


class Watchdog(Service):
    """Looks every ten seconds, and ends the process with an error where the worker is not alive."""

    def __init__(self, *, health: Health, crash: Callable[[BaseException], Awaitable[None]]) -> None:
        super().__init__()
        self._health = health
        self._crash_app = crash

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_EVERY_S)
            seen = self._health.alive()
            if not seen.ok:
                log.error("worker ends itself", reason=seen.detail)
                await self._crash_app(ConsumerStopped(seen.detail))
                return
