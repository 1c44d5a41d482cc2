"""The pages for operators: workers, lag, throughput, counties, pauses; each as a page and as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.group import Dealt
from models.jobs import FailureReason, Finish
from models.pauses import Scope
from models.rates import Width
from models.workers import Presence, WorkerState
from terrafusion.ports.counties import Column, Coverage, DataVersion
from terrafusion.web.operating.series import Series, plot, sparkline
from terrafusion.web.operating.workers import numbers_of
from topics.catalogue import COMMANDS, REQUESTS, STATUS

BROWSER = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
ALL = {spec.name: list(range(8)) for spec in (REQUESTS, COMMANDS, STATUS)}
TO = "\N{EN DASH}"
ATTACK = "<script>alert(1)</script>"


async def page(client: Any, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=BROWSER)
    text: str = await answer.text()
    assert answer.status == status, text
    assert ATTACK not in text
    return text


async def told(client: Any, path: str) -> Any:
    return await (await client.get(path, headers=JSON)).json()


def worker(name: str = "host:7:ab", **fields: Any) -> WorkerState:
    given_fields = {
        "host": f"{ATTACK}host",
        "pid": 7,
        "version": "1.2.3",
        "address": "127.0.0.1:6066",
        "slots": 2,
        "in_flight": 1,
        "children": 2,
        "has_pool": True,
        "leads": True,
        "partitions": ALL,
    }
    return WorkerState(worker_id=name, **(given_fields | fields))


@pytest.mark.parametrize("path", ["/attention", "/workers", "/lag", "/throughput?span=day"])
async def test_renews_itself_also_without_a_script_unless_its_address_says_no(client: Any, path: str) -> None:
    renewed = '<meta http-equiv="refresh" content="30">'
    text = await page(client, path)
    assert renewed in text
    still = path + ("&amp;" if "?" in path else "?") + "refresh=off"
    assert f'href="{still}">Stand still<' in text
    text = await page(client, still.replace("&amp;", "&"))
    assert renewed not in text
    assert f'href="{path}">Go on<' in text


class TestWorkers:
    async def test_none(self, client: Any) -> None:
        text = await page(client, "/workers")
        assert "No worker has said anything within the last 20 s." in text
        assert await told(client, "/workers") == {"workers": [], "unheld": ALL}

    async def test_what_a_worker_says(self, client: Any, world: Any) -> None:
        await world.workers.beat(worker())
        world.clock.tick(4)
        text = await page(client, "/workers")
        for words in (
            "process 7",
            "version 1.2.3",
            "1 of 2",
            "2 of 2 live",
            "publishes events",
            f"requests 0{TO}7",
            "4 s",
        ):
            assert words in text
        assert "No worker" not in text
        (one,) = (await told(client, "/workers"))["workers"]
        assert (one["standing"], one["silent_seconds"], one["partitions"]) == ("working", 4.0, ALL)

    @pytest.mark.parametrize(
        ("presence", "seconds", "standing"),
        [
            (Presence.WORKING, 19, "working"),
            (Presence.WORKING, 20, "silent"),
            (Presence.DRAINING, 1, "draining"),
            (Presence.DRAINING, 20, "silent"),
            (Presence.STOPPED, 600, "stopped"),
        ],
    )
    async def test_who_is_silent_is_not_shown_as_alive(
        self, client: Any, world: Any, presence: Presence, seconds: int, standing: str
    ) -> None:
        await world.workers.beat(worker(presence=presence))
        world.clock.tick(seconds)
        answer = await told(client, "/workers")
        assert answer["workers"][0]["standing"] == standing
        assert bool(answer["unheld"]) == (standing in {"silent", "stopped"})
        text = await page(client, "/workers")
        assert f">{standing}<" in text
        assert ("publishes events" in text) == (standing in {"working", "draining"})

    async def test_what_nobody_holds_and_other_versions_are_told(self, client: Any, world: Any) -> None:
        await world.workers.beat(worker("a", partitions={REQUESTS.name: [0, 1, 5], COMMANDS.name: ALL[COMMANDS.name]}))
        await world.workers.beat(worker("b", version="1.2.4", partitions={STATUS.name: ALL[STATUS.name]}))
        text = await page(client, "/workers")
        assert f"<code>{REQUESTS.name}</code> 2{TO}4, 6{TO}7." in text
        assert "Different versions run side by side: 1.2.3, 1.2.4." in text
        assert (await told(client, "/workers"))["unheld"] == {REQUESTS.name: [2, 3, 4, 6, 7]}


@given(st.sets(st.integers(0, 40)))
def test_numbers_in_a_row_are_written_as_one(numbers: set[int]) -> None:
    found: set[int] = set()
    for run in filter(None, numbers_of(sorted(numbers)).split(", ")):
        first, _, last = run.partition(TO)
        found |= set(range(int(first), int(last or first) + 1))
    assert found == numbers


class TestLag:
    def dealt(self, lag: int) -> Dealt:
        ends = {(spec.name, n): 100 for spec in (REQUESTS, COMMANDS) for n in range(8)}
        committed = dict.fromkeys(ends, 100) | {(REQUESTS.name, 3): 100 - lag}
        return Dealt("Stable", frozenset({"m"}), frozenset(ends), committed, ends)

    async def test_is_told_by_partition_with_who_holds_it(self, client: Any, world: Any) -> None:
        world.dealt = self.dealt(17)
        await world.workers.beat(worker())
        topic, _ = (await told(client, "/lag"))["topics"]
        assert (topic["topic"], topic["lag"]) == (REQUESTS.name, 17)
        partition = topic["partitions"][3]
        assert (partition["lag"], partition["committed"], partition["end"]) == (17, 83, 100)
        assert partition["owners"] == ["host:7:ab"]
        assert "17 behind" in await page(client, "/lag")

    async def test_has_a_trend(self, client: Any, world: Any) -> None:
        for minute in range(12):
            await world.workers.sample(self.dealt(10 * minute).lags)
            world.clock.tick(60)
        world.dealt = self.dealt(7)
        partition = (await told(client, "/lag"))["topics"][0]["partitions"][3]
        assert partition["trend"] == [*range(0, 120, 10), None]
        assert (partition["lag"], partition["lag_10_minutes_ago"]) == (7, 20)
        text = await page(client, "/lag")
        assert text.count('role="img"') == 2 * 2 + 16

    async def test_without_the_broker_the_last_sample_is_told(self, client: Any, world: Any) -> None:
        await world.workers.sample(self.dealt(5).lags)
        world.dealt = None
        text = await page(client, "/lag")
        assert "The broker does not tell this worker of the group now." in text
        assert "5 behind" in text
        assert (await told(client, "/lag"))["group"] is None

    async def test_what_nobody_knows_is_no_zero(self, client: Any) -> None:
        assert (await told(client, "/lag"))["topics"][0]["lag"] is None
        assert "not known" in await page(client, "/lag")


class TestThroughput:
    async def end(self, world: Any, *, reason: FailureReason | None = None, **fields: Any) -> None:
        job_id = await world.accept(**fields)
        await world.start()
        world.clock.tick(3)
        await world.store.finish([Finish(job_id=job_id, attempt=1, message="m", failure_reason=reason)])

    async def test_without_figures(self, client: Any) -> None:
        assert "There are no figures yet" in await page(client, "/throughput")

    async def test_counts_and_seconds(self, client: Any, world: Any) -> None:
        for reason in (None, None, None, FailureReason.TIMEOUT):
            await self.end(world, reason=reason)
        await self.end(world, analysis_type="ratio_study")
        world.clock.tick(60)
        await world.rates.roll(Width.MINUTE)
        answer = await told(client, "/throughput")
        assert (answer["span"], answer["width_seconds"], answer["until"]) == ("hour", 60, "2026-03-01T12:01:00Z")
        assert [(one["analysis_type"], one["failed"], one["failure_rate"]) for one in answer["types"]] == [
            ("price_trend_by_zip", 1, 0.25),
            ("ratio_study", 0, 0.0),
        ]
        (rate,) = answer["rates"]
        assert (rate["completed"], rate["failed"], rate["wait_p50"], rate["run_p95"]) == (4, 1, 2.0, 3.0)
        text = await page(client, "/throughput")
        assert "/throughput?analysis_type=ratio_study" in text
        assert text.count('role="img"') == 2 * 4
        assert "The figures end" not in text

    async def test_of_one_type(self, client: Any, world: Any) -> None:
        await self.end(world)
        await self.end(world, analysis_type="ratio_study")
        world.clock.tick(60)
        await world.rates.roll(Width.MINUTE)
        answer = await told(client, "/throughput?analysis_type=ratio_study")
        assert [rate["completed"] for rate in answer["rates"]] == [1]
        text = await page(client, "/throughput?analysis_type=ratio_study")
        assert "/throughput?analysis_type=ratio_study&amp;span=day" in text or "span=day&amp;analysis_type" in text

    async def test_a_day(self, client: Any, world: Any) -> None:
        await self.end(world)
        world.clock.tick(3600)
        await world.rates.roll(Width.QUARTER)
        first, *_ = (await told(client, "/throughput?span=day"))["rates"]
        assert first["completed"] == 1

    async def test_late_figures_are_told_to_be_late(self, client: Any, world: Any) -> None:
        await world.rates.roll(Width.MINUTE)
        world.clock.tick(600)
        assert "The figures end" in await page(client, "/throughput")

    @pytest.mark.parametrize("query", ["span=week", "analysis_type=a b", "colour=blue"])
    async def test_a_wrong_query(self, client: Any, query: str) -> None:
        await page(client, f"/throughput?{query}", 400)


class TestCounties:
    async def test_the_list(self, client: Any, world: Any) -> None:
        await world.pauses.pause(Scope.COUNTY, "king_wa", reason=ATTACK, requested_by="desk")
        await world.pauses.pause(Scope.COUNTY, "gone_wa", reason=None, requested_by=None)
        text = await page(client, "/counties")
        for words in ("43,313", "2010-01-03", "by desk", "County gone_wa is paused and not loaded", "none"):
            assert words in text
        (county,) = (await told(client, "/counties"))["counties"]
        assert county["paused"]["requested_by"] == "desk"
        assert "private" not in text + str(county)

    async def test_one(self, client: Any, world: Any) -> None:
        world.columns.held["s3://private/snapshot"] = Coverage(4, [Column("zip_code", 3), Column("grade", 0)])
        text = await page(client, "/counties/king_wa")
        assert "<code>zip_code</code>" in text
        assert ">75<" in text
        assert "Not recorded: grade." in text
        answer = await told(client, "/counties/king_wa")
        assert answer["columns"]["sales"]["columns"][0] == {"name": "zip_code", "filled": 3}
        assert [one["data_version"] for one in answer["data_versions"]] == ["v1"]
        assert "private" not in text + str(answer)

    async def test_whose_snapshot_cannot_be_read_is_told_all_the_same(self, client: Any) -> None:
        text = await page(client, "/counties/king_wa")
        assert "cannot be read now" in text
        assert "secret-bucket" not in text

    async def test_its_profile_and_older_versions(self, client: Any, world: Any) -> None:
        (old,) = await world.counties.current()
        codes = {"validity_codes": {"1": True, "2": False}, "roll_year": 2016}
        world.counties.add(
            replace(old, data_version="v2", profile=codes, created_at=old.created_at + timedelta(days=1))
        )
        text = await page(client, "/counties/king_wa")
        assert text.index("<code>v2</code>") < text.index("<code>v1</code>")
        assert "Roll year" in text

    async def test_an_empty_one(self, client: Any, world: Any) -> None:
        empty = DataVersion(
            county_id="empty_wa",
            data_version="e",
            snapshot_uri="s3://private/empty",
            profile={},
            sales=0,
            first_sale=None,
            last_sale=date(2016, 1, 1),
            created_at=world.clock.now,
        )
        world.counties.add(empty)
        world.columns.held["s3://private/empty"] = Coverage(0, [Column("zip_code", 0)])
        await page(client, "/counties/empty_wa")
        await page(client, "/counties")

    async def test_an_unknown_one(self, client: Any) -> None:
        await page(client, "/counties/nowhere", 404)


class TestPauses:
    async def order(self, client: Any, *, command: str, **said: str) -> Any:
        return await client.post(f"/pauses/{command}", data=said, headers=BROWSER, allow_redirects=False)

    @pytest.mark.parametrize(
        ("named", "scope", "what"),
        [
            ({"county_id": "king_wa"}, Scope.COUNTY, "County king_wa"),
            ({"analysis_type": "price_trend_by_zip"}, Scope.TYPE, "Type price_trend_by_zip"),
            ({}, Scope.INTAKE, "Intake"),
        ],
    )
    async def test_pause_and_resume_say_what_they_changed(
        self, client: Any, world: Any, named: dict[str, str], scope: Scope, what: str
    ) -> None:
        said = {"reason": ATTACK, "requested_by": "roll desk", **named}
        answer = await self.order(client, command="pause", **said)
        assert answer.status == 303
        text = await page(client, answer.headers["Location"])
        assert f"{what} stands still now." in text
        assert "roll desk" in text
        assert all(pause.requested_by == "roll desk" for pause in await world.pauses.all())
        assert {pause.scope for pause in await world.pauses.all()} == {scope}
        again = await self.order(client, command="pause", **named)
        assert "Nothing was changed" in await page(client, again.headers["Location"])
        answer = await self.order(client, command="resume", **named)
        assert f"{what} goes on." in await page(client, answer.headers["Location"])
        again = await self.order(client, command="resume", **named)
        assert "did not stand still" in await page(client, again.headers["Location"])

    async def test_a_county_that_is_not_loaded_stays_in_the_form(self, client: Any, world: Any) -> None:
        answer = await self.order(client, command="pause", county_id="gone_wa", reason="because")
        text = await answer.text()
        assert answer.status == 422
        assert "county_id is &#39;gone_wa&#39;" in text
        assert 'value="because"' in text
        assert '<option value="gone_wa" selected>' in text
        assert await world.pauses.all() == []

    @pytest.mark.parametrize("said", [{"county_id": "a b"}, {"colour": "blue"}, {"reason": "x" * 201}])
    async def test_a_wrong_form(self, client: Any, said: dict[str, str]) -> None:
        assert (await self.order(client, command="pause", **said)).status == 422

    async def test_both_at_once_is_refused(self, client: Any) -> None:
        answer = await self.order(client, command="pause", county_id="king_wa", analysis_type="price_trend_by_zip")
        assert answer.status == 422

    async def test_a_link_fills_in_the_form(self, client: Any) -> None:
        assert '<option value="king_wa" selected>' in await page(client, "/pauses?county_id=king_wa")

    async def test_for_a_program(self, client: Any) -> None:
        answer = await client.post("/pauses/pause", json={"county_id": "king_wa"}, headers=JSON)
        assert await answer.json() == {"done": "paused", "county_id": "king_wa"}
        assert [pause["county_id"] for pause in (await told(client, "/pauses"))["pauses"]] == ["king_wa"]
        answer = await client.post("/pauses/pause", json={"county_id": "gone_wa"}, headers=JSON)
        assert answer.status == 422

    async def test_no_page_of_another_origin_orders(self, client: Any, world: Any) -> None:
        headers = {**BROWSER, "Origin": "https://elsewhere.example"}
        answer = await client.post("/pauses/pause", data={}, headers=headers)
        assert (answer.status, await world.pauses.all()) == (403, [])


NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - a clock face is all that counts


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=80))
def test_a_chart_holds_every_value(values: list[float | None]) -> None:
    moments = [NOON + timedelta(minutes=n) for n in range(len(values))]
    drawn = plot("n", "t", moments, [Series("a", "first", values)])
    line = drawn.wide.lines[0]
    many = sum(value is not None for value in values)
    assert line.path.count("L") + line.path.count("M") + len(line.dots) == many
    assert [at for at, _ in drawn.rows] == moments[::-1]
    assert drawn.is_empty == (many == 0)
    assert all(0 <= tick.at <= 190 for tick in drawn.wide.ticks)
    assert len({tick.text for tick in drawn.wide.ticks}) == len(drawn.wide.ticks)
    assert len(drawn.wide.moments) <= 7


def test_a_sparkline_needs_two_values() -> None:
    assert sparkline([None, 3]) == ""
    assert sparkline([0, None, 3]) == "M1 22.0 L119 2.0"
