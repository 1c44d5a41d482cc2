"""A whole system under test: real servers, sample counties, workers as processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import psutil
from support.database import Database
from support.tape import Upstream
from support.waiting import until
from support.web import Web

from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.workers import WorkerProcess
from terrafusion.settings import Settings

GROUP = "terrafusion-market-analysis"
ANALYSES = "benchmarks.noop,support.analyses,support.faults"
ROOT = Path(__file__).parents[2]
LEASE_S = 5.0
"""So long that no test's job loses it while the machine writes out what other tests left; still soon over."""
JOB_TIMEOUT_S = 8.0
MAX_CRASHES = 2
POOL_SIZE = 2


@contextmanager
def frozen(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Postgres takes connections and bytes, and answers nothing."""
    parent = psutil.Process(postgres.pid)
    family = [parent, *parent.children(recursive=True)]
    try:
        _signal(family, signal.SIGSTOP)
        yield
    finally:
        _signal(family, signal.SIGCONT)


def _signal(family: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in family:
        with suppress(psutil.NoSuchProcess):  # a backend ends with its connection
            process.send_signal(number)


def _runs_analyses(process: psutil.Process) -> bool:
    with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):  # it may end while we look
        return "spawn_main" in " ".join(process.cmdline())
    return False


class TestedWorker(WorkerProcess):
    """A worker that is able to import the tests' analyses."""

    __test__ = False

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}

    @property
    def web(self) -> Web:
        return Web(self.url)

    def is_open(self) -> bool:
        """Say whether its view answers, ready or not."""
        try:
            return self.is_running and self.web.get("/livez").status in (200, 503)
        except URLError:
            return False

    def is_ready(self) -> bool:
        """Say whether it calls itself ready."""
        return self.is_open() and self.web.get("/readyz").status == 200

    def signal(self, number: signal.Signals) -> None:
        assert self.pid
        os.kill(self.pid, number)

    def children(self) -> Sequence[psutil.Process]:
        """Return its child processes that run analyses."""
        return [p for p in psutil.Process(self.pid).children() if _runs_analyses(p)]


class Rig:
    """Workers over one database, one broker and one folder of results."""

    def __init__(self, folder: Path, settings: Settings, *, workers: int) -> None:
        self.settings = settings.model_copy(update={"data_dir": folder, "analysis_modules": ANALYSES})
        self.workers = [TestedWorker(folder / f"w{n}", self._settings_of(n), port=0) for n in range(1, workers + 1)]
        self.database = Database(settings.database.render_as_string(hide_password=False))
        self.bootstrap = settings.kafka_bootstrap or ""
        self.upstream = Upstream(self.bootstrap)

    def _settings_of(self, number: int) -> Settings:
        home = self.settings.data_dir / f"w{number}"
        return self.settings.model_copy(update={"data_dir": home, "results_url": self.settings.results})

    @property
    def web(self) -> Web:
        return self.workers[0].web

    def begin(self) -> None:
        """Start the workers without waiting for them."""
        for worker in self.workers:
            worker.prepare()
            worker.spawn()

    def ready(self, *, within: float = 150) -> None:
        """Wait until every worker says that it is."""
        until(lambda: all(worker.is_ready() for worker in self.workers), what="every worker is ready", within=within)

    def supervise(self) -> None:
        """Start again what has died: a worker may not live long while the broker is away."""
        for worker in self.workers:
            if not worker.is_running:
                worker.spawn()

    def end(self) -> None:
        """Stop the workers."""
        for worker in self.workers:
            worker.begin_stop()
        for worker in self.workers:
            worker.finish_stop()
