"""How soon a worker is ready and how large it is, with many finished jobs in Postgres and with none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table
from sqlalchemy import URL

from benchmarks.consumption import resident_bytes
from benchmarks.size import Size
from benchmarks.stage import Stage, ask, stage
from models.tables import jobs

ROUNDS: Final = 3
SETTLED_S: Final = 5.0
"""By then the children have imported what they need, and the table has been filled."""
FINISHED: Final = f"""
INSERT INTO {jobs.name} (job_id, analysis_type, county_id, status, message, parameters_json, priority, digest,
    attempt, sequence, progress, started_at, completed_at, data_version, result_summary_json)
SELECT gen_random_uuid(), 'noop', 'bench', 'COMPLETED', 'Completed', '{{}}', 5, md5(n::text),
    1, 3, 1, now(), now(), md5('bench'), jsonb_build_object('key_finding', 'Nothing was asked.', 'n', n)
FROM generate_series(1, $1::int) n
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds to ready, resident bytes of the worker and of its children once it has settled."""

    seconds: float
    worker: int
    children: Sequence[int]


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Start workers on both databases in turns."""
    with stage(folder) as services:
        full = services.database("many")
        asyncio.run(ask(full, FINISHED, size.finished))
        asyncio.run(ask(full, f"VACUUM ANALYZE {jobs.name}"))
        databases = {"none": services.database("empty"), f"{size.finished:,}": full}
        _start(services, databases["none"])
        rounds = [{name: _start(services, url) for name, url in databases.items()} for _ in range(ROUNDS)]
    title = f"Start of a worker, median of {ROUNDS}"
    table = Table("finished jobs in Postgres", "process start to ready", "worker", "each child", title=title)
    for name in databases:
        table.add_row(name, *_cells([starts[name] for starts in rounds]))
    yield table


def _start(services: Stage, url: URL) -> Start:
    worker = services.worker(url)
    worker.prepare()
    began = time.perf_counter()
    worker.spawn()
    try:
        while not worker.is_up():
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        time.sleep(SETTLED_S)
        return Start(seconds, *resident_bytes(worker.pid))
    finally:
        worker.stop()


def _cells(starts: Sequence[Start]) -> tuple[str, str, str]:
    seconds = median(start.seconds for start in starts)
    worker = median(start.worker for start in starts)
    children = starts[-1].children
    return f"{seconds:.2f} s", _megabytes(worker), ", ".join(map(_megabytes, children))


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
