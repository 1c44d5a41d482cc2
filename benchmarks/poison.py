"""No-op jobs with poison among them, beside the same jobs alone: bad input costs nobody else anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from benchmarks import markets
from benchmarks.following import caught_up
from benchmarks.load import POISON_EVERY, drive, requests
from benchmarks.size import Size
from benchmarks.stage import COUNTY, Stage, stage

WARM_UP: Final = 500
ROUNDS: Final = 3
POISON: Final[Sequence[bytes]] = (
    b"",
    b"{",
    b"\xff\xfe{",
    b"[1, 2]",
    b'{"analysis_type": "noop"}',
    b'{"analysis_type": "noop", "county_id": "bench", "parameters": {"n": NaN}}',
    b'{"analysis_type": "noop", "county_id": "bench", "parameters": {"n": 1e400}}',
    b'{"analysis_type": "noop", "county_id": "bench", "parameters": {"n": "\\ud800"}}',
    b'{"analysis_type": "noop", "county_id": "bench", "colour": "blue"}',
    b'{"analysis_type": "horoscope", "county_id": "bench"}',
    b'{"analysis_type": "noop", "county_id": "atlantis"}',
    b'{"analysis_type": "noop", "county_id": "bench", "priority": 11}',
    b"[" * 100_000,
)


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Measure clean and poisoned in turn on the same worker."""
    with stage(folder) as services:
        services.load(markets.county(markets.large(1000), seed=0))
        with services.worker():
            _drive(services, WARM_UP)
            clean, poisoned = zip(*(_pair(services, size.jobs // 2) for _ in range(ROUNDS)), strict=True)
    yield _table(median(clean), median(poisoned), size.jobs // 2)


def _pair(services: Stage, count: int) -> tuple[float, float]:
    return _drive(services, count), _drive(services, count, POISON)


def _drive(services: Stage, count: int, poison: Sequence[bytes] = ()) -> float:
    driven = drive(services.kafka.bootstrap, requests("noop", count), poison=poison).all_completed()
    caught_up(services.kafka.bootstrap)
    return driven.a_second


def _table(clean: float, poisoned: float, count: int) -> Table:
    title = f"{count:,} no-op jobs of county {COUNTY}, one bad request behind each {POISON_EVERY}th; median of {ROUNDS}"
    table = Table("load", "good jobs/s", "to clean", title=title)
    table.add_row("clean", f"{clean:,.0f}", "")
    table.add_row("poisoned", f"{poisoned:,.0f}", f"{poisoned / clean:.2f}")
    return table
