from __future__ import annotations

import asyncio
from uuid import uuid4

import orjson
import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer

from models.jobs import JobStatus
from models.live import Missed
from terrafusion.web import application_options
from terrafusion.web.middleware import everybody
from terrafusion.web.sse import Outlet, frame
from terrafusion.web.streams import Streams

EVENTS = "/plugins/v1/market-analysis/events"


class Reader:
    """Reads server-sent events off an answer."""

    def __init__(self, answer, missed):
        self.answer = answer
        self.missed = missed

    async def frame(self):
        lines = []
        async with asyncio.timeout(5):
            while (line := (await self.answer.content.readline()).decode()) not in {"\n", ""}:
                lines.append(line.rstrip("\n"))
        return lines

    async def event(self):
        """Return the id and the data of the next event, comments left out; None at the end."""
        while lines := await self.frame():
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                assert fields["event"] == "status" or (self.missed and fields["event"] == "missed")
                return fields.get("id"), orjson.loads(fields["data"])
        return None


async def open_stream(client, path="", *, missed=False, **headers):
    answer = await client.get(f"{EVENTS}{path}", headers=headers, timeout=ClientTimeout(total=20))
    return answer, Reader(answer, missed)


async def test_one_job_is_told_as_it_stands_then_as_it_changes_until_its_end(client, world):
    job_id = await world.accept()
    answer, reader = await open_stream(client, f"/{job_id}")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await reader.event())[1]["status"] == "PENDING"
    world.live.tell(await world.event(job_id, sequence=2, status=JobStatus.RUNNING, progress=0.1))
    world.live.tell(await world.event(job_id, sequence=3, status=JobStatus.RUNNING, progress=0.2))
    world.live.tell(await world.event(job_id, sequence=2, status=JobStatus.RUNNING, progress=0.1))
    world.live.tell(await world.event(job_id, sequence=4, status=JobStatus.COMPLETED, progress=1.0))
    told = [await reader.event() for _ in range(3)]
    assert [event_id for event_id, _ in told] == [f"{job_id}/{n}" for n in (2, 3, 4)]
    assert await reader.event() is None
    assert world.live.followers == []


async def test_the_live_stream_goes_on_while_the_store_is_away(client, world):
    job_id = await world.accept()
    world.live.tell(await world.event(job_id))
    world.store.away = True
    _, reader = await open_stream(client, f"/{job_id}")
    assert (await reader.event())[0] == f"{job_id}/1"
    running = world.live.entries[job_id].model_copy(update={"sequence": 2, "status": JobStatus.RUNNING})
    world.live.tell(running)
    assert (await reader.event())[1]["status"] == "RUNNING"


async def test_a_job_held_elsewhere_is_followed_by_its_row(fast, world):
    job_id = await world.accept()
    _, reader = await open_stream(fast, f"/{job_id}")
    assert (await reader.event())[1]["status"] == "PENDING"
    await world.start()
    assert (await reader.event())[1]["status"] == "RUNNING"
    world.store.away = True
    await asyncio.sleep(0.1)
    world.store.away = False
    await world.fail(job_id, "broken")
    assert (await reader.event())[1]["failure_reason"] == "processing_exception"
    assert await reader.event() is None


async def test_a_finished_job_is_told_once(client, world):
    job_id = await world.accept()
    await world.fail(job_id, "broken")
    _, reader = await open_stream(client, f"/{job_id}")
    event_id, event = await reader.event()
    assert event["status"] == "FAILED"
    assert await reader.event() is None
    again, _ = await open_stream(client, f"/{job_id}", **{"Last-Event-ID": event_id})
    assert again.status == 204


@pytest.mark.parametrize("said", ["nonsense", "/", "x/9", "{}/99999999999999999999", "{}/-1", "{}/²", "{}/2"])
async def test_a_last_event_id_that_cannot_be_is_ignored(client, world, said):
    job_id = await world.accept()
    _, reader = await open_stream(client, f"/{job_id}", **{"Last-Event-ID": said.format(job_id)})
    assert (await reader.event())[0] == f"{job_id}/1"


async def test_a_reader_that_comes_back_is_told_only_what_is_new(client, world):
    job_id = await world.accept()
    _, reader = await open_stream(client, f"/{job_id}", **{"Last-Event-ID": f"{job_id}/1"})
    await world.live.followed_by(1)
    world.live.tell(await world.event(job_id, sequence=2, status=JobStatus.RUNNING))
    assert (await reader.event())[0] == f"{job_id}/2"


async def test_an_unknown_job_has_no_stream(client):
    answer, _ = await open_stream(client, f"/{uuid4()}")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"


async def test_all_jobs_in_one_stream(client, world):
    first, second = await world.accept(), await world.accept()
    _, reader = await open_stream(client)
    await world.live.followed_by(1)
    for job_id in (first, second):
        world.live.tell(await world.event(job_id))
    told = [(await reader.event())[0] for _ in range(2)]
    assert [event_id.rpartition("/")[0] for event_id in told] == [f"{first}/1", f"{second}/1"]


async def test_a_reader_of_all_that_comes_back_is_told_what_moved_meanwhile(client, world):
    _, reader = await open_stream(client)
    await world.live.followed_by(1)
    first = await world.accept()
    world.live.tell(await world.event(first))
    place = (await reader.event())[0]
    world.clock.tick(60)
    later = await world.accept()
    _, again = await open_stream(client, missed=True, **{"Last-Event-ID": place})
    assert (await again.event())[1] == {"since": "2026-03-01T12:00:01Z", "complete": True}
    assert [(await again.event())[1]["job_id"] for _ in range(2)] == [str(first), str(later)]


async def test_a_reader_of_all_that_was_here_before_anything_was_is_told_all(client, world):
    job_id = await world.accept()
    _, reader = await open_stream(client, missed=True, **{"Last-Event-ID": "a/1/-62135596800000000"})
    assert (await reader.event())[1] == {"since": "0001-01-01T00:00:00Z", "complete": True}
    assert (await reader.event())[1]["job_id"] == str(job_id)


async def test_who_was_too_slow_is_told_so_and_how_things_stand(client, world):
    job_id = await world.accept()
    _, reader = await open_stream(client, missed=True)
    await world.live.followed_by(1)
    world.live.followers[0][1].put_nowait(Missed(world.clock.now))
    assert (await reader.event())[1]["complete"]
    assert (await reader.event())[1]["job_id"] == str(job_id)
    world.store.away = True
    world.live.followers[0][1].put_nowait(Missed(world.clock.now))
    assert (await reader.event())[1] == {"since": "2026-03-01T12:00:01Z", "complete": False}


async def test_a_job_whose_reader_was_too_slow_is_told_as_it_stands(client, world):
    job_id = await world.accept()
    _, reader = await open_stream(client, f"/{job_id}")
    await reader.event()
    world.live.entries[job_id] = await world.event(job_id, sequence=9)
    world.live.followers[0][1].put_nowait(Missed(world.clock.now))
    assert (await reader.event())[0] == f"{job_id}/9"


def test_no_character_ends_an_event_but_its_end():
    assert frame("k", "a\u2028b\rc\nd") == "event: k\ndata: a\u2028bc\ndata: d\n\n".encode()


async def test_markup_and_line_breaks_in_a_message_stay_inside_the_data(client, world):
    job_id = await world.accept()
    _, reader = await open_stream(client, f"/{job_id}")
    await reader.event()
    message = "a\n\nevent: status\ndata: {}\n\n<script>"
    world.live.tell(await world.event(job_id, sequence=2, message=message))
    assert (await reader.event())[1]["message"] == message


@pytest.fixture
async def outlet():
    return Outlet(poll_s=0.02, keep_alive_s=0.05, most=2)


@pytest.fixture
async def fast(outlet, world):
    """The streams alone, with short pauses."""
    app, streams = web.Application(**application_options(None, door=everybody)), Streams(world.deps(), outlet)
    app.router.add_get(EVENTS, streams.all)
    app.router.add_get(f"{EVENTS}/{{job_id}}", streams.one)
    app.on_shutdown.append(outlet.stop)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_silence_is_filled_with_comments(fast):
    _, reader = await open_stream(fast)
    assert await reader.frame() == ["retry: 2000"]
    assert await reader.frame() == [": still here"]
    assert await reader.frame() == [": still here"]


async def test_a_reader_that_left_gives_its_place_back(fast, world):
    answers = [(await open_stream(fast))[0] for _ in range(2)]
    full, _ = await open_stream(fast)
    assert full.status == 503
    assert full.headers["Retry-After"]
    answers[0].close()
    await world.live.followed_by(1)
    assert (await open_stream(fast))[0].status == 200


async def test_a_stop_ends_every_stream(fast, outlet, world):
    _, everything = await open_stream(fast)
    _, one = await open_stream(fast, f"/{await world.accept()}")
    await one.event()
    await outlet.stop()
    assert await everything.event() is None
    assert await one.event() is None
    assert world.live.followers == []
