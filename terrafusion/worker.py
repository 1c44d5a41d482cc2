"""One worker process."""

from __future__ import annotations

import faulthandler
import gc
import signal
import sys
from collections.abc import Callable
from typing import Final

import faust
import structlog

from terrafusion.adapters.guard import EXIT_STOOD_STILL, Guard
from terrafusion.bootstrap.worker import create_worker, make_guard
from terrafusion.errors import Misconfigured, StoodStill
from terrafusion.logs import configure
from terrafusion.settings import Settings
from terrafusion.settings_checks import is_loopback

log = structlog.get_logger(__name__)

GC_THRESHOLDS: Final = (20_000, 20, 20)
START_S: Final = 180.0
"""Far more than a start needs, with a group that waits for a member that is gone: what hung in it would do so for ever."""
SWITCH_INTERVAL_S: Final = 0.001
"""Each message goes through the threads of the broker's client and of the pool: they wait less for a busy loop."""


def run(settings: Settings, *, started: Callable[[], None] | None = None) -> None:
    """Run a worker until it is told to stop; exits the process. ``started`` is called when all its parts run."""
    for name, value in (("DATABASE_URL", settings.database_url), ("KAFKA_BOOTSTRAP", settings.kafka_bootstrap)):
        if value is None:
            msg = f"TERRAFUSION_{name} is not set; a worker needs it"
            raise Misconfigured(msg)
    configure(settings)
    _tell_access(settings)
    (settings.data_dir / "faust").mkdir(parents=True, exist_ok=True)
    guard = make_guard(settings)
    guard.begin_within(START_S)
    process = _Process(create_worker(settings, guard).app, guard, started)
    _spare_the_collector()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    faulthandler.register(signal.SIGVTALRM, chain=True)  # the guard's last means; shows where and dies of it
    try:
        process.execute_from_commandline()
    finally:
        if isinstance(process.crash_reason, StoodStill):
            sys.exit(EXIT_STOOD_STILL)


def _tell_access(settings: Settings) -> None:
    if settings.access == "off":
        tell = log.info if is_loopback(settings.http_host) else log.warning
        tell("no login: whoever reaches this address may do everything", http_host=settings.http_host)


def _spare_the_collector() -> None:
    """Leave what was imported out of garbage collection, and collect less often: a backlog is many small objects."""
    gc.collect()
    gc.freeze()
    gc.collect()  # a full collection waits for a quarter of what the last one left: of nothing now, no more of all modules
    gc.set_threshold(*GC_THRESHOLDS)


class _Process(faust.Worker):
    """A Faust worker that leaves logging as it was configured, and turns no spinner."""

    def __init__(self, app: faust.App, guard: Guard, started: Callable[[], None] | None) -> None:
        super().__init__(app, quiet=True, stdout=sys.stderr)
        self.spinner = None
        self._guard = guard
        self._tell_started = started

    async def on_first_start(self) -> None:
        """Have the loop watched from its first turn on."""
        self._guard.watch()
        await super().on_first_start()

    async def on_startup_finished(self) -> None:
        """Say so to whoever waits for it."""
        self._guard.begun()
        await super().on_startup_finished()
        if self._tell_started is not None:
            self._tell_started()

    def _setup_logging(self) -> None:
        pass
