"""The parts of a worker that watch: the consumer group, the worker itself, what becomes of jobs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from mode import Service
from sqlalchemy.ext.asyncio import AsyncEngine

from models.group import Dealt
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_group import KafkaGroup
from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.adapters.pool import PebblePool
from terrafusion.adapters.postgres.rates import PostgresRates
from terrafusion.adapters.postgres.watching import PostgresWorkers
from terrafusion.adapters.this_worker import ThisWorker
from terrafusion.errors import StoodStill
from terrafusion.metrics import Metrics
from terrafusion.services.grouping import GroupWatch
from terrafusion.services.presence import Presenting
from terrafusion.services.rating import Rating
from terrafusion.services.watchdog import Look, Watchdog
from terrafusion.settings import Settings
from topics.catalogue import APP_ID, COMMANDS, REQUESTS, STATUS


class Observing:
    """Puts them together: a corner of the composition root."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        engine: AsyncEngine,
        consumer: FaustConsumer,
        *,
        metrics: Metrics,
        is_open: Callable[[], bool],
    ) -> None:
        self._name = name
        self._settings = settings
        self._consumer = consumer
        self._metrics = metrics
        self.workers = PostgresWorkers(engine)
        self.rates = PostgresRates(engine)
        self.group = GroupWatch(
            own=consumer,
            group=KafkaGroup(Broker.of(settings), APP_ID, (REQUESTS, COMMANDS), told=(STATUS,)),
            metrics=metrics,
            is_open=is_open,
            monotonic=time.monotonic,
            waits_for={COMMANDS.name: REQUESTS.name},
        )

    def dealt(self) -> Dealt | None:
        """Return the group as the broker last told of it."""
        return self.group.dealt

    def watchdog(
        self, *others: Look, end: Callable[[StoodStill], Awaitable[None]], remember: Callable[[str], None]
    ) -> Watchdog:
        """Return what looks at the group, and wherever else, for what stands still."""
        return Watchdog(
            looks=(self.group.look, *others),
            metrics=self._metrics,
            end=end,
            remember=remember,
            close=self.group.stop,
            monotonic=time.monotonic,
        )

    def services(
        self, pool: PebblePool, *, in_flight: Callable[[], int], leads: Callable[[], bool], drains: Callable[[], bool]
    ) -> Sequence[Service]:
        """Return what tells of this worker, which starts first and stops last, and what puts rates together."""
        this = ThisWorker(
            self._name,
            self._settings,
            pool=pool,
            consumer=self._consumer,
            in_flight=in_flight,
            leads=leads,
            drains=drains,
        )
        return (
            Presenting(self.workers, describe=this.state, dealt=self.dealt, monotonic=time.monotonic),
            Rating(self.rates, is_leader=leads),
        )
