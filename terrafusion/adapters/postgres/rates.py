"""What became of jobs, put together from their rows by when they ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.rates import Rate, Width
from models.tables import job_rates
from terrafusion.adapters.postgres.engine import connected, single_statements, transaction

AT_ONCE: Final = 60
"""Stretches in one statement, so that none takes long where there is much to catch up with."""

_BOUNDS: Final = text("""
    SELECT least(ended, since + CAST(:most AS integer) * width) AS until, since, ended FROM (
        SELECT make_interval(secs => CAST(:width_s AS integer)) AS width,
            date_bin(make_interval(secs => CAST(:width_s AS integer)), now(), timestamptz 'epoch') AS ended,
            coalesce(
                (SELECT max(at) FROM job_rates WHERE width_s = CAST(:width_s AS integer)),
                date_bin(make_interval(secs => CAST(:width_s AS integer)), now() - CAST(:kept AS interval), timestamptz 'epoch')
            ) AS since
    ) AS bounds
    WHERE ended > since + width
""")
"""Nothing is due until a stretch beyond the last one is over; then that one is put together again as well."""
_ROLL: Final = text("""
    INSERT INTO job_rates AS known
        (width_s, at, analysis_type, completed, failed, cancelled, wait_p50, wait_p95, run_p50, run_p95)
    SELECT CAST(:width_s AS integer), at, coalesce(analysis_type, ''), completed, failed, cancelled, wait[1], wait[2], run[1], run[2]
    FROM (
        SELECT at, analysis_type,
            count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
            count(*) FILTER (WHERE status = 'FAILED') AS failed,
            count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) AS wait,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ran) AS run
        FROM (
            SELECT date_bin(make_interval(secs => CAST(:width_s AS integer)), completed_at, timestamptz 'epoch') AS at, analysis_type, status,
                extract(epoch FROM started_at - created_at)::float8 AS waited,
                CASE WHEN status <> 'CANCELLED' THEN extract(epoch FROM completed_at - started_at)::float8 END AS ran
            FROM market_analysis_jobs
            WHERE completed_at >= :since AND completed_at < :until
        ) AS ended
        GROUP BY GROUPING SETS ((at, analysis_type), (at))
    ) AS rates
    ON CONFLICT (width_s, at, analysis_type) DO UPDATE SET completed = excluded.completed, failed = excluded.failed,
        cancelled = excluded.cancelled, wait_p50 = excluded.wait_p50, wait_p95 = excluded.wait_p95,
        run_p50 = excluded.run_p50, run_p95 = excluded.run_p95
""")
_MARK: Final = text("""
    INSERT INTO job_rates (width_s, at, analysis_type, completed, failed, cancelled)
    VALUES (CAST(:width_s AS integer), CAST(:until AS timestamptz) - make_interval(secs => CAST(:width_s AS integer)), '', 0, 0, 0)
    ON CONFLICT DO NOTHING
""")
"""How far it was put together, also where no job ended."""
_FORGET: Final = text(
    "DELETE FROM job_rates WHERE width_s = CAST(:width_s AS integer) AND at < now() - CAST(:kept AS interval)"
)
_SINCE: Final = select(job_rates).order_by(job_rates.c.at, job_rates.c.analysis_type)


class PostgresRates:
    """Fulfils `terrafusion.ports.monitoring.Rates`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def roll(self, width: Width) -> None:
        """Put together the stretches that are over, some at a time."""
        behind = True
        while behind:
            async with transaction(self._engine) as connection:
                behind = await _roll(connection, width)

    async def since(self, width: Width, *, age: timedelta) -> Sequence[Rate]:
        """Return what was put together."""
        wanted = _SINCE.where(job_rates.c.width_s == _seconds(width), job_rates.c.at >= func.now() - age)
        async with connected(single_statements(self._engine)) as connection:
            rows = await connection.execute(wanted)
            return [Rate(**{name: row._mapping[name] for name in Rate.__slots__}) for row in rows]  # noqa: SLF001


async def _roll(connection: AsyncConnection, width: Width) -> bool:
    """Say whether there is more to do."""
    known = {"width_s": _seconds(width), "kept": width.kept}
    bounds = (await connection.execute(_BOUNDS, {**known, "most": AT_ONCE})).one_or_none()
    if bounds is None:
        return False
    stretch = {"width_s": _seconds(width), "since": bounds.since, "until": bounds.until}
    await connection.execute(_ROLL, stretch)
    await connection.execute(_MARK, {"width_s": _seconds(width), "until": bounds.until})
    await connection.execute(_FORGET, known)
    return bool(bounds.until < bounds.ended)


def _seconds(width: Width) -> int:
    return int(width.length.total_seconds())
