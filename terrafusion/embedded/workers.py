"""A worker as a child of this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretStr

from terrafusion.embedded.processes import Server
from terrafusion.settings import PREFIX, Settings


class WorkerProcess(Server):
    """`terrafusion worker` with these settings, its view on a port of its own; it is up when it calls itself ready.

    It dies by SIGKILL with us: Postgres and Kafka go at the same moment, so nothing could be handed back.
    """

    stop_signal = signal.SIGTERM
    at_our_death = signal.SIGKILL

    def __init__(self, folder: Path, settings: Settings, *, port: int) -> None:
        super().__init__(folder)
        self.name = self.folder.name
        self.port = port
        self._settings = settings

    @property
    def url(self) -> str:
        """Where its view is."""
        return f"http://127.0.0.1:{self.port}"

    def _initialize(self, log: BinaryIO) -> None:
        pass

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", "terrafusion", "worker"]

    def _environment(self) -> Mapping[str, str]:
        return environment(self._settings) | {"TERRAFUSION_HTTP_PORT": str(self.port)}

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=0.5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def environment(settings: Settings) -> dict[str, str]:
    """Write every setting as a worker reads it; what is not set is empty, so that nothing inherited stands there.

    All but the token, which commands show: a worker needs none, and each person has their own.
    """
    dumped = settings.model_dump(exclude={"token"})
    given = {**dumped, "results_url": settings.results, "data_dir": settings.data_dir.absolute()}
    return {f"{PREFIX}{name.upper()}": _written(value) for name, value in given.items()}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)
