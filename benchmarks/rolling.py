"""How much longer requests wait while workers are replaced one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks import markets
from benchmarks.load import Driven, drive, requests
from benchmarks.size import Size
from benchmarks.stage import Stage, stage
from terrafusion.embedded.workers import WorkerProcess

WORKERS: Final = 3
A_SECOND: Final = 10
CALM_S: Final = 30
RESTARTS_S: Final = 90
"""Longer than three restarts take on a machine that is not busy."""
SETTLE_S: Final = 6.0


def measure(folder: Path, _size: Size) -> Iterator[Table]:
    """Send no-op jobs for half a minute, then while each of three workers is stopped and started, as a supervisor would."""
    with stage(folder) as services, ExitStack() as running:
        services.load(markets.county(markets.large(1000), seed=0))
        workers = [running.enter_context(services.worker(name=f"worker{number}")) for number in range(WORKERS)]
        drive(services.kafka.bootstrap, requests("noop", 2 * A_SECOND), a_second=A_SECOND)
        calm, _ = _driven(services, [], CALM_S)
        rolled, restarts = _driven(services, workers, RESTARTS_S)
    table = Table("", "p50", "p90", "p99", "longest", title=f"{WORKERS} workers, {A_SECOND} no-op jobs a second")
    for name, driven in (("nobody restarts", calm), ("one after the other", rolled)):
        table.add_row(name, *(f"{driven.quantile(share) * 1e3:.0f} ms" for share in (0.5, 0.9, 0.99, 1.0)))
    extra = rolled.quantile(1.0) - calm.quantile(1.0)
    table.caption = f"longest extra wait {extra:.2f} s; {restarts} of {WORKERS} restarts were over before the load was"
    yield table


def _driven(services: Stage, workers: Sequence[WorkerProcess], seconds: int) -> tuple[Driven, int]:
    """Drive the load from another thread, for processes are started on the main one; returns what came, and the restarts."""
    wanted = requests("noop", A_SECOND * seconds)
    with ThreadPoolExecutor(1) as beside:
        driving = beside.submit(drive, services.kafka.bootstrap, wanted, a_second=A_SECOND)
        over = 0
        for worker in workers:
            time.sleep(SETTLE_S)
            worker.restart()
            over += not driving.done()
        return driving.result().all_completed(), over
