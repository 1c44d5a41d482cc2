"""Tells every few seconds that this worker is there, and each minute how far the group is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog
from mode import Service

from models.group import Dealt
from models.workers import Presence, WorkerState
from terrafusion.errors import Unavailable
from terrafusion.ports.monitoring import Workers

BEAT_EVERY_S: Final = 5.0
SAMPLE_EVERY_S: Final = 60.0
LAST_WORD_S: Final = 1.0

log = structlog.get_logger(__name__)


class Presenting(Service):
    """Says how this worker is, until it has stopped."""

    def __init__(
        self,
        workers: Workers,
        *,
        describe: Callable[[], WorkerState],
        dealt: Callable[[], Dealt | None],
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__()
        self._workers = workers
        self._describe = describe
        self._dealt = dealt
        self._monotonic = monotonic
        self._sample_at = 0.0
        self._is_heard = True

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.once()
            await self.sleep(BEAT_EVERY_S)

    async def once(self) -> None:
        """Beat, and sample where that is due; what cannot be written now is left out."""
        try:
            await self._workers.beat(self._describe())
            await self._sample()
        except Unavailable as error:
            if self._is_heard:
                log.warning("what this worker is about cannot be written down", reason=str(error))
            self._is_heard = False
        else:
            self._is_heard = True

    async def _sample(self) -> None:
        dealt = self._dealt()
        if dealt is not None and self._monotonic() >= self._sample_at:
            await self._workers.sample(dealt.lags)
            self._sample_at = self._monotonic() + SAMPLE_EVERY_S

    async def on_shutdown(self) -> None:
        """Say that it has stopped, where somebody hears that at once."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(LAST_WORD_S):
                await self._workers.beat(
                    replace(self._describe(), presence=Presence.STOPPED, partitions={}, leads=False)
                )
