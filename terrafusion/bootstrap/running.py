"""How jobs are run here: what is held of them, their children, their leases, what they log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from models.queue import Limits
from terrafusion.adapters.pool import PebblePool
from terrafusion.bootstrap.shared import Shared
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LeaseKeeper
from terrafusion.usecases.logbook import Logbook
from terrafusion.usecases.traces import Traces
from terrafusion.usecases.work import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The jobs of this worker, and who sees to them."""

    limits: Limits
    held: HeldJobs
    book: Logbook
    pool: PebblePool
    bench: Workbench
    leases: LeaseKeeper

    @classmethod
    def of(cls, shared: Shared) -> Running:
        """Put it together; no child is started yet."""
        limits = _limits(shared)
        held = HeldJobs(shared.metrics, shared.jobs_bell)
        book = Logbook(shared.stores.jobs, held.attempt_of)
        leases = _leases(shared, limits, held)
        pool = PebblePool(shared.settings, held.progressed, book.put, shared.jobs_bell.ring)
        shared.metrics.has_child.set_function(lambda: float(pool.has_child))
        return cls(
            limits=limits,
            held=held,
            book=book,
            pool=pool,
            bench=_bench(shared, pool, leases),
            leases=leases,
        )


def _limits(shared: Shared) -> Limits:
    return Limits(
        owner=shared.name,
        slots=shared.settings.pool_size,
        lease=timedelta(seconds=shared.settings.lease_seconds),
        job_timeout_s=shared.settings.job_timeout_seconds,
        max_crashes=shared.settings.max_attempts,
    )


def _bench(shared: Shared, pool: PebblePool, leases: LeaseKeeper) -> Workbench:
    return Workbench(
        limits=leases.limits,
        jobs=shared.stores.jobs,
        held=leases.held,
        pool=pool,
        counties=shared.counties,
        metrics=shared.metrics,
        beats=lambda: leases.beats,
        relay_bell=shared.relay_bell,
        monotonic=time.monotonic,
        traces=Traces(shared.tracer),
    )


def _leases(shared: Shared, limits: Limits, held: HeldJobs) -> LeaseKeeper:
    return LeaseKeeper(
        limits=limits,
        jobs=shared.stores.leases,
        held=held,
        relay_bell=shared.relay_bell,
        monotonic=time.monotonic,
    )
