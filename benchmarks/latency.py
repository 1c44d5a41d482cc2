"""How long a request waits for its answer at a steady, low rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks import markets
from benchmarks.load import drive, requests
from benchmarks.size import Size
from benchmarks.stage import stage

A_SECOND: Final = 50


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Send 50 no-op jobs a second; two seconds of it before do not count."""
    with stage(folder) as services:
        services.load(markets.county(markets.large(1000), seed=0))
        with services.worker():
            drive(services.kafka.bootstrap, requests("noop", 2 * A_SECOND), a_second=A_SECOND)
            wanted = requests("noop", A_SECOND * size.seconds)
            driven = drive(services.kafka.bootstrap, wanted, a_second=A_SECOND).all_completed()
    title = f"{len(wanted):,} no-op jobs, {A_SECOND} a second, request to completed event"
    table = Table("p50", "p90", "p99", "max", title=title)
    table.add_row(*(f"{driven.quantile(share) * 1e3:.1f} ms" for share in (0.5, 0.9, 0.99, 1.0)))
    yield table
