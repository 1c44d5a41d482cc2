"""What this worker tells of itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from importlib.metadata import version

from models.workers import Presence, WorkerState
from terrafusion import DISTRIBUTION
from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.adapters.pool import PebblePool
from terrafusion.settings import Settings


class ThisWorker:
    """Looks at the parts of this worker."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        pool: PebblePool,
        consumer: FaustConsumer,
        in_flight: Callable[[], int],
        leads: Callable[[], bool],
        drains: Callable[[], bool],
    ) -> None:
        self._name = name
        self._settings = settings
        self._version = version(DISTRIBUTION)
        self._pool = pool
        self._consumer = consumer
        self._in_flight = in_flight
        self._leads = leads
        self._drains = drains

    def state(self) -> WorkerState:
        """Say how it is now; asks nobody outside the process."""
        return WorkerState(
            worker_id=self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=self._version,
            address=f"{self._settings.http_host}:{self._settings.http_port}",
            presence=Presence.DRAINING if self._drains() else Presence.WORKING,
            slots=self._settings.pool_size,
            in_flight=self._in_flight(),
            children=self._pool.children,
            has_pool=self._pool.is_up,
            leads=self._leads(),
            partitions=self._consumer.assigned(),
        )
