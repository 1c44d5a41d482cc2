"""No-op jobs as fast as they go, what of the processor they take, and other designs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks import beside, markets
from benchmarks.consumption import processor_seconds
from benchmarks.following import caught_up
from benchmarks.load import Driven, drive, requests
from benchmarks.size import Size
from benchmarks.stage import Stage, ask, stage

WARM_UP: Final = 500
SETTINGS: Final = """
SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """The measured run of this system."""

    driven: Driven
    behind: float
    """Seconds from the last completed event until the live table had caught up."""
    processor: Mapping[str, float]
    """Seconds by part, from the first request until then."""


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Measure one after another on the same services, so that none takes the processor from the other."""
    with stage(folder) as services:
        ours = _ours(services, size.jobs)
        classic = beside.classic_design(services, size.jobs)
        yield _speeds(ours, classic, services, size.jobs)
        yield _processor(ours, size.jobs)


def _ours(services: Stage, count: int) -> Ours:
    services.load(markets.county(markets.large(1000), seed=0))
    with services.worker() as worker:
        drive(services.kafka.bootstrap, requests("noop", WARM_UP)).all_completed()
        caught_up(services.kafka.bootstrap)
        before = processor_seconds(services, worker)
        driven = drive(services.kafka.bootstrap, requests("noop", count))
        behind = caught_up(services.kafka.bootstrap) - driven.ended
        after = processor_seconds(services, worker)
    return Ours(driven.all_completed(), behind, {part: after[part] - before[part] for part in after})


def _speeds(ours: Ours, classic: float, services: Stage, count: int) -> Table:
    table = Table("design", "jobs/s", "ours to it", title=f"{count:,} no-op jobs, as fast as they go")
    others = {
        "bare aiokafka, consume and produce": beside.bare_kafka(services, count),
        "bare Postgres, the same rows, 200 a commit": beside.group_commit(services, count),
        "classic: HTTP, background task, three commits": classic,
    }
    table.add_row("TerraFusion, request to completed event", f"{ours.driven.a_second:,.0f}", "")
    for name, a_second in others.items():
        table.add_row(name, f"{a_second:,.0f}", f"{ours.driven.a_second / a_second:.2f}")
    caught_up = f"The live table had caught up {ours.behind:.2f} s after the last completed event."
    table.caption = f"{caught_up} {_durability(services)}"
    return table


def _durability(services: Stage) -> str:
    (said,) = asyncio.run(ask(services.url, SETTINGS))
    return f"Postgres {said['version']}, fsync {said['fsync']}, synchronous_commit {said['synchronous_commit']}."


def _processor(ours: Ours, count: int) -> Table:
    table = Table("part", "µs a job", title="Processor time a no-op job, user and system")
    for part, seconds in ours.processor.items():
        table.add_row(part, f"{seconds / count * 1e6:,.0f}")
    table.add_row("all", f"{sum(ours.processor.values()) / count * 1e6:,.0f}")
    return table
