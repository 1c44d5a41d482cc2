"""What stands still is told once, counted once, and cured or ended; what moves, however late, is not."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from models.troubles import Part, Trouble
from terrafusion.errors import StoodStill
from terrafusion.metrics import Metrics
from terrafusion.services.watchdog import PATIENCE_S, Watchdog


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seen():
    """What a look sees; tests write into it."""
    return []


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def remembered():
    return []


@pytest.fixture
def watchdog(clock, seen, registry, remembered):
    async def look():
        return list(seen)

    return Watchdog(
        looks=[look], metrics=Metrics(registry, ()), end=None, remember=remembered.append, close=None, monotonic=clock
    )


def stalls(registry, part):
    return registry.get_sample_value("terrafusion_stalls_total", {"part": part})


async def after(watchdog, clock, seconds):
    clock.now += seconds
    return await watchdog.look()


async def test_what_stands_still_is_told_and_counted_once(watchdog, clock, seen, registry):
    seen.append(Trouble(Part.PARTITION, ("requests", 3), "nobody takes it", ends=False))
    with capture_logs() as logs:
        for _ in range(30):
            assert await after(watchdog, clock, 2) is None
    assert [(entry["part"], entry["reason"]) for entry in logs] == [(Part.PARTITION, "nobody takes it")]
    assert stalls(registry, Part.PARTITION) == 1.0


async def test_it_is_told_within_half_a_minute(watchdog, clock, seen):
    seen.append(Trouble(Part.CONSUMER, 5, "nothing is read"))
    ended = [await after(watchdog, clock, 2) for _ in range(14)]
    assert ended[-1] is not None
    assert ended[: int(PATIENCE_S / 2)] == [None] * int(PATIENCE_S / 2)


async def test_what_moves_is_not_blamed(watchdog, clock, seen, registry):
    for offset in range(60):
        seen[:] = [Trouble(Part.CONSUMER, offset // 9, "nothing is read")]
        assert await after(watchdog, clock, 2) is None
    assert stalls(registry, Part.CONSUMER) is None


@pytest.mark.parametrize("seconds", [30, 3600])
async def test_a_process_that_was_frozen_as_a_whole_is_not_blamed(watchdog, clock, seen, seconds):
    seen.append(Trouble(Part.RELAY, 5, "the relay does nothing"))
    for _ in range(int(PATIENCE_S / 2) - 1):
        await after(watchdog, clock, 2)
    assert await after(watchdog, clock, seconds) is None
    assert await after(watchdog, clock, 2) is not None


async def test_looks_that_are_always_late_see_it_all_the_same(watchdog, clock, seen):
    seen.append(Trouble(Part.RELAY, 5, "the relay does nothing"))
    ended = [await after(watchdog, clock, 15) for _ in range(12)]
    assert ended[-1] is not None


async def test_what_went_on_may_stand_still_again(watchdog, clock, seen, registry):
    for troubles in ([Trouble(Part.CHILD, 7, "stopped", ends=False)], [], [Trouble(Part.CHILD, 7, "x", ends=False)]):
        seen[:] = troubles
        for _ in range(15):
            await after(watchdog, clock, 2)
    assert stalls(registry, Part.CHILD) == 2.0


async def test_what_is_certain_ends_at_once(watchdog, clock, seen):
    seen.append(Trouble(Part.CONSUMER, "error", "not authorized", patience=0))
    assert await after(watchdog, clock, 2) == seen[0]


async def test_a_cure_is_given_once(watchdog, clock, seen):
    cured = []
    seen.append(Trouble(Part.CHILD, 7, "stopped", ends=False, cure=lambda: cured.append(7)))
    for _ in range(20):
        await after(watchdog, clock, 2)
    assert cured == [7]


async def test_many_at_once_are_one_line(watchdog, clock, seen, registry):
    seen += [Trouble(Part.PARTITION, number, f"partition {number}", ends=False) for number in range(3)]
    with capture_logs() as logs:
        for _ in range(15):
            await after(watchdog, clock, 2)
    assert [entry["reason"] for entry in logs] == ["partition 0; partition 1; partition 2"]
    assert stalls(registry, Part.PARTITION) == 1.0


async def test_what_it_ends_for_has_the_reasons_of_its_part(watchdog, clock, seen):
    seen += [Trouble(Part.CONSUMER, number, f"partition {number}", patience=0) for number in range(2)]
    seen.append(Trouble(Part.RELAY, 5, "the relay does nothing", patience=0))
    ending = await after(watchdog, clock, 2)
    assert (ending.part, ending.reason) == (Part.CONSUMER, "partition 0; partition 1")


def test_an_end_is_told_counted_and_remembered_whoever_found_it(watchdog, registry, remembered):
    with capture_logs() as logs:
        watchdog.tell_end(StoodStill("the broker has not told the offsets", part=Part.CONSUMER))
    assert [(entry["part"], entry["reason"]) for entry in logs] == [("consumer", "the broker has not told the offsets")]
    assert stalls(registry, Part.CONSUMER) == 1.0
    assert remembered == [Part.CONSUMER]
