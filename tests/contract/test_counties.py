"""Which counties are loaded, told by the fake as by the real ones."""

from __future__ import annotations


async def test_no_county_at_first(bench):
    assert await bench.driver.counties.current() == []
    assert await bench.driver.counties.version("king_wa", "v1") is None


async def test_the_current_version_of_each_county_by_name(bench):
    for county, version in [("lucas_oh", "w1"), ("king_wa", "v1"), ("king_wa", "v2")]:
        await bench.driver.load(county, version)
    current = await bench.driver.counties.current()
    assert [(found.county_id, found.data_version) for found in current] == [("king_wa", "v2"), ("lucas_oh", "w1")]


async def test_an_old_version_stays(bench):
    for version in ("v1", "v2"):
        await bench.driver.load("king_wa", version)
    old = await bench.driver.counties.version("king_wa", "v1")
    assert (old.county_id, old.data_version, old.profile, old.sales) == ("king_wa", "v1", {}, 1)
    assert await bench.driver.counties.version("lucas_oh", "v1") is None


async def test_the_history_of_a_county_newest_first(bench):
    for county, version in [("king_wa", "v1"), ("lucas_oh", "w1"), ("king_wa", "v2"), ("king_wa", "v3")]:
        await bench.driver.load(county, version)
    history = await bench.driver.counties.history("king_wa", limit=2)
    assert {version.county_id for version in history} == {"king_wa"}
    assert [version.created_at for version in history] == sorted((v.created_at for v in history), reverse=True)
    assert len(history) == 2
    assert await bench.driver.counties.history("unknown", limit=2) == []
