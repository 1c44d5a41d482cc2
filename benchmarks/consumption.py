"""Seconds of processor and bytes of memory of the processes that take part."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil

from benchmarks.stage import Stage
from terrafusion.embedded.workers import WorkerProcess


def processor_seconds(stage: Stage, worker: WorkerProcess) -> Mapping[str, float]:
    """Return user and system seconds so far, by part; those of processes that ended count for their parent."""
    return {
        "worker": _own(psutil.Process(worker.pid)),
        "children": _descendants(worker.pid),
        "Postgres": _own(psutil.Process(stage.postgres.pid)) + _descendants(stage.postgres.pid),
        "Kafka": _own(psutil.Process(stage.kafka.pid)),
        "load generator": _own(psutil.Process()),
    }


def resident_bytes(pid: int) -> tuple[int, list[int]]:
    """Return the resident memory of a process and of each of its descendants, the largest first."""
    process = psutil.Process(pid)
    below = sorted((child.memory_info().rss for child in process.children(recursive=True)), reverse=True)
    return process.memory_info().rss, below


def _descendants(pid: int) -> float:
    total = 0.0
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Postgres' own helpers come and go
            total += _own(child)
    return total


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
