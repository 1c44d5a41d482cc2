"""Plain SQL for tests that are no coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg


class Database:
    """One statement, one connection: nothing is kept that a restart of Postgres could break."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")

    def rows(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return the rows of a statement."""
        with ThreadPoolExecutor(1) as thread:  # the test's own thread may have a loop already
            return thread.submit(asyncio.run, self._rows(statement, values)).result(timeout=30)

    def value(self, statement: str, *values: Any) -> Any:
        """Return the first value of the first row."""
        return self.rows(statement, *values)[0][0]

    def job(self, job_id: str) -> Any:
        """Return a job's row; None where there is none."""
        return next(iter(self.rows("SELECT * FROM market_analysis_jobs WHERE job_id = $1", job_id)), None)

    async def _rows(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=20)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close(timeout=5)
