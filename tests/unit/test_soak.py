"""What a soak calls growing."""

from __future__ import annotations

import pytest
from chaos.soak import growing


def watched(rise_a_minute: float, name: str = "w1 MB") -> list[tuple[float, dict[str, float]]]:
    return [(60.0 * minute, {name: 200 + rise_a_minute * minute}) for minute in range(1, 21)]


@pytest.mark.parametrize("rise", [-1.0, 0.0, 0.5])
def test_what_stays_as_it_is_or_nearly_so_is_flat(rise: float) -> None:
    assert growing(watched(rise)) == []


def test_what_rises_in_the_last_half_is_told_from_what() -> None:
    assert growing(watched(2.0)) == ["w1 MB rose by 20.0 in the last 10 minutes, from 220.0"]


@pytest.mark.parametrize(("name", "rise"), [("outbox rows", 25.0), ("outbox kB", 200.0), ("bytes a job", 2.0)])
def test_what_is_told_and_forgotten_leaves_no_more_behind(name: str, rise: float) -> None:
    assert [line.partition(" rose")[0] for line in growing(watched(rise, name))] == [name]


@pytest.mark.parametrize(
    ("name", "rise"), [("outbox rows", 15.0), ("outbox kB", 90.0), ("dead_letters kB", 900.0), ("jobs", 9.0)]
)
def test_a_batch_more_or_a_vacuum_late_is_no_growth(name: str, rise: float) -> None:
    assert growing(watched(rise, name)) == []


@pytest.mark.parametrize(("rise", "named"), [(0.0, []), (300.0, ["outbox kB"])])
def test_what_a_vacuum_takes_away_every_minute_is_no_growth_and_hides_none(rise: float, named: list[str]) -> None:
    """Each comes a little later in its minute of the soak than the one before."""
    heights = [(at, 4000 + 80 * ((at + 30) % 61) + rise * at / 60) for at in range(10, 1200, 10)]
    found = growing([(float(at), {"outbox kB": height}) for at, height in heights])
    assert [line.partition(" rose")[0] for line in found] == named
