"""What the parts of a worker share, each made once."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from uuid import uuid4

from prometheus_client import CollectorRegistry

from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.spans import make_tracer
from terrafusion.analysis.registry import Catalogue, load_catalogue
from terrafusion.bootstrap.stores import Stores
from terrafusion.metrics import Metrics
from terrafusion.settings import Settings
from terrafusion.tracing import Tracer
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.pauses import KnownPauses
from terrafusion.usecases.token_holders import KnownHolders
from terrafusion.web.deps import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The worker's name, its stores and what is known of them, and the bells of its loops."""

    name: str
    settings: Settings
    catalogue: Catalogue
    metrics: Metrics
    tracer: Tracer
    stores: Stores
    objects: Objects
    counties: KnownCounties
    pauses: KnownPauses
    holders: KnownHolders
    jobs_bell: AsyncBell = field(default_factory=AsyncBell)
    relay_bell: AsyncBell = field(default_factory=AsyncBell)

    @classmethod
    def of(cls, settings: Settings) -> Shared:
        """Make them. Raises Misconfigured."""
        name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        catalogue = load_catalogue(settings.modules)
        metrics = Metrics(CollectorRegistry(), catalogue.names)
        stores = Stores.of(settings, sender=name)
        return cls(
            name=name,
            settings=settings,
            catalogue=catalogue,
            metrics=metrics,
            tracer=make_tracer(settings, instance=name),
            stores=stores,
            objects=Objects.of(settings),
            counties=KnownCounties(stores.counties, metrics),
            pauses=KnownPauses(stores.pauses, metrics, time.monotonic),
            holders=KnownHolders(stores.credentials, monotonic=time.monotonic, now=utc_now),
        )

    def wake(self) -> None:
        """Have jobs claimed and entries published."""
        self.jobs_bell.ring()
        self.relay_bell.ring()
