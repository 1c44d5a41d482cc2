"""What moves on pages that stand open, what needs attention, and orders about many."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import ClientSession, ClientTimeout

from models.jobs import Heartbeat, JobStatus
from models.live import Missed
from terrafusion.adapters.memory import lists
from terrafusion.ports.jobs import Page
from terrafusion.web import counting, live_pages
from terrafusion.web.assets import ASSETS
from terrafusion.web.live_pages import Window
from terrafusion.web.query import LiveQuery, write_cursor
from terrafusion.web.render import SCRIPTS

API = "/plugins/v1/market-analysis"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
PART = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    for name in ("COUNT_EVERY_S", "TELL_NEWER_S", "TRIES_EVERY_S", "STILL_EVERY_S"):
        monkeypatch.setattr(live_pages, name, 0.0)
    monkeypatch.setattr(counting, "KNOWN_FOR_S", 0.0)


class Reader:
    def __init__(self, answer):
        self.answer = answer

    async def until(self, kind, text=""):
        """Return the data of the next event of a kind that holds a text."""
        async with asyncio.timeout(10):
            while True:
                named, data = await self._event()
                if named == kind and text in data:
                    return data

    async def _event(self):
        lines = []
        while (line := (await self.answer.content.readline()).decode()) != "\n":
            assert line, "the stream ended"
            lines.append(line.rstrip("\n"))
        named = [line[7:] for line in lines if line.startswith("event: ")]
        return (named or [""])[0], "\n".join(line[6:] for line in lines if line.startswith("data: "))


async def follow(client, world, path):
    answer = await client.get(path, timeout=ClientTimeout(total=30))
    assert answer.status == 200, await answer.text()
    await world.live.followed_by(1)
    return Reader(answer)


async def stream_of(client, path):
    text = await (await client.get(path, headers=BROWSER)).text()
    return text.partition('data-live="')[2].partition('"')[0].replace("&amp;", "&")


class TestTheList:
    async def test_a_row_changes_in_its_place(self, client, world):
        shown = await world.accept()
        reader = await follow(client, world, await stream_of(client, "/"))
        world.live.tell(await world.event(shown, sequence=2, status=JobStatus.RUNNING, progress=0.42))
        row = await reader.until("swap", "42 %")
        assert f'<tr id="job-{shown}" hx-swap-oob="morph">' in row

    async def test_whatever_moment_a_page_says_its_stream_tells_what_moved_since(self, client, world):
        shown = await world.accept()
        path, _, query = (await stream_of(client, "/")).partition("?")
        kept = [pair for pair in query.split("&") if not pair.startswith("moved=")]
        reader = await follow(client, world, f"{path}?{'&'.join([*kept, 'moved=0001-01-01T00:00:00Z'])}")
        assert await reader.until("swap", str(shown))

    async def test_what_changed_between_the_page_and_its_stream_is_told(self, client, world):
        shown = await world.accept()
        stream = await stream_of(client, "/")
        await world.fail(shown, "broken")
        reader = await follow(client, world, stream)
        assert "broken" in await reader.until("swap", str(shown))

    async def test_newer_jobs_are_counted_and_offered_each_once(self, client, world):
        await world.accept()
        reader = await follow(client, world, await stream_of(client, "/"))
        for _ in range(2):
            job_id = await world.accept()
            for sequence in (1, 2):
                world.live.tell(await world.event(job_id, sequence=sequence))
        told = await reader.until("swap", "2 newer jobs")
        assert 'href="/"' in told

    async def test_counts_move_with_the_filter(self, client, world):
        job_id = await world.accept()
        await world.accept(county_id="lucas_oh")
        reader = await follow(client, world, await stream_of(client, "/?county_id=king_wa"))
        await world.start()
        world.live.tell(await world.event(job_id))
        tiles = await reader.until("swap", 'id="tiles"')
        assert "<b>1</b> running" in tiles
        assert "<b>0</b> pending" in tiles

    async def test_what_was_missed_is_read_anew(self, client, world):
        reader = await follow(client, world, "/live/jobs")
        world.live.followers[0][1].put_nowait(Missed(world.clock.now))
        assert await reader.until("missed") == ""
        assert await reader.until("still") == ""

    async def test_a_page_that_stands_still_knows_its_stream_for_when_it_goes_on(self, client, world):
        shown = await world.accept()
        for path in ("/?refresh=off", f"/jobs/{shown}?refresh=off"):
            reader = await follow(client, world, await stream_of(client, path))
            reader.answer.close()
            await world.live.followed_by(0)

    async def test_a_wrong_place_is_refused(self, client):
        assert (await client.get("/live/jobs?first=nonsense")).status == 400


class TestWindow:
    @pytest.fixture
    async def events(self, world):
        return [await world.event(await world.accept()) for _ in range(4)]

    def of(self, first, last, **filters):
        places = {"first": first, "last": last}
        return Window(LiveQuery(**{n: write_cursor((e.created_at, e.job_id)) for n, e in places.items()}, **filters))

    async def test_shows_what_lies_between_its_ends(self, events):
        window = self.of(events[2], events[1])
        assert [window.shows(event) for event in events] == [False, True, True, False]
        assert window.take_news() == 1

    async def test_another_county_is_neither_shown_nor_news(self, events):
        window = self.of(events[2], events[1], county_id="lucas_oh")
        assert [window.shows(event) for event in events] == [False] * 4
        assert not window.has_news

    async def test_another_state_is_no_news(self, events):
        assert self.of(events[2], events[1], status="FAILED").shows(events[3]) is False
        window = self.of(events[2], events[1], newer="off")
        window.shows(events[3])
        assert not window.has_news


class TestAJob:
    async def test_tells_how_it_stands_its_attempts_and_its_end(self, client, world):
        job_id = await world.accept()
        reader = await follow(client, world, await stream_of(client, f"/jobs/{job_id}"))
        await world.start()
        world.clock.tick(60)
        await world.store.heartbeat("worker", [Heartbeat(job_id, 1, 0.5, "Half of it")], lease=timedelta(hours=1))
        world.live.tell(await world.event(job_id))
        now = await reader.until("swap", 'id="now"')
        assert "Half of it" in now
        assert "about 1 min 0 s more" in now
        assert "worker" in await reader.until("swap", 'id="attempts"')
        await world.fail(job_id, "broken")
        world.live.tell(await world.event(job_id))
        assert await reader.until("ended") == ""

    async def test_that_has_ended_has_no_stream_and_one_that_ends_meanwhile_is_told_so(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "broken")
        assert await stream_of(client, f"/jobs/{job_id}") == ""
        answer = await client.get(f"/live/jobs/{job_id}")
        assert "event: ended" in await answer.text()

    async def test_shows_its_log_and_who_asks_it_again(self, client, world):
        job_id = await world.accept()
        await world.start()
        await world.logged(job_id, "Reading <sales>")
        await world.fail(job_id, "broken")
        again = await world.accept(retry_of=job_id)
        text = await (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text()
        assert "Reading &lt;sales&gt;" in text
        assert f'href="/jobs/{again}"' in text


class TestActionsInPlace:
    async def test_a_cancel_answers_with_the_row(self, client, world):
        job_id = await world.accept()
        answer = await client.post(f"{API}/cancel/{job_id}", headers=PART)
        text = await answer.text()
        assert answer.content_type == "text/html"
        assert text.strip().startswith(f'<tr id="job-{job_id}">')
        assert "cancelled" in text

    async def test_a_retry_answers_with_the_old_row_and_where_the_new_job_is(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "broken")
        text = await (await client.post(f"{API}/retry/{job_id}", headers=PART)).text()
        assert f'<tr id="job-{job_id}">' in text
        assert "Asked again as" in text

    async def test_a_refusal_is_a_problem_whose_sentence_is_shown(self, client, world):
        job_id = await world.accept()
        answer = await client.post(f"{API}/retry/{job_id}", headers=PART | BROWSER)
        assert answer.status == 409
        assert "only what has ended can be retried" in (await answer.json(content_type=None))["detail"]


class TestForms:
    async def test_empty_fields_say_nothing_and_a_time_without_a_zone_is_utc(self, client, world):
        await world.accept()
        answer = await client.get(
            "/?q=&county_id=king_wa&since=2026-03-01T12:00", headers=BROWSER, allow_redirects=False
        )
        assert answer.status == 303
        assert answer.headers["Location"] == "/?county_id=king_wa&since=2026-03-01T12%3A00%3A00Z"
        assert (await client.get(answer.headers["Location"], headers=BROWSER)).status == 200

    async def test_what_was_asked_stands_in_the_form(self, client):
        text = await (await client.get("/?q=roll+desk&status=FAILED&sort=oldest", headers=BROWSER)).text()
        assert 'value="roll desk"' in text
        assert '<input type="hidden" name="status" value="FAILED">' in text

    async def test_a_page_that_looked_through_many_says_so_and_goes_on(self, client, world, monkeypatch):
        async def looked_through(*_, **__):
            return Page([], (world.clock.now, UUID(int=7)))

        monkeypatch.setattr(world.store, "page", looked_through)
        text = await (await client.get("/?q=column+13", headers=BROWSER)).text()
        assert "3,000 next jobs were looked through" in text
        assert "Look on" in text

    async def test_the_oldest_can_be_first(self, client, world):
        made = [await world.accept() for _ in range(3)]
        text = await (await client.get("/?sort=oldest", headers=BROWSER)).text()
        assert [text.index(f'id="job-{job_id}"') for job_id in made] == sorted(
            text.index(f'id="job-{job_id}"') for job_id in made
        )


class TestAttention:
    async def test_shows_what_failed_until_it_is_retried(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "broken")
        assert str(job_id) in await (await client.get("/attention", headers=BROWSER)).text()
        told = await (await client.get("/attention", headers={"Accept": "application/json"})).json()
        assert [job["job_id"] for job in told["failed"]["jobs"]] == [str(job_id)]
        assert (told["stuck"], told["late"]) == ({"jobs": [], "more": False},) * 2
        await client.post(f"{API}/retry/{job_id}")
        assert "Nothing does: " in await (await client.get("/attention", headers=BROWSER)).text()

    async def test_says_how_many_were_looked_at_where_more_failed(self, client, world, monkeypatch):
        for _ in range(2):
            job_id = await world.accept()
            await world.fail(job_id, "broken")
            await client.post(f"{API}/retry/{job_id}")
        monkeypatch.setattr(lists, "MOST_LOOKED_AT", 1)
        text = await (await client.get("/attention", headers=BROWSER)).text()
        assert "Nothing does, as far as was looked: " in text
        assert "Only the newest 3,000 that failed were looked at" in text
        told = await (await client.get("/attention", headers={"Accept": "application/json"})).json()
        assert told["failed_looked_at"] == 3_000


class TestMany:
    async def test_nothing_is_done_before_it_is_confirmed(self, client, world):
        for _ in range(3):
            await world.accept()
        told = await (await client.post(f"{API}/cancel", json={})).json()
        assert (told["matching"], told["done"], told["more"]) == (3, 0, False)
        text = await (await client.get("/bulk?verb=cancel", headers=BROWSER)).text()
        assert "Cancel 3 jobs?" in text
        assert 'name="confirm" value="3"' in text
        assert (await world.store.counts())[JobStatus.PENDING] == 3

    async def test_all_of_a_filter_are_cancelled_and_no_other(self, client, world):
        mine = [await world.accept() for _ in range(3)]
        other = await world.accept(county_id="lucas_oh")
        answer = await client.post(f"{API}/cancel?county_id=king_wa", json={"confirm": 3, "reason": "sent twice"})
        told = await answer.json()
        assert (told["done"], told["left"]) == (3, 0)
        jobs = [await world.store.get(job_id) for job_id in (*mine, other)]
        assert [job.status for job in jobs] == [JobStatus.CANCELLED] * 3 + [JobStatus.PENDING]
        assert "sent twice" in jobs[0].message

    async def test_more_than_were_confirmed_are_left_alone(self, client, world):
        for _ in range(3):
            await world.accept()
        answer = await client.post(f"{API}/cancel", json={"confirm": 2})
        assert answer.status == 409
        assert "3 jobs are like that by now, not 2" in (await answer.json())["detail"]
        assert (await world.store.counts())[JobStatus.CANCELLED] == 0

    async def test_what_came_after_the_question_is_not_meant(self, client, world):
        await world.accept()
        until = (await (await client.post(f"{API}/cancel", json={})).json())["until"]
        world.clock.tick(5)
        late = await world.accept()
        told = await (await client.post(f"{API}/cancel", params={"until": until}, json={"confirm": 1})).json()
        assert (told["matching"], told["done"]) == (1, 1)
        assert (await world.store.get(late)).status is JobStatus.PENDING

    async def test_each_failure_is_asked_again_once(self, client, world):
        failed = [await world.accept(analysis_type="simulated_price_trends") for _ in range(2)]
        for job_id in failed:
            await world.fail(job_id, "broken")
        told = await (await client.post(f"{API}/retry?status=FAILED", json={"confirm": 9})).json()
        assert (told["done"], told["unchanged"]) == (2, 0)
        told = await (await client.post(f"{API}/retry?status=FAILED", json={"confirm": 9})).json()
        assert (told["done"], told["unchanged"]) == (0, 2)
        assert set(await world.store.retried(failed)) == set(failed)

    async def test_a_refusal_holds_up_nothing_and_is_told(self, client, world):
        gone = await world.accept(analysis_type="horoscope")
        await world.fail(gone, "broken")
        good = await world.accept()
        await world.fail(good, "broken")
        told = await (await client.post(f"{API}/retry", json={"confirm": 2})).json()
        assert (told["done"], told["refused"]) == (1, 1)
        assert told["refusals"][0]["job_id"] == str(gone)

    async def test_what_an_order_is_never_about_is_refused(self, client):
        answer = await client.post(f"{API}/cancel?status=COMPLETED", json={"confirm": 1})
        assert answer.status == 422
        assert "PENDING, RUNNING" in (await answer.json())["detail"] + (await answer.json())["allowed"]
        assert (await client.post(f"{API}/cancel?q=x", json={})).status == 400

    async def test_a_form_is_shown_what_came_of_it(self, client, world):
        await world.accept()
        answer = await client.post(f"{API}/cancel", data={"confirm": "1", "requested_by": "me"}, headers=BROWSER)
        assert "1 cancelled" in await answer.text()


async def test_the_first_page_with_all_it_names_is_light(client, world):
    for n in range(60):
        job_id = await world.accept(message=f"{n} " + "words that do not pack so well " * 6)
        if n % 2:
            await world.fail(job_id, f"ValueError: column {job_id} is empty")
    url = client.make_url("/")
    async with ClientSession(auto_decompress=False, headers={"Accept-Encoding": "gzip"}) as session:
        page = await (await session.get(url, headers=BROWSER)).read()
        named = [ASSETS[name].address for name in (*SCRIPTS, "app.css")]
        files = [await (await session.get(url.join(type(url)(name)))).read() for name in named]
    assert len(page) + sum(map(len, files)) < 60_000
