"""What workers say of themselves, and how far their group was behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.tables import lag_samples, workers
from models.workers import FORGOTTEN_AFTER, SAMPLES_KEPT, LagSample, Presence, SeenWorker, WorkerState
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.telling import AnyRow

SAID: Final = tuple(field.name for field in fields(WorkerState))

_SILENT: Final = (func.clock_timestamp() - workers.c.seen_at).label("silent")
_ALL: Final = select(workers, _SILENT).order_by(workers.c.seen_at.desc(), workers.c.worker_id)
_SAMPLES: Final = select(lag_samples).order_by(lag_samples.c.at, lag_samples.c.topic, lag_samples.c.partition)
_MINUTE: Final = func.date_trunc("minute", func.now())
_SAMPLE: Final = (
    insert(lag_samples)
    .values(at=_MINUTE, topic=bindparam("topic"), partition=bindparam("partition"), lag=bindparam("lag"))
    .on_conflict_do_nothing()
)


class PostgresWorkers:
    """Fulfils `terrafusion.ports.monitoring.Workers`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    async def beat(self, state: WorkerState) -> None:
        """Write down how a worker is now."""
        said = {name: getattr(state, name) for name in SAID}
        write = insert(workers).values(said)
        async with connected(self._engine) as connection:
            await connection.execute(
                write.on_conflict_do_update(index_elements=["worker_id"], set_={**said, "seen_at": func.now()})
            )
            await connection.execute(_older(workers, "seen_at", FORGOTTEN_AFTER))

    async def all(self) -> Sequence[SeenWorker]:
        """Return every worker."""
        async with connected(self._engine) as connection:
            return [_seen(row) for row in await connection.execute(_ALL)]

    async def sample(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Write down how far the group is behind; one place after the other, so that two who do it never lock each other."""
        rows = [{"topic": topic, "partition": number, "lag": lags[topic, number]} for topic, number in sorted(lags)]
        async with connected(self._engine) as connection:
            if rows:
                await connection.execute(_SAMPLE, rows)
            await connection.execute(_older(lag_samples, "at", SAMPLES_KEPT))

    async def samples(self, *, age: timedelta) -> Sequence[LagSample]:
        """Return the samples that are no older."""
        async with connected(self._engine) as connection:
            rows = await connection.execute(_SAMPLES.where(lag_samples.c.at >= func.now() - age))
            return [LagSample(**row._asdict()) for row in rows]


def _older(table: Table, column: str, age: timedelta) -> Any:
    """Delete what is older, but for rows that somebody else deletes: nobody waits for another here."""
    keys = list(table.primary_key.columns)
    old = select(*keys).where(table.c[column] < func.now() - age).with_for_update(skip_locked=True).cte("old")
    return delete(table).where(*(table.c[key.name] == old.c[key.name] for key in keys))


def _seen(row: AnyRow) -> SeenWorker:
    values = row._asdict()
    said = {name: values[name] for name in SAID} | {"presence": Presence(row.presence)}
    return SeenWorker(WorkerState(**said), row.started_at, row.seen_at, max(row.silent, timedelta(0)))
