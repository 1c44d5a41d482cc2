"""Ten thousand jobs of one county wait, and another county asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import make_url
from support.rig import POOL_SIZE, Rig
from support.tape import Tape, request
from support.waiting import until

from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.store import PostgresJobStore

MANY = 10_000
SECONDS = 0.4
AT_ONCE = 500


def waiting(rig: Rig) -> int:
    asked = "SELECT count(*) FROM market_analysis_jobs WHERE county_id = 'king_wa' AND status = 'PENDING'"
    return rig.database.value(asked)


@pytest.fixture
def crowded(rig: Rig) -> Iterator[None]:
    """Jobs of one county stand in line for an hour; afterwards those that still wait are cancelled."""
    rig.ready()
    ids = rig.upstream.send(*(request("sleepy", "king_wa", parameters={"seconds": SECONDS}) for _ in range(MANY)))
    until(lambda: waiting(rig) > 0.99 * MANY, what="they all wait", within=60)
    yield
    cancel(rig, ids)


def cancel(rig: Rig, ids: Any) -> None:
    async def cancelled() -> None:
        engine = make_engine(make_url(rig.settings.database), connections=1)
        store = PostgresJobStore(engine)
        for start in range(0, len(ids), AT_ONCE):
            await store.cancel([UUID(job_id) for job_id in ids[start : start + AT_ONCE]], message="The test is over")
        await engine.dispose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, cancelled()).result(timeout=60)


@pytest.mark.usefixtures("crowded")
def test_it_starts_within_two_durations_of_the_jobs_before_it(rig: Rig, tape: Tape) -> None:
    (only,) = rig.upstream.send(request("sleepy", "lucas_oh", parameters={"seconds": SECONDS}, priority=0))
    tape.ends([only], within=30)
    between = """
        SELECT count(*) FROM market_analysis_jobs other, market_analysis_jobs mine
        WHERE mine.job_id = $1 AND other.county_id = 'king_wa'
          AND other.started_at > mine.created_at AND other.started_at < mine.started_at
    """
    slots = POOL_SIZE * len(rig.workers)
    assert rig.database.value(between, only) <= 2 * slots, "each slot began at most two others first"
