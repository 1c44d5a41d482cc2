"""The loops of a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from mode import Service

from models.troubles import Part
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.job_logs import WorkerLines
from terrafusion.adapters.last_words import LastWords
from terrafusion.adapters.postgres.listening import listen
from terrafusion.adapters.stored_files import StoredFiles
from terrafusion.bootstrap.node import Node
from terrafusion.bootstrap.running import Running
from terrafusion.bootstrap.shared import Shared
from terrafusion.services.leases import Claimer, Committer, Heart, Takeover
from terrafusion.services.listener import Listener
from terrafusion.services.log_keeper import LogKeeper
from terrafusion.services.loops import Loops
from terrafusion.services.purger import Purger
from terrafusion.services.watchdog import Watchdog
from terrafusion.settings import Settings
from terrafusion.usecases.purge import Purge, Terms


def services(
    shared: Shared, running: Running, node: Node, claimer: Claimer, fed: Sequence[Service]
) -> Sequence[Service]:
    """Return what works beside the agents, in the order it starts, with what they feed; the claimer starts by itself."""
    cancelled = AsyncBell()
    first = (*_observers(running, node, claimer), node.relay, _listener(shared, cancelled))
    then = (
        Heart(running.leases, cancelled=cancelled),
        Committer(running.bench),
        LogKeeper(running.book, WorkerLines(running.book.put)),
        _takeover(shared, running),
        Purger(_purge(shared), is_leader=lambda: node.relay.leads),
        *fed,
    )
    return (*first, _watchdog(shared, running, node, Loops((*first, *then, claimer))), *then)


def _observers(running: Running, node: Node, claimer: Claimer) -> Sequence[Service]:
    return node.observing.services(
        running.pool,
        in_flight=lambda: len(running.held),
        leads=lambda: node.relay.leads,
        drains=lambda: claimer.should_stop,
    )


def _listener(shared: Shared, cancelled: AsyncBell) -> Listener:
    hear = partial(
        listen,
        shared.settings.database,
        sender=shared.name,
        on_jobs=shared.jobs_bell.ring,
        on_entries=shared.relay_bell.ring,
        on_cancelled=cancelled.ring,
    )
    return Listener(hear)


def last_words(settings: Settings) -> LastWords:
    """Return where a worker writes what it ends itself for."""
    return LastWords(settings.data_dir / f"last-words-{settings.http_port}.json")


def _watchdog(shared: Shared, running: Running, node: Node, loops: Loops) -> Watchdog:
    """Make it; counts also what the workers before ended themselves for."""
    words = last_words(shared.settings)
    before = words.read()
    for part in Part:
        shared.metrics.stalls.labels(part).inc(before.get(part, 0))
    looks = (node.relay.look, running.pool.look, loops.look)
    watchdog = node.observing.watchdog(*looks, end=node.app.crash, remember=words.add)
    node.app.stood_still = watchdog.tell_end
    return watchdog


def _takeover(shared: Shared, running: Running) -> Takeover:
    return Takeover(
        jobs=shared.stores.jobs,
        counties=shared.counties,
        lease=running.limits.lease,
        max_crashes=running.limits.max_crashes,
        metrics=shared.metrics,
        bell=shared.jobs_bell,
        monotonic=time.monotonic,
    )


def _purge(shared: Shared) -> Purge:
    terms = Terms.of_days(
        jobs=shared.settings.job_retention_days,
        letters=shared.settings.dead_letter_retention_days,
        versions=shared.settings.data_version_retention_days,
        deeds=shared.settings.audit_retention_days,
    )
    return Purge(
        retention=shared.stores.retention, files=StoredFiles(shared.objects), terms=terms, metrics=shared.metrics
    )
