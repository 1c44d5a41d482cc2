"""Servers that are children of this process, and die with it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Self

from terrafusion.errors import Unavailable

PORTS: Final = range(15_000, 32_000)
"""Below what kernels give to outgoing connections: there a client that calls a stopped server may reach itself."""
START_SECONDS: Final = 60
STOP_SECONDS: Final = 20
PREDECESSOR_SECONDS: Final = 5
"""So long a killed predecessor may still hold the folder."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def remembered_port(file: Path) -> int:
    """Return the port that ``file`` holds while it is free, else a new one, and remember it there."""
    if file.exists() and is_free(port := int(file.read_text())):
        return port
    port = free_port()
    file.write_text(str(port))
    return port


def spawn(
    command: Sequence[str], *, log: BinaryIO, at_our_death: signal.Signals, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own; the kernel sends it ``at_our_death`` when this process is gone.

    Linux watches the thread, not the process, so call it on the main thread.
    """
    return subprocess.Popen(  # noqa: S603 - our own commands
        tied(command, at_our_death),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def tied(command: Sequence[str], at_our_death: signal.Signals) -> list[str]:
    """Put in front of a command what ties its life to ours; nothing where the system has no such tool."""
    if shutil.which("setpriv") is None:
        return list(command)
    return ["setpriv", "--pdeathsig", at_our_death.name.removeprefix("SIG"), "--", *command]


def complete(command: Sequence[str], *, log: BinaryIO, stdin: bytes = b"") -> None:
    """Run a preparing command to its end; raises Unavailable when it fails."""
    done = subprocess.run(tied(command, signal.SIGKILL), input=stdin, stdout=log, stderr=log, check=False)  # noqa: S603
    if done.returncode != 0:
        msg = f"{Path(command[0]).name} failed with {done.returncode}; see {log.name}"
        raise Unavailable(msg)


class Server(ABC):
    """A server with its data in one folder, on loopback ports that it keeps; usable as a context.

    ``start`` does three steps that may also be taken one by one: ``prepare`` (on any thread), ``spawn`` and
    ``is_up`` (on the main thread) until it says True.
    """

    name: str
    stop_signal: ClassVar[signal.Signals]
    at_our_death: ClassVar[signal.Signals]
    stop_seconds: ClassVar[float] = STOP_SECONDS
    """So long it may take to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def pid(self) -> int:
        """The process; 0 while it is not running."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process exists, answering or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        return self.folder / f"{self.name}.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and return when it answers; raises Unavailable with the log's last line."""
        self.prepare()
        self.spawn()
        try:
            while not self.is_up():
                time.sleep(0.02)
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """Make folder and data where they are missing, and choose the ports."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or remembered_port(self.folder / "port")
        with self.log_file.open("ab") as log:
            self._initialize(log)

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        self._started = time.monotonic()
        self._launch()

    def is_up(self) -> bool:
        """Say whether it answers by now; raises Unavailable when it never will."""
        waited = time.monotonic() - self._started
        if not self.is_running:
            if waited > PREDECESSOR_SECONDS:
                raise Unavailable(f"{self.name} did not start: {self.last_line()}; see {self.log_file}")
            time.sleep(0.1)
            self._launch()
        if waited > START_SECONDS:
            raise Unavailable(f"{self.name} did not answer within {START_SECONDS} s; see {self.log_file}")
        return self._answers()

    def stop(self) -> None:
        """Stop in good order, killing it when that takes too long; nothing happens when it is not running."""
        self.begin_stop()
        self.finish_stop()

    def begin_stop(self) -> None:
        """Ask it to stop."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)

    def finish_stop(self) -> None:
        """Wait until it has, and kill it when that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Stop as a power failure would."""
        if self._process is not None:
            self._process.kill()
        self.finish_stop()

    def restart(self) -> None:
        """Stop and start on the same ports with the same data."""
        self.stop()
        self.start()

    def _launch(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = spawn(
                self._command(), log=log, at_our_death=self.at_our_death, environment=self._environment()
            )

    def last_line(self) -> str:
        """Return the end of what it wrote."""
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _environment(self) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def _initialize(self, log: BinaryIO) -> None: ...

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...
