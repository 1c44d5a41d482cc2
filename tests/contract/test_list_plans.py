"""Lists of many jobs touch as many rows as they show, or as may be looked at."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from support.plans import touched

from benchmarks.lists import FILTERS, fill
from models.jobs import JobStatus
from terrafusion.adapters.postgres import attention, listing
from terrafusion.ports.jobs import MOST_LOOKED_AT, JobFilter

MANY = 12_000
SHOWN = 51
SPARE = 2 * len(JobStatus) * SHOWN
"""A row for each that is shown, of each branch; a bitmap is read once and its rows once more."""


@pytest.fixture
async def filled(engine):
    """A database of many jobs."""
    await fill(engine, MANY)
    async with engine.connect() as connection:
        yield connection


async def test_what_is_read_of_many_jobs_is_bounded(filled):
    """One test, for filling the table takes longer than asking."""
    for name, wanted in FILTERS.items():
        await hold_list(filled, name, wanted)
    for wanted in (JobFilter(), JobFilter(county_id="county_3"), JobFilter(analysis_type="type_3")):
        rows, whole = await touched(filled, listing.counted_each(listing._asked(wanted), 100))
        assert rows <= 2 * len(JobStatus) * 100, wanted
        assert whole == [], wanted
    rows, whole = await touched(filled, attention.failures(SHOWN))
    assert rows <= 3 * SHOWN
    assert whole == []
    rows, whole = await touched(filled, attention.behind())
    assert rows <= MOST_LOOKED_AT + 1
    assert whole == []
    newest = (await filled.execute(text("SELECT max(updated_at) FROM market_analysis_jobs"))).scalar_one()
    await filled.execute(text("SET enable_seqscan = off"))  # a fourth of so small a table waits
    rows, _ = await touched(filled, attention.moved_since(newest, 100))
    assert rows <= 3 * MOST_LOOKED_AT


async def hold_list(connection, name, wanted):
    way = listing._within(await listing._way(connection, wanted), listing._times(wanted))
    rows, whole = await touched(connection, listing.listed(way, SHOWN))
    assert rows <= (2 * MOST_LOOKED_AT if way.rest else SPARE), name
    assert whole == [], name
