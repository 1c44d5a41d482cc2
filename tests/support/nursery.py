"""Forks processes from one that has imported everything: a start costs a tenth of a second, not three of a busy machine's.

Run as `python -m support.nursery`: each line of standard input is an order in JSON, each is answered by a pid.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from terrafusion.analysis.registry import load_catalogue
from terrafusion.embedded.processes import tied

PRELOADED = (
    "terrafusion.worker",
    "terrafusion.cli.asking",
    "terrafusion.cli.compare",
    "terrafusion.cli.jobs",
    "terrafusion.cli.missing",
    "terrafusion.cli.report",
    "terrafusion.cli.view",
    "terrafusion.adapters.postgres.loading",
    "terrafusion.adapters.postgres.migrate",
    "support.analyses",
)
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Nursery:
    """The process that forks, as the tests see it; its children die with it, and it with us."""

    def __init__(self, log: Path) -> None:
        self._one_at_a_time = threading.Lock()
        command = tied([sys.executable, "-m", "support.nursery"], signal.SIGKILL)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **ENVIRONMENT},
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def fork(self, call: str, *values: Any, environment: Mapping[str, str], log: Path) -> int:
        """Have ``module:function`` called with JSON values in a process of its own, and return its pid."""
        assert self._process.stdin
        assert self._process.stdout
        order = {"call": call, "values": values, "environment": dict(environment), "log": str(log)}
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


def main() -> None:
    for name in PRELOADED:
        import_module(name)
    load_catalogue()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _live(order: Mapping[str, Any]) -> None:
    """Be the process that was ordered; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.environ.update(order["environment"])
    with Path(order["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        for number, file in enumerate((nothing, log, log)):
            os.dup2(file.fileno(), number)
    module, _, name = order["call"].partition(":")
    getattr(import_module(module), name)(*order["values"])
    sys.exit()


if __name__ == "__main__":
    main()
