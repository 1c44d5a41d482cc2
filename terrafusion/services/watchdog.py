"""Looks for what stands still: tells it once, counts it, and ends a worker that only a new process can help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace
from typing import Final

import structlog
from mode import Service

from models.troubles import Part, Trouble
from terrafusion.errors import StoodStill
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
        end: Callable[[StoodStill], Awaitable[None]],
        remember: Callable[[str], None],
        close: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        """Take where to look, what ends the worker and what tells the next one of it, and what closes what was opened."""
        super().__init__()
        self._looks = looks
        self._metrics = metrics
        self._end = end
        self._remember = remember
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
                await self._end(StoodStill(ending.reason, part=ending.part))
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
        new = [t for t in lasting if not t.ends and (t.part, t.sign) not in self._told]
        self._told |= {(t.part, t.sign) for t in new}
        for trouble in _joined(new):
            self._tell("something stands still", trouble.part, trouble.reason)
        for cure in [trouble.cure for trouble in new if trouble.cure is not None]:
            cure()
        return next(iter(_joined([trouble for trouble in lasting if trouble.ends])), None)

    def tell_end(self, error: StoodStill) -> None:
        """Tell, now and to the worker that follows, what this one ends for, whoever found it."""
        self._remember(error.part)
        self._tell("worker ends itself", error.part, str(error))

    def _awake(self) -> float:
        """Return the seconds that passed while it could look; of those in which the process was frozen, one pause."""
        now = self._monotonic()
        passed, self._looked_at = now - self._looked_at, now
        self._awake_s += passed if passed < FROZEN_S else LOOK_EVERY_S
        return self._awake_s

    def _tell(self, what: str, part: str, reason: str) -> None:
        self._metrics.stalls.labels(part).inc()
        log.error(what, part=part, reason=reason)


def _joined(troubles: Sequence[Trouble]) -> Sequence[Trouble]:
    """Return one for each part, with the reasons of all."""
    reasons: dict[Part, list[str]] = {}
    for trouble in troubles:
        reasons.setdefault(trouble.part, []).append(trouble.reason)
    firsts = {trouble.part: trouble for trouble in reversed(troubles)}
    return [replace(firsts[part], reason="; ".join(given)) for part, given in reasons.items()]
