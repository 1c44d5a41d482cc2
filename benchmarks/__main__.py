"""`python -m benchmarks [NAME …]`: measure all, or those named, and print the figures."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import latency, lists, live, poison, rolling, start, throughput, zips
from benchmarks.size import Size

MEASUREMENTS: Final[Mapping[str, Callable[[Path, Size], Iterator[Table]]]] = {
    "throughput": throughput.measure,
    "poison": poison.measure,
    "latency": latency.measure,
    "zips": zips.measure,
    "rolling": rolling.measure,
    "start": start.measure,
    "list": lists.measure,
    "live": live.measure,
}
"""By name, in the order they run. Each gets an empty folder."""
WHOLE: Final = Size()

console = Console(width=None if sys.stdout.isatty() else 140)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(MEASUREMENTS)}; none is all.")] = None,
    *,
    jobs: Annotated[int, typer.Option(min=1, help="No-op jobs of the throughput.")] = WHOLE.jobs,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the latency run.")] = WHOLE.seconds,
    sales: Annotated[int, typer.Option(min=10_000, help="Sales of the large county.")] = WHOLE.sales,
    listed: Annotated[int, typer.Option(min=1000, help="Jobs that lists are read of.")] = WHOLE.listed,
    finished: Annotated[int, typer.Option(min=1, help="Finished jobs that a worker finds.")] = WHOLE.finished,
) -> None:
    """Measure, on this machine as it is now, and print figures side by side. Nothing here can fail a goal."""
    unknown = set(names or ()) - MEASUREMENTS.keys()
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}; allowed are {', '.join(MEASUREMENTS)}")
    size = Size(jobs=jobs, seconds=seconds, sales=sales, finished=finished, listed=listed)
    for name in names or MEASUREMENTS:
        console.print(f"\n[bold]{name}[/bold] {circumstances()}", highlight=False, soft_wrap=True)
        with tempfile.TemporaryDirectory(prefix=f"terrafusion-bench-{name}-", ignore_cleanup_errors=True) as folder:
            for table in MEASUREMENTS[name](Path(folder), size):
                show(table)


def circumstances() -> str:
    """Tell what a figure depends on: above all whether the machine was quiet."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    load = f"load average before {os.getloadavg()[0]:.1f}"
    return f"· {now} · {os.cpu_count()} cores · Python {platform.python_version()} · {load}"


def show(table: Table) -> None:
    """Print a table with title and caption as lines of their own, which a narrow table would break."""
    for column in table.columns[1:]:
        column.justify = "right"
    title, caption, table.title, table.caption = table.title, table.caption, None, None
    console.print(title or "", table, caption or "", sep="\n", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
