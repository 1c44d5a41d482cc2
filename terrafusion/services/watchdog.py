"""Looks for what stands still: tells it once, counts it, and ends a worker that only a new process can help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final

import structlog
from mode import Service

from models.troubles import Part, Trouble
from terrafusion.metrics import Metrics

LOOK_EVERY_S: Final = 2.0
PATIENCE_S: Final = 20.0
"""How long a part may stand still; with the looks between, less than half a minute passes until it is told."""
FROZEN_S: Final = 10.0
"""Between two looks so much passes only where the whole process stood still: a broker that is away holds one up for 6 s."""

log = structlog.get_logger(__name__)
Look = Callable[[], Awaitable[Sequence[Trouble]]]
Seen = tuple[Part, Hashable]


class Watchdog(Service):
    """Looks every two seconds."""

    def __init__(
        self,
        *,
        looks: Sequence[Look],
        metrics: Metrics,
        end: Callable[[Trouble], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        """Take where to look, and what ends the worker, and what closes what the looks opened."""
        super().__init__()
        self._looks = looks
        self._metrics = metrics
        self._end = end
        self._close = close
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._awake_s = 0.0
        self._since: dict[Seen, float] = {}
        self._told: set[Seen] = set()

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_EVERY_S)
            if ending := await self.look():
                await self._end(ending)
                return

    async def on_shutdown(self) -> None:
        """Close, once no look is under way."""
        await self._close()

    async def look(self) -> Trouble | None:
        """Look once; returns what the worker has to end for."""
        seen = {(t.part, t.sign): t for look in self._looks for t in await look()}
        now = self._awake()
        self._since = {key: self._since.get(key, now) for key in seen}
        self._told &= seen.keys()
        lasting = [t for key, t in seen.items() if now - self._since[key] >= PATIENCE_S * t.patience]
        new = [t for t in lasting if (t.part, t.sign) not in self._told]
        self._told |= {(t.part, t.sign) for t in new}
        for part in {trouble.part for trouble in new}:
            self._tell(part, [trouble for trouble in new if trouble.part == part])
        return next((trouble for trouble in lasting if trouble.ends), None)

    def _awake(self) -> float:
        """Return the seconds that passed while it could look; of those in which the process was frozen, one pause."""
        now = self._monotonic()
        passed, self._looked_at = now - self._looked_at, now
        self._awake_s += passed if passed < FROZEN_S else LOOK_EVERY_S
        return self._awake_s

    def _tell(self, part: Part, troubles: Sequence[Trouble]) -> None:
        self._metrics.stalls.labels(part).inc()
        what = "worker ends itself" if any(trouble.ends for trouble in troubles) else "something stands still"
        log.error(what, part=part, reason="; ".join(trouble.reason for trouble in troubles))
        for trouble in troubles:
            if trouble.cure is not None:
                trouble.cure()
