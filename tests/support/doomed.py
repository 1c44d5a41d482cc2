"""Processes that die at boundaries, and a system whose one worker does and is started again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from support.crashing import FOLDER, Victim, arm, disarm, forget, has_fired
from support.database import Database
from support.nursery import Nursery
from support.tape import REQUESTS, Upstream, request
from support.waiting import until
from support.web import Web

from terrafusion.boundaries import Boundary
from terrafusion.embedded.processes import free_port
from terrafusion.embedded.workers import environment
from terrafusion.settings import Settings

COUNTY = "lucas_oh"
COMMANDS = "market-analysis.commands.v1"
PATIENCE_S = 120.0
"""For anything that a busy machine may do slowly."""


@dataclass(frozen=True)
class Expected:
    """How a job must end, and for which blow it was asked."""

    status: str
    reason: str | None
    blow: str


class Mortal:
    """Forks processes that run `support.errands` and may die at any boundary."""

    def __init__(self, folder: Path, settings: Settings, nursery: Nursery) -> None:
        self.folder = folder
        self.settings = settings
        self.database = Database(settings.database.render_as_string(hide_password=False))
        self._nursery = nursery
        self._armed = folder / "armed"
        self._armed.mkdir()

    def fork(self, errand: str, *values: Any) -> int:
        """Begin an errand and return its process."""
        told = environment(self.settings) | {FOLDER: str(self._armed)}
        log = self.folder / f"{errand}.log"
        return self._nursery.fork(f"support.errands:{errand}", *values, environment=told, log=log)

    def errand(self, errand: str, *values: Any) -> None:
        """Have one run to its end, or to its death."""
        pid = self.fork(errand, *values)
        until(lambda: not _lives(pid), what=f"{errand} ends", within=PATIENCE_S)

    def arm(self, boundary: Boundary, victim: Victim = Victim.SELF, *, after: int = 0) -> None:
        """Have the next process at a boundary die there, or its parent; ``after`` so many that do not."""
        forget(self._armed, boundary)
        arm(self._armed, boundary, victim, after=after)

    def has_struck(self, boundary: Boundary) -> bool:
        """Say whether somebody died there, and disarm it."""
        disarm(self._armed, boundary)
        return has_fired(self._armed, boundary)


class Doomed(Mortal):
    """One worker over servers of its own; what was asked of it and what must come of that."""

    def __init__(self, folder: Path, settings: Settings, nursery: Nursery) -> None:
        port = free_port()
        super().__init__(folder, settings.model_copy(update={"data_dir": folder / "w1", "http_port": port}), nursery)
        self.bootstrap = settings.kafka_bootstrap or ""
        self.upstream = Upstream(self.bootstrap)
        self.web = Web(f"http://127.0.0.1:{port}")
        self.expected: dict[str, Expected] = {}
        self.letters: list[bytes] = []
        """Values of the records that must be dead letters, each once."""
        self.blow = ""
        self.deaths = 0
        self.pid = 0
        self.graves: dict[int, str] = {}
        """Workers that are gone, with the blow."""

    def start(self) -> None:
        """Start the worker."""
        self.pid = self.fork("worker")

    def ready(self) -> None:
        """Wait until its view answers."""
        until(self._is_ready, what="the worker is ready", within=PATIENCE_S, every=0.1)

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return self.web.get("/readyz").status == 200
        return False

    def terminate(self) -> None:
        """Tell the worker to stop."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Have it die as it stands."""
        os.kill(self.pid, signal.SIGKILL)
        self.deaths += 1
        self.mourn()

    def mourn(self) -> None:
        """Wait until the worker is gone."""
        until(lambda: not _lives(self.pid), what="the worker is gone", within=PATIENCE_S)
        self.graves[self.pid] = self.blow

    def orphans(self) -> Sequence[str]:
        """Name the children that outlived their worker; one that was about to start may take that long."""
        with suppress(AssertionError):
            gone = "the children of the dead are gone"
            until(lambda: not any(map(_family, self.graves)), what=gone, within=PATIENCE_S, every=0.2)
        return [f"{blow}: process {pid} is alive" for worker, blow in self.graves.items() for pid in _family(worker)]

    def struck(self, boundary: Boundary) -> None:
        """Wait until somebody died at a boundary."""
        fired = partial(has_fired, self._armed, boundary)
        until(fired, what=f"a death at {boundary.name}", within=PATIENCE_S, every=0.1)
        self.deaths += 1

    def note(self, sentence: str) -> None:
        """Write down what happened, for who wonders what took so long."""
        with (self.folder / "blows.log").open("a") as log:
            log.write(f"{sentence}\n")

    def begin_again(self) -> None:
        """Disarm everything, kill what there is, and start the worker."""
        for armed in self._armed.iterdir():
            armed.unlink()
        with suppress(ProcessLookupError):
            self.kill()
        self.start()

    def send(self, *requests: Mapping[str, Any], status: str = "COMPLETED", reason: str | None = None) -> Sequence[str]:
        """Ask for jobs that must end so."""
        for asked in requests:
            self.expect(asked["job_id"], status, reason)
        return self.upstream.send(*requests)

    def expect(self, job_id: str, status: str = "COMPLETED", reason: str | None = None) -> None:
        """Put down how a job must end."""
        self.expected[job_id] = Expected(status, reason, self.blow)

    def refused(self, *values: bytes, topic: str = REQUESTS, partition: int = 0) -> None:
        """Put records that must become dead letters."""
        for value in values:
            self.letters.append(value)
            self.upstream.put(value, partition=partition, topic=topic)
        self.upstream.flush()

    def order(self, **command: Any) -> None:
        """Put a command on its topic."""
        self.upstream.put(json.dumps(command).encode(), topic=COMMANDS, key=b"order")
        self.upstream.flush()

    def running(self, seconds: float) -> str:
        """Ask for a job that lasts, and return it once it runs."""
        (job_id,) = self.send(request("sleepy", COUNTY, parameters={"seconds": seconds}))
        self.wait(job_id, "RUNNING")
        return job_id

    def ended(self) -> str:
        """Return a job that has completed."""
        (job_id,) = self.send(request("noop", COUNTY))
        self.wait(job_id, "COMPLETED")
        return job_id

    def wait(self, job_id: str, status: str) -> None:
        """Wait until a job stands so."""
        asked = "SELECT FROM market_analysis_jobs WHERE job_id = $1 AND status = $2"
        self.wait_for(asked, job_id, status)

    def wait_for(self, statement: str, *values: Any) -> Sequence[Any]:
        """Wait until a statement finds rows, and return them."""
        look = partial(self.database.rows, statement, *values)
        return until(look, what=f"{statement} {values}", within=PATIENCE_S, every=0.1)

    def letter(self) -> int:
        """Have a record refused, and return the id of its dead letter."""
        junk = f"junk {uuid4()}".encode()
        self.refused(junk)
        return int(self.wait_for("SELECT id FROM dead_letters WHERE value = $1", junk)[0]["id"])


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _family(session: int) -> Sequence[int]:
    """Return who still lives of a session: a worker begins one, and its children stay in it."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == session and _lives(pid):
                found.append(pid)
    return found
