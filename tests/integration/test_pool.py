"""The pool of child processes: its limits go by a clock that nobody sets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from terrafusion.adapters.pool import PebblePool, _within
from terrafusion.settings import Settings

HOURS = 7200.0


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[PebblePool]:
    settings = Settings(
        data_dir=tmp_path, results_url=(tmp_path / "results").as_uri(), pool_size=1, analysis_modules="support.analyses"
    )
    made = PebblePool(settings, lambda *_news: None)
    made.start()
    yield made
    await made.stop()


async def test_a_clock_that_is_set_ends_no_job(pool: PebblePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at it shows two hours more."""
    looks = iter(range(1_000_000))
    right = time.time
    task = pool._schedule(time.sleep, 1.0)
    monkeypatch.setattr(time, "time", lambda: right() + HOURS * next(looks))
    assert await _within(60.0, task) is None


async def test_a_job_that_takes_too_long_is_ended(pool: PebblePool) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await _within(0.5, pool._schedule(time.sleep, 60.0))
    assert time.monotonic() - began < 50
