from __future__ import annotations

import re
from html.parser import HTMLParser
from uuid import UUID

import pytest

from models.jobs import Heartbeat
from terrafusion.web.query import write_cursor

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


def point(group, month, *, year=2014, **figures):
    return {
        "group": group,
        "period": f"{year}-{month:02}",
        "period_start": f"{year}-{month:02}-01",
        "period_end": f"{year}-{month:02}-28",
        "sales_volume": 50,
        "median_price": 400_000.0 + 1000 * month,
        "median_ci_low": 390_000.0,
        "median_ci_high": 430_000.0,
        "suppressed": False,
        "partial": False,
        "index": 100.0 + month,
        "index_ci_low": 95.0,
        "index_ci_high": 125.0,
        **figures,
    }


def document(trends=(), **parts):
    return {
        "result_summary": {
            "key_finding": "Prices rose 3.1%.",
            "raw_change_pct": 3.14159,
            "raw_change_ci_low_pct": 1.0,
            "raw_change_ci_high_pct": 5.0,
            "method": "medians",
        },
        "data_quality": {"read": 1200, "used": 1100, "excluded": {"below_min_price": 100}},
        "warnings": [{"code": "thin", "message": "Few sales."}],
        "trends": list(trends),
        "rows": [],
        "result_data_location": None,
        **parts,
    }


class Outline(HTMLParser):
    """What a page is made of: its elements, and that they are closed in order."""

    VOID = frozenset({"meta", "wbr", "link", "br", "img", "input"})
    SVG = frozenset({"path", "line", "rect", "circle"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in self.SVG
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


async def page(client, path="/", status=200):
    answer = await client.get(path, headers=BROWSER)
    text = await answer.text()
    assert answer.status == status
    assert answer.content_type == "text/html"
    outline = Outline(text)
    assert all(script["src"].startswith("/static/") for script in outline.all("script"))
    assert not any(
        name.startswith(("on", "hx-on", "hx-vals")) or name == "style"
        for _, attrs in outline.elements
        for name in attrs
    )
    assert len(outline.all("main")) == len(outline.all("h1")) == 1
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    return outline


def refreshes(outline):
    return any(meta.get("http-equiv") == "refresh" for meta in outline.all("meta"))


def links(outline):
    return [attrs["href"] for attrs in outline.all("a")]


class TestTheList:
    async def test_without_jobs_says_how_to_begin(self, client):
        outline = await page(client)
        assert "No job has been accepted yet" in outline.text
        assert not refreshes(outline)

    async def test_counts_every_state_and_names_every_job(self, client, world):
        made = [await world.accept() for _ in range(3)]
        await world.fail(made[0], "broken")
        outline = await page(client)
        assert re.search(r"\b3 all", outline.text)
        assert re.search(r"\b1 failed", outline.text)
        assert re.search(r"\b2 running", outline.text)
        assert [f"/jobs/{job_id}" for job_id in made[::-1]] == [link for link in links(outline) if "/jobs/" in link]

    async def test_has_pages_that_keep_the_filter(self, client, world):
        made = [await world.accept() for _ in range(5)]
        seen, path = [], "/?county_id=king_wa&limit=2"
        while path:
            outline = await page(client, path)
            seen += [link.removeprefix("/jobs/") for link in links(outline) if link.startswith("/jobs/")]
            path = next((a["href"] for a in outline.all("a") if a.get("rel") == "next"), None)
        assert seen == [str(job_id) for job_id in made[::-1]]

    async def test_shows_active_filters_and_how_to_clear_each(self, client, world):
        await world.accept()
        outline = await page(client, "/?status=PENDING&county_id=king_wa")
        chips = [a["href"] for a in outline.all("a") if a.get("class") == "chip"]
        assert chips == ["/?county_id=king_wa", "/?status=PENDING"]
        assert "/" in links(outline)
        active = [a["href"] for a in outline.all("a") if a.get("aria-current")]
        assert active == ["/?status=PENDING&county_id=king_wa"]

    async def test_other_filters_and_none_keep_order_length_and_standing_still(self, client, world):
        await world.accept()
        asked = "status=PENDING&county_id=king_wa&sort=oldest&limit=7&refresh=off"
        outline = await page(client, f"/?{asked}&cursor={write_cursor((world.clock.now, UUID(int=7)))}")
        hidden = {one["name"]: one["value"] for one in outline.all("input") if one.get("type") == "hidden"}
        assert hidden == {"status": "PENDING", "sort": "oldest", "limit": "7", "refresh": "off"}
        assert "/?sort=oldest&limit=7&refresh=off" in links(outline)

    async def test_refreshes_itself_while_jobs_move_unless_told_not_to(self, client, world):
        job_id = await world.accept()
        outline = await page(client)
        assert refreshes(outline)
        assert "/?refresh=off" in links(outline)
        assert not refreshes(await page(client, "/?refresh=off"))
        await world.fail(job_id, "broken")
        assert not refreshes(await page(client))

    async def test_offers_analyses_and_counties_as_filters(self, client):
        outline = await page(client)
        assert "/?analysis_type=price_trend_by_zip" in links(outline)
        assert "/?county_id=king_wa" in links(outline)
        assert "43,313 sales" in outline.text

    async def test_gives_json_to_who_asks_for_it(self, client, world):
        job_id = await world.accept()
        answer = await client.get("/", headers={"Accept": "application/json"})
        told = await answer.json()
        assert told["jobs"][0]["job_id"] == str(job_id)
        assert told["counts"] == {"PENDING": 1, "RUNNING": 0, "COMPLETED": 0, "FAILED": 0, "CANCELLED": 0}
        assert told["pauses"] == []

    async def test_a_wrong_query_is_told_as_a_page(self, client):
        outline = await page(client, "/?status=DONE", 400)
        assert "PENDING" in outline.text

    async def test_an_address_that_is_not_there_is_a_page_with_a_way_back(self, client):
        outline = await page(client, "/nowhere", 404)
        assert "/" in links(outline)

    async def test_503_as_a_page_while_the_store_is_away(self, client, world):
        world.store.away = True
        outline = await page(client, "/", 503)
        assert "hunter2" not in outline.text


class TestAJob:
    async def test_that_waits(self, client, world):
        outline = await page(client, f"/jobs/{await world.accept()}")
        assert refreshes(outline)
        assert "Waiting for a free slot" in outline.text
        assert "market-analysis.requests.v1, partition 3, offset 42" in outline.text

    async def test_leads_to_the_others_of_its_correlation(self, client, world):
        job_id = await world.accept(correlation_id="roll & <2026>")
        link = "/?correlation_id=roll+%26+%3C2026%3E"
        assert link in links(await page(client, f"/jobs/{job_id}"))
        assert f"/jobs/{job_id}" in links(await page(client, link))

    async def test_that_runs(self, client, world):
        job_id = await world.accept(origin=None)
        await world.start()
        world.clock.tick(90)
        beat = Heartbeat(job_id, 1, 0.42, "Reading sales")
        await world.store.heartbeat("worker", [beat], lease=world.clock.now - world.clock.now)
        outline = await page(client, f"/jobs/{job_id}")
        assert outline.all("progress")[0]["value"] == "0.42"
        assert "Reading sales" in outline.text
        assert "for 1 min 30 s" in outline.text
        assert "waited 2.0 s" in outline.text
        assert "HTTP" in outline.text
        assert not refreshes(await page(client, f"/jobs/{job_id}?refresh=off"))

    async def test_that_failed(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "no such column")
        outline = await page(client, f"/jobs/{job_id}")
        assert "Failed: processing exception" in outline.text
        assert outline.text.count("no such column") == 1
        assert not refreshes(outline)

    async def test_that_is_done(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document([point("98103", month) for month in range(1, 13)]))
        outline = await page(client, f"/jobs/{job_id}")
        for text in (
            "Prices rose 3.1%.",
            "+3.1%",
            "+1.0% to +5.0%",
            "Few sales.",
            "1,200",
            "Excluded: Below min price",
        ):
            assert text in outline.text
        assert "$401,000 ($390,000 to $430,000)" in outline.text
        assert "101.0 (95.0 to 125.0)" in outline.text
        assert "ab" * 32 in outline.text
        assert outline.all("svg")[1]["role"] == "img"
        assert {"line c0", "line raw", "band c0", "band raw"} <= {
            attrs["class"] for attrs in outline.all("path") if "class" in attrs
        }

    async def test_with_a_summary_alone(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document(), kept=False)
        assert "Prices rose 3.1%." in (await page(client, f"/jobs/{job_id}")).text

    async def test_with_an_empty_summary(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, {"result_summary": {}}, kept=False)
        await page(client, f"/jobs/{job_id}")

    async def test_with_rows_of_its_own(self, client, world):
        rows = [{"group": f"g{n}", "n": n, "cod": 12.345, "flags": ["a", "b"]} for n in range(120)]
        job_id = await world.accept(analysis_type="somebody_elses")
        await world.complete(job_id, document(rows=rows))
        outline = await page(client, f"/jobs/{job_id}")
        assert "12.35" in outline.text or "12.34" in outline.text
        assert "60 of 120 rows are shown" in outline.text
        assert "g119" not in outline.text

    async def test_gives_json_to_who_asks_for_it(self, client, world):
        job_id = await world.accept()
        await world.start()
        await world.logged(job_id, "Reading sales")
        await world.fail(job_id, "broken")
        again = await world.accept(retry_of=job_id)
        answer = await client.get(f"/jobs/{job_id}", headers={"Accept": "application/json"})
        told = await answer.json()
        assert told["result"] is None
        assert told["origin"] == {"topic": "market-analysis.requests.v1", "partition": 3, "offset": 42}
        assert told["retried_as"] == [str(again)]
        (attempt,) = told["attempts"]
        assert (attempt["attempt"], attempt["message"], attempt["log_left_out"]) == (1, "Failed", 0)
        assert attempt["ended_at"] == told["completed_at"]
        assert [line["text"] for line in attempt["log"]] == ["Reading sales"]

    @pytest.mark.parametrize(("job_id", "status"), [("nonsense", 400), ("73ebf3aa-448f-43d6-b542-e49a4968f011", 404)])
    async def test_that_is_not_there_is_a_page(self, client, job_id, status):
        await page(client, f"/jobs/{job_id}", status)


class TestGroups:
    async def test_tiers_are_trends_of_their_own(self, client, world):
        trends = [point("all", month, tier=tier) for tier in range(3) for month in range(1, 13)]
        job_id = await world.accept()
        await world.complete(job_id, document(trends))
        outline = await page(client, f"/jobs/{job_id}?group=all%2C+tier+2")
        assert "Trend of all, tier 2" in outline.text
        assert "all, tier 1" in outline.text

    @pytest.fixture
    async def job(self, world):
        """A job of 250 groups, the later ones larger."""
        trends = [point(f"z{n:03}", month, sales_volume=n) for n in range(1, 251) for month in range(1, 13)]
        job_id = await world.accept()
        await world.complete(job_id, document(trends))
        return f"/jobs/{job_id}"

    async def test_the_largest_is_shown_first(self, client, job):
        outline = await page(client, job)
        assert "Trend of z250" in outline.text
        chosen = [a["href"] for a in outline.all("a") if a.get("aria-current")]
        assert chosen == [f"{job}?group=z250#trend"]

    async def test_any_may_be_chosen(self, client, job):
        assert "Trend of z007" in (await page(client, f"{job}?group=z007")).text

    async def test_an_unknown_one_is_404(self, client, job):
        assert "the result has no group 'z999'" in (await page(client, f"{job}?group=z999", 404)).text

    async def test_one_that_the_document_has_no_room_for_is_in_the_file(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document([point("a", 1)], result_summary={"trends_total": 2}))
        text = (await page(client, f"/jobs/{job_id}?group=b", 404)).text
        assert "the document holds no points of group 'b'" in text
        assert "has no group" not in text

    async def test_3000_points_stay_a_light_page(self, client, job):
        answer = await client.get(job, headers=BROWSER)
        assert len(await answer.read()) < 60_000

    async def test_very_many_groups_are_named_in_part(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document([point(f"g{n}", 1) for n in range(5000)]))
        answer = await client.get(f"/jobs/{job_id}", headers=BROWSER)
        assert "4,700 only in the downloads" in await answer.text()
        assert len(await answer.read()) < 80_000


class TestNothingIsTakenForMarkup:
    async def test_in_the_list(self, client, world):
        await world.accept(analysis_type=ATTACK, county_id=ATTACK, message=ATTACK)
        outline = await page(client)
        assert outline.text.count(ATTACK) == 5

    async def test_in_a_filter(self, client, world):
        outline = await page(client, "/?" + "correlation_id=%22%27%3E%3Cscript%3E")
        assert "\"'><script>" in outline.text

    async def test_on_a_job_page(self, client, world):
        harmful = document(
            [point(ATTACK, month, period=ATTACK, level_used=ATTACK) for month in range(1, 5)],
            result_summary={"key_finding": ATTACK, ATTACK: ATTACK, "n": 3},
            data_quality={ATTACK: {ATTACK: ATTACK}},
            warnings=[{"code": ATTACK, "message": ATTACK}, ATTACK],
            rows=[{ATTACK: ATTACK}],
        )
        job_id = await world.accept(
            analysis_type=ATTACK,
            county_id=ATTACK,
            parameters={ATTACK: ATTACK},
            correlation_id=ATTACK,
            requested_by=ATTACK,
        )
        await world.complete(job_id, harmful)
        outline = await page(client, f"/jobs/{job_id}")
        assert outline.all("img") == []
        assert "49" not in outline.text.replace(str(job_id), "")
        assert outline.text.count("onerror=alert(1)") >= 15

    async def test_in_an_error(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, ATTACK)
        assert ATTACK in (await page(client, f"/jobs/{job_id}")).text
        assert "<script>" in (await page(client, "/?status=%3Cscript%3E", 400)).text
        await page(client, "/jobs/%3Cscript%3E", 400)
        await page(client, "/%3Cscript%3E", 404)


class TestPaper:
    async def test_what_was_found_stands_without_the_frame_and_says_where_it_comes_from(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document([point("98103", month) for month in range(1, 13)]))
        outline = await page(client, f"/jobs/{job_id}/print")
        assert outline.all("nav") == outline.all("form") == []
        assert outline.all("details") == []
        for text in ("Prices rose 3.1%.", "$401,000 ($390,000 to $430,000)", "Few sales.", str(job_id), "ab" * 32):
            assert text in outline.text

    async def test_it_may_be_of_another_group(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document([point(group, month) for group in "ab" for month in range(1, 13)]))
        looked_at = await page(client, f"/jobs/{job_id}?group=b&page=1&refresh=off")
        assert f"/jobs/{job_id}/print?group=b" in links(looked_at)
        paper = await page(client, f"/jobs/{job_id}/print?group=b")
        assert "Trend of b" in paper.text
        assert f"/jobs/{job_id}?group=b" in links(paper)

    async def test_a_job_without_a_result_has_nothing_to_print(self, client, world):
        assert "has no result" in (await page(client, f"/jobs/{await world.accept()}/print", 404)).text

    async def test_it_is_json_to_who_asks_for_that(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, document())
        answer = await client.get(f"/jobs/{job_id}/print", headers={"Accept": "application/json"})
        assert (await answer.json())["result"]["warnings"] == [{"code": "thin", "message": "Few sales."}]
