"""Two results side by side, as a page and as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

BROWSER = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
ATTACK = "<script>alert(1)</script>"


def document(price: float, *, low: float, high: float, finding: str = "Prices rose.", cut: bool = False) -> Any:
    points = [
        {"group": "all", "period": str(year), "period_start": f"{year}-01-01", "median_price": price + year}
        for year in (2014, 2015)
    ]
    summary = {
        "key_finding": finding,
        "raw_change_pct": price / 100_000,
        "raw_change_ci_low_pct": low,
        "raw_change_ci_high_pct": high,
        "sales_used": 100,
    }
    return {
        "result_summary": summary | ({"trends_total": 20_000} if cut else {}),
        "data_quality": {"read": 100},
        "warnings": [{"code": "thin", "message": f"Few sales {finding}"}],
        "trends": points,
        "rows": [],
        "result_data_location": None,
    }


@pytest.fixture
async def pair(world: Any) -> tuple[UUID, UUID]:
    """Two finished jobs of one type, whose figures and parameters differ."""
    first = await world.accept(parameters={"period": "year"})
    await world.complete(first, document(400_000, low=3, high=5, finding=ATTACK))
    second = await world.accept(parameters={"period": "month"})
    await world.complete(second, document(500_000, low=5.5, high=6))
    return first, second


async def page(client: Any, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=BROWSER)
    text: str = await answer.text()
    assert answer.status == status, text
    assert ATTACK not in text
    return text


class TestChoosing:
    async def test_without_jobs(self, client: Any) -> None:
        assert "No job is completed yet." in await page(client, "/compare")

    async def test_the_first_then_the_second(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        first, second = pair
        other = await world.accept(analysis_type="ratio_study")
        await world.complete(other, document(1, low=0, high=2))
        waiting = await world.accept()
        text = await page(client, "/compare")
        for job_id in (first, second, other):
            assert f"/compare?first={job_id}" in text
        assert str(waiting) not in text
        text = await page(client, f"/compare?first={first}")
        assert f"/compare?first={first}&amp;second={second}" in text
        assert f"second={other}" not in text
        assert f"second={first}" not in text

    async def test_as_json(self, client: Any, pair: tuple[UUID, UUID]) -> None:
        told = await (await client.get(f"/compare?first={pair[0]}", headers=JSON)).json()
        assert [job["job_id"] for job in told["jobs"]] == [str(pair[1])]


class TestComparing:
    async def test_tells_what_differs(self, client: Any, pair: tuple[UUID, UUID]) -> None:
        text = await page(client, f"/compare?first={pair[0]}&second={pair[1]}")
        for words in (
            "The records are the same: what differs comes of the parameters.",
            "+4.0% (+3.0% to +5.0%)",
            "+5.0% (+5.5% to +6.0%)",
            "+1.0 points",
            "<td>apart</td>",
            "<td>year</td><td>month</td>",
            "2 are in both, 2 of them differ",
            "+$100,000",
            "First: Few sales",
            f"/compare?first={pair[1]}&amp;second={pair[0]}",
            "Median price of all sales",
        ):
            assert words in text
        assert "Raw change interval" not in text

    async def test_indices_of_different_bases_are_told(self, client: Any, world: Any) -> None:
        jobs = []
        for begin in (2013, 2014):
            job_id = await world.accept()
            rows = [{"group": "all", "period": str(year), "index": 100.0 + year - begin} for year in range(begin, 2016)]
            await world.complete(job_id, document(400_000, low=3, high=5) | {"rows": rows})
            jobs.append(job_id)
        text = await page(client, f"/compare?first={jobs[0]}&second={jobs[1]}")
        assert "The index of all is 100 in 2013 in the first and in 2014 in the second" in text

    async def test_a_group_of_both_has_its_figures_with_their_intervals_and_counts_are_whole(
        self, client: Any, world: Any
    ) -> None:
        jobs = []
        for share in (0, 1):
            job_id = await world.accept()
            group = {"group": "98103", "raw_change_pct": 4.0 + share, "raw_change_ci_low_pct": 3.0 + share}
            group |= {"raw_change_ci_high_pct": 5.0 + 9 * share, "constant_quality_change_pct": 2.0 + share, "n": share}
            told = document(400_000, low=3, high=5)
            told["result_summary"]["index_sales"] = 43_313 + share
            await world.complete(job_id, told | {"rows": [group]})
            jobs.append(job_id)
        text = await page(client, f"/compare?first={jobs[0]}&second={jobs[1]}")
        assert '<th scope="rowgroup" rowspan="2">98103</th>' in text
        assert "<td>+4.0% (+3.0% to +5.0%)</td><td>+5.0% (+4.0% to +14.0%)</td><td>+1.0 points</td>" in text
        assert "<td>+2.0%</td><td>+3.0%</td><td>+1.0 points</td>" in text
        assert "<td>43,313</td><td>43,314</td><td>+1</td>" in text

    async def test_overlapping_intervals(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        third = await world.accept()
        await world.complete(third, document(450_000, low=4, high=5.5))
        assert "<td>overlap</td>" in await page(client, f"/compare?first={pair[0]}&second={third}")

    async def test_of_a_job_with_itself(self, client: Any, pair: tuple[UUID, UUID]) -> None:
        text = await page(client, f"/compare?first={pair[0]}&second={pair[0]}")
        assert "The answers are the same." in text
        assert "They are the same, defaults included." in text

    async def test_other_records(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        (version,) = await world.counties.current()
        world.counties.add(replace(version, data_version="v2"))
        third = await world.accept(parameters={"period": "year"})
        await world.complete(third, document(450_000, low=4, high=5.5))
        text = await page(client, f"/compare?first={pair[0]}&second={third}")
        assert "what differs comes of the records" in text
        text = await page(client, f"/compare?first={pair[1]}&second={third}")
        assert "Records and parameters both differ" in text

    async def test_of_a_document_that_is_cut(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        third = await world.accept()
        await world.complete(third, document(450_000, low=4, high=5.5, cut=True))
        assert "terrafusion compare" in await page(client, f"/compare?first={pair[0]}&second={third}")

    async def test_as_json(self, client: Any, pair: tuple[UUID, UUID]) -> None:
        told = await (await client.get(f"/compare?first={pair[0]}&second={pair[1]}", headers=JSON)).json()
        assert told["parameters"][0]["name"] == "period"
        assert told["trends"]["matched"] == 2
        assert told["medians"]["period_start"] == ["2014-01-01", "2015-01-01"]


class TestRefusals:
    async def test_what_is_no_job(self, client: Any, pair: tuple[UUID, UUID]) -> None:
        text = await page(client, f"/compare?first={pair[0]}&second=7", 400)
        assert "second is &#39;7&#39;" in text
        assert f'value="{pair[0]}"' in text
        await page(client, f"/compare?first={pair[0]}&second={uuid4()}", 404)
        await page(client, "/compare?third=1", 400)

    async def test_what_is_not_finished(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        waiting = await world.accept()
        text = await page(client, f"/compare?first={pair[0]}&second={waiting}", 409)
        assert "only COMPLETED jobs have a result to compare" in text

    async def test_of_different_types(self, client: Any, world: Any, pair: tuple[UUID, UUID]) -> None:
        other = await world.accept(analysis_type="ratio_study")
        await world.complete(other, document(1, low=0, high=2))
        await page(client, f"/compare?first={pair[0]}&second={other}", 422)
        answer = await client.get(f"/compare?first={pair[0]}&second={other}", headers=JSON)
        assert (answer.status, (await answer.json())["field"]) == (422, "analysis_type")
