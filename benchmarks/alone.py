"""One thing measured in a process of its own: `python -m benchmarks.alone` with a question as JSON on the input."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import peers
from terrafusion.analysis.api import Records
from terrafusion.analysis.facts import Facts
from terrafusion.analysis.registry import load_catalogue

ROLL = "roll.parquet"


def main() -> None:
    """Print seconds of each round after the first, of the processor too, and megabytes: before reading, and at most."""
    asked = json.loads(sys.stdin.read())
    run = _prepared(asked)
    before = _megabytes("VmRSS")
    run()
    rounds = [timed(run) for _ in range(asked["rounds"])]
    print(json.dumps({"rounds": rounds, "before": before, "peak": _megabytes("VmHWM")}))


def _prepared(asked: dict[str, Any]) -> Callable[[], object]:
    file = Path(asked["file"])
    if asked["kind"] in peers.PEERS:
        return lambda: peers.PEERS[asked["kind"]](file)
    catalogue = load_catalogue()
    parameters = catalogue.check(asked["kind"], asked["parameters"])
    analysis = catalogue.get(asked["kind"])
    roll = pl.scan_parquet(file.with_name(f"{file.stem}-{ROLL}")) if asked["roll"] else None
    sales = pl.scan_parquet(file)
    records = Records("bench", "v1", sales, properties=roll, kept=Facts(sales))  # as a worker's child keeps them
    return lambda: analysis.compute(records, parameters, lambda _done, _doing: None)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that passed, and those of the processor."""
    began, spent = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - spent


def _megabytes(name: str) -> float:
    """Read a figure of this process: ru_maxrss would tell the parent's as well."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024e-6 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
