"""When purging is done, and by whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from terrafusion.errors import Unavailable
from terrafusion.services import purger
from terrafusion.services.purger import SWEEP_EVERY, Purger
from terrafusion.usecases.purge import Purged


class Purge:
    def __init__(self) -> None:
        self.sweeps: list[bool] = []
        self.away = False
        self.done = asyncio.Event()
        self.wanted = 1

    async def run(self, *, sweep: bool) -> Purged:
        self.sweeps.append(sweep)
        if len(self.sweeps) >= self.wanted:
            self.done.set()
        if self.away:
            raise Unavailable("Postgres is away")
        return Purged(1, 0, 0, 0)


@pytest.fixture
def purge(monkeypatch: pytest.MonkeyPatch) -> Purge:
    monkeypatch.setattr(purger, "FIRST_AFTER_S", 0.01)
    monkeypatch.setattr(purger, "EVERY_S", 0.001)
    return Purge()


async def passes(purge: Purge, wanted: int, **more: Any) -> list[bool]:
    purge.wanted = wanted
    service = Purger(purge, is_leader=lambda: True, **more)  # type: ignore[arg-type]
    await service.start()
    async with asyncio.timeout(30):
        await purge.done.wait()
    await service.stop()
    return purge.sweeps[:wanted]


async def test_each_day_all_files_are_looked_through(purge: Purge) -> None:
    assert await passes(purge, SWEEP_EVERY + 1) == [True, *[False] * (SWEEP_EVERY - 1), True]


async def test_a_service_that_is_away_only_costs_a_pass(purge: Purge) -> None:
    purge.away = True
    assert len(await passes(purge, 3)) == 3


async def test_a_worker_that_does_not_lead_purges_nothing(purge: Purge) -> None:
    asked = 0
    looked = asyncio.Event()

    def leads() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            looked.set()
        return False

    service = Purger(purge, is_leader=leads)  # type: ignore[arg-type]
    await service.start()
    async with asyncio.timeout(30):
        await looked.wait()
    await service.stop()
    assert purge.sweeps == []


async def test_nothing_is_purged_before_a_rolling_upgrade_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    purge = Purge()
    service = Purger(purge, is_leader=lambda: True)  # type: ignore[arg-type]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert purge.sweeps or seconds == 600
        service._stopped.set()

    monkeypatch.setattr(service, "sleep", sleep)
    await service._run(service)
    assert (slept, purge.sweeps) == ([600], [])
