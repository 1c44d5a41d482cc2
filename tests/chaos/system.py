"""The system that is broken: servers, two workers and one that comes and goes, and every way to strike them."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import asyncpg
import psutil
from support.database import Database
from support.rig import ANALYSES, TestedWorker, frozen
from support.tape import Upstream
from support.waiting import until
from support.world import files_now, marks_now, path_of

from chaos.plan import Blow
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.processes import Server
from terrafusion.settings import Settings

ALWAYS = 2
"""Workers that should run all the time; one more joins now and then."""
LEASES = {"freeze_worker": 1.1, "freeze_postgres": 1.0, "silence_postgres": 2.2, "third_worker": 1.0}
"""How many leases a blow lasts at least."""
UP_WITHIN_S = 300.0
DRAINED_WITHIN_S = 60
MODULES = f"{ANALYSES},chaos.faults"
WRONG_S = 7200.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and the folder in which results are kept."""

    folder: Path
    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka


class ChaosWorker(TestedWorker):
    """A worker that imports the faults, and is told of them by its environment."""

    __test__ = False

    def __init__(self, folder: Path, settings: Settings, *, scratch: Path, told: Mapping[str, str]) -> None:
        super().__init__(folder, settings, port=0)
        self.clock = folder / "clock"
        self._told = {"CHAOS_CLOCK": str(self.clock), "TMPDIR": str(scratch), **told}

    def _environment(self) -> Mapping[str, str]:
        inherited = super()._environment()
        mutated = str(Path(__file__).parent / "mutated")
        return {**inherited, **self._told, "PYTHONPATH": os.pathsep.join([mutated, inherited["PYTHONPATH"]])}


class System:
    """Servers and workers, and every way to strike them: a blow is a method that lasts as long as its context."""

    def __init__(
        self, folder: Path, settings: Settings, stage: Stage, told: Mapping[str, str], *, always: int = ALWAYS
    ) -> None:
        """Take how many workers there are always; one more comes and goes."""
        self._told = told
        self._always = always
        self.postgres = stage.postgres
        self.kafka = stage.kafka
        self.since = marks_now(self.kafka.bootstrap)
        self.others = files_now(settings.results)
        self.folder = folder
        self.settings = settings
        self.database = Database(settings.database.render_as_string(hide_password=False))
        self.scratch = folder / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self.workers = [self._worker(number) for number in range(1, always + 2)]
        self._wanted = set(self.workers[:always])
        self.complaints: list[str] = []
        self.upstream = Upstream(self.kafka.bootstrap, **{"enable.idempotence": True, "message.timeout.ms": 120_000})

    def _worker(self, number: int) -> ChaosWorker:
        home = self.folder / f"w{number}"
        settings = self.settings.model_copy(update={"data_dir": home})
        return ChaosWorker(home, settings, scratch=self.scratch, told=self._told)

    @property
    def running(self) -> Sequence[ChaosWorker]:
        """The workers that are there now."""
        return [worker for worker in self.workers if worker.is_running]

    def metrics(self) -> Mapping[str, float]:
        """Add up the samples of all workers, as Prometheus does."""
        total: Counter[str] = Counter()
        for worker in self.running:
            total.update(worker.web.metrics())
        return total

    def begin(self) -> None:
        """Start the workers and wait until they are ready."""
        for worker in self._wanted:
            worker.prepare()
            worker.spawn()
        until(lambda: all(worker.is_ready() for worker in self._wanted), what="every worker is ready", within=180)

    def supervise(self) -> None:
        """Start again what has died."""
        for worker in self._wanted:
            if not worker.is_running:
                worker.spawn()

    def end(self) -> None:
        """Stop the workers in good order."""
        for worker in self.workers:
            worker.begin_stop()
        for worker in self.workers:
            if worker._process:
                self._must_end(worker.name, worker._process)
            worker.finish_stop()

    @contextmanager
    def struck(self, blow: Blow) -> Iterator[None]:
        """Strike; the end of the context heals what does not heal by itself."""
        with getattr(self, f"_{blow.name}")(blow):
            yield

    def lasts(self, blow: Blow) -> float:
        """Say for how many seconds a blow is felt before it is healed."""
        return LEASES.get(blow.name, 0.0) * self.settings.lease_seconds + blow.seconds

    def _must_end(self, name: str, process: Popen[bytes]) -> None:
        try:
            process.wait(DRAINED_WITHIN_S)
        except TimeoutExpired:
            self.complaints.append(f"{name} did not stop within {DRAINED_WITHIN_S} s; its log says where it stands")
            process.send_signal(signal.SIGUSR1)
            process.kill()

    def _struck_worker(self, blow: Blow) -> ChaosWorker:
        return self.workers[blow.worker]

    @contextmanager
    def _kill_worker(self, blow: Blow) -> Iterator[None]:
        self._struck_worker(blow).kill()
        yield

    @contextmanager
    def _freeze_worker(self, blow: Blow) -> Iterator[None]:
        """Stop it for longer than its lease: then it wakes and goes on with jobs that are not its own any more."""
        worker = self._struck_worker(blow)
        if worker.is_running:
            worker.signal(signal.SIGSTOP)
        process = worker.pid
        yield
        if worker.pid == process and worker.is_running:
            worker.signal(signal.SIGCONT)

    @contextmanager
    def _drain_worker(self, blow: Blow) -> Iterator[None]:
        worker = self._struck_worker(blow)
        process = worker._process if worker.is_running else None
        if process:
            process.send_signal(signal.SIGTERM)
        yield
        if process:
            self._must_end(worker.name, process)

    @contextmanager
    def _third_worker(self, _blow: Blow) -> Iterator[None]:
        """Have it join, and leave."""
        third = self.workers[self._always]
        third.prepare()
        third.spawn()
        yield
        process = third._process
        third.begin_stop()
        self._must_end(third.name, process)
        third.finish_stop()

    @contextmanager
    def _kill_child(self, blow: Blow) -> Iterator[None]:
        with suppress(psutil.Error):
            for child in self._struck_worker(blow).children()[:1]:
                child.kill()
        yield

    @contextmanager
    def _cut_connections(self, _blow: Blow) -> Iterator[None]:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        with suppress(OSError, asyncpg.PostgresError):  # there is no connection to cut
            self.database.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        yield

    @contextmanager
    def _kill_postgres(self, _blow: Blow) -> Iterator[None]:
        self.postgres.kill()
        yield
        self._start(self.postgres)

    @contextmanager
    def _restart_postgres(self, _blow: Blow) -> Iterator[None]:
        self.postgres.stop()
        yield
        self._start(self.postgres)

    @contextmanager
    def _freeze_postgres(self, _blow: Blow) -> Iterator[None]:
        """Have it take connections and bytes and answer nothing, for longer than a lease."""
        with frozen(self.postgres):
            yield

    @contextmanager
    def _silence_postgres(self, blow: Blow) -> Iterator[None]:
        """Have the connections of one worker fall silent, longer than any statement waits; new ones are answered.

        Those that are idle, as what is on the way forgets these first, and as a process that is stopped keeps its locks.
        """
        worker = self._struck_worker(blow)
        silent = self._idle_of(worker) if worker.is_running else []
        try:
            for process in silent:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in silent:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def _idle_of(self, worker: ChaosWorker) -> Sequence[psutil.Process]:
        """Return the processes of Postgres that serve a worker and have nothing to do."""
        with suppress(
            psutil.Error, OSError, asyncpg.PostgresError
        ):  # it ends, or all connections are cut, while we look
            ports = [one.laddr.port for one in psutil.Process(worker.pid).net_connections("tcp") if one.laddr]
            idle = "SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND client_port = ANY($1::int[])"
            return [psutil.Process(row["pid"]) for row in self.database.rows(idle, ports)]
        return []

    @contextmanager
    def _kill_kafka(self, _blow: Blow) -> Iterator[None]:
        self.kafka.kill()
        yield
        self._start(self.kafka)

    @contextmanager
    def _restart_kafka(self, _blow: Blow) -> Iterator[None]:
        self.kafka.stop()
        yield
        self._start(self.kafka)

    @contextmanager
    def _refuse_results(self, _blow: Blow) -> Iterator[None]:
        """Put a file where a folder of results was: nothing can be written there, not even by root."""
        folder = path_of(self.settings.results) / "king_wa" / "tabled"
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder.rename(folder.with_name("aside"))
        folder.touch()
        yield
        folder.unlink()
        folder.mkdir(exist_ok=True)
        for file in aside.iterdir():
            file.rename(folder / file.name)
        aside.rmdir()

    @contextmanager
    def _step_clock(self, blow: Blow) -> Iterator[None]:
        """Have a worker's wall clock wrong by two hours."""
        clock = self._struck_worker(blow).clock
        clock.write_text(str(WRONG_S if blow.seconds > 1 else -WRONG_S))
        yield
        clock.write_text("0")

    def _start(self, server: Server) -> None:
        """Start a server and wait for it, longer than its own patience on a machine that is busy."""
        server.prepare()
        server.spawn()

        def answers() -> bool:
            self.supervise()
            if not server.is_running:  # its killed predecessor may still hold the folder
                server.spawn()
            return server._answers()

        until(answers, what=f"{server.name} answers", within=UP_WITHIN_S)
