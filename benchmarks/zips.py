"""Prices by ZIP and month of a large county: a whole job beside the bare query on the same file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import UUID

from rich.table import Table

from benchmarks import markets
from benchmarks.load import drive, requests
from benchmarks.peers import polars_by_zip
from benchmarks.size import Size
from benchmarks.stage import Stage, ask, stage
from models.tables import jobs

ROUNDS: Final = 5
ONE_CHILD: Final = 1
"""So that the second job is warm: another child would open the snapshot anew."""
KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "without index": {"index_method": "none"},
    "with hedonic index (default)": {},
}
RAN: Final = (
    f"SELECT extract(epoch FROM completed_at - started_at)::float8 AS seconds FROM {jobs.name} WHERE job_id = $1"
)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one job: from request to completed event, and of that from claim to finish."""

    whole: float
    claimed: float


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Take turns, so that whatever else the machine does falls on all alike."""
    with stage(folder) as services:
        began = time.perf_counter()
        loaded = services.load(markets.county(markets.large(size.sales), seed=0))
        loading = time.perf_counter() - began
        snapshot = Path(loaded.snapshot_uri.removeprefix("file://"))
        with services.worker(pool_size=ONE_CHILD):
            cold = {name: _job(services, parameters) for name, parameters in KINDS.items()}
            polars_by_zip(snapshot)
            rounds = [_round(services, snapshot) for _ in range(ROUNDS)]
    title = f"Prices by ZIP and month, {size.sales:,} sales, warm, median of {ROUNDS}"
    yield _table(title, cold, [bare for bare, _ in rounds], [took for _, took in rounds], loading)


def _round(services: Stage, snapshot: Path) -> tuple[float, Mapping[str, Took]]:
    began = time.perf_counter()
    polars_by_zip(snapshot)
    bare = time.perf_counter() - began
    return bare, {name: _job(services, parameters) for name, parameters in KINDS.items()}


def _job(services: Stage, parameters: Mapping[str, Any]) -> Took:
    wanted = requests("price_trend_by_zip", 1, {"period": "month", **parameters})
    driven = drive(services.kafka.bootstrap, wanted).all_completed()
    ran = asyncio.run(ask(services.url, RAN, UUID(next(iter(wanted)))))
    return Took(driven.latencies[0], ran[0]["seconds"])


def _table(
    title: str, cold: Mapping[str, Took], bare: Sequence[float], rounds: Sequence[Mapping[str, Took]], loading: float
) -> Table:
    table = Table("", "request to completed event", "claim to finish", "to the query", "first job", title=title)
    alone = median(bare)
    table.add_row("bare polars query", f"{alone * 1e3:,.0f} ms", "", "1.00", "")
    for name in KINDS:
        whole = median(took[name].whole for took in rounds)
        claimed = median(took[name].claimed for took in rounds)
        cells = (f"{whole * 1e3:,.0f} ms", f"{claimed * 1e3:,.0f} ms", f"{whole / alone:.2f}")
        table.add_row(f"job {name}", *cells, f"{cold[name].whole * 1e3:,.0f} ms")
    table.caption = f"Loading the file into Postgres and its snapshot took {loading:.1f} s."
    return table
