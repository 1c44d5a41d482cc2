"""The client before the real views: what it sends, what it makes of answers, and how it goes on when a worker is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from models.jobs import JobStatus
from terrafusion.client import AsyncClient, Client, Damaged, NotCompleted
from terrafusion.client.wire import Wire
from terrafusion.errors import Conflict, NotFound, Unavailable, UnknownCounty
from terrafusion.web.bodies import event_of

from .conftest import World

DOCUMENT = {
    "result_summary": {"key_finding": "Prices rose.", "method": "medians"},
    "data_quality": {"read": 3},
    "warnings": [],
    "trends": [{"group": "98103", "period": "2015", "median_price": 1.5}, {"group": "98103", "period": "2016"}],
    "rows": [],
}
Serve = Callable[[web.Application], Awaitable[str]]


@pytest.fixture
async def asks(client: TestClient[Any, Any]) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(str(client.make_url("/")), patience_s=5) as made:
        yield made


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(app: web.Application) -> str:
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("/"))

    yield start
    for server in servers:
        await server.close()


async def test_a_request_becomes_a_job_with_an_identity_of_its_own(world: World, asks: AsyncClient) -> None:
    job = await asks.run("price_trend_by_zip", "king_wa", {"period": "year"}, priority=7, correlation_id="mine")
    assert (job.status, job.priority, job.has_ended) == (JobStatus.PENDING, 7, False)
    (call,) = world.submit.calls
    assert call["request"].job_id == job.job_id
    assert call["request"].parameters == {"period": "year"}


async def test_what_was_found_comes_as_frames(world: World, asks: AsyncClient) -> None:
    job_id = await world.accept()
    await world.complete(job_id, DOCUMENT)
    assert (await asks.wait(job_id)).status == JobStatus.COMPLETED
    result = await asks.result(job_id)
    assert result.key_finding == "Prices rose."
    assert result.trends_frame().to_dicts()[1] == {"group": "98103", "period": "2016", "median_price": None}
    assert result.rows_frame().height == 0
    assert result.job.job_id == job_id


async def test_a_job_that_failed_has_no_result(world: World, asks: AsyncClient) -> None:
    job_id = await world.accept()
    await world.fail(job_id, "It broke")
    with pytest.raises(NotCompleted, match=r"FAILED \(processing_exception\): It broke") as told:
        await asks.result(job_id)
    assert told.value.job.job_id == job_id


async def test_each_change_is_told_once_until_the_end(world: World, asks: AsyncClient) -> None:
    job_id = await world.accept()
    following = asyncio.ensure_future(_sequences(asks, job_id))
    await world.live.followed_by(1)
    await world.start()
    for _ in "twice":
        world.live.tell(await world.event(job_id))
    await world.complete(job_id, DOCUMENT)
    world.live.tell(await world.event(job_id))
    sequences = await asyncio.wait_for(following, 20)
    assert sequences == sorted(set(sequences))
    assert sequences[0] == 1


async def _sequences(asks: AsyncClient, job_id: UUID) -> list[int]:
    return [event.sequence async for event in asks.events(job_id)]


async def test_jobs_are_listed_page_after_page(world: World, asks: AsyncClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("terrafusion.client.asynchronous.PAGE", 2)
    ids = [await world.accept(correlation_id="mine") for _ in range(5)]
    await world.accept(correlation_id="another's")
    assert [job.job_id async for job in asks.jobs(correlation_id="mine")] == ids[::-1]
    assert [job async for job in asks.jobs(status=JobStatus.RUNNING)] == []


async def test_orders_are_given(world: World, asks: AsyncClient) -> None:
    job_id = await world.accept()
    assert (await asks.cancel(job_id, "not needed")).status == JobStatus.CANCELLED
    with pytest.raises(Conflict):
        await asks.cancel(job_id)
    again = await asks.retry(job_id, idempotency_key="once")
    assert again.retry_of == job_id
    assert (await asks.retry(job_id, idempotency_key="once")).job_id == again.job_id


async def test_what_can_be_asked_is_told(asks: AsyncClient) -> None:
    assert [kind["name"] for kind in await asks.types()] == ["price_trend_by_zip"]
    assert [county["county_id"] for county in await asks.counties()] == ["king_wa"]


async def test_a_refusal_is_the_error_that_it_is_and_comes_at_once(world: World, asks: AsyncClient) -> None:
    with pytest.raises(NotFound, match="no job has the id"):
        await asks.status(uuid4())
    world.submit.refusal = UnknownCounty("no county nowhere is loaded", field="county_id", value="nowhere")
    with pytest.raises(UnknownCounty) as told:
        await asks.run("price_trend_by_zip", "nowhere")
    assert (told.value.field, told.value.value) == ("county_id", "nowhere")
    assert len(world.submit.calls) == 1


async def test_a_request_that_got_no_answer_is_sent_again_under_the_same_id(serve: Serve, world: World) -> None:
    job_id = await world.accept()
    job = event_of(await world.store.get(job_id)).model_dump(mode="json")
    sent: list[Any] = []

    async def run(request: web.Request) -> web.Response:
        sent.append(await request.json())
        if len(sent) == 1:
            raise web.HTTPBadGateway
        if len(sent) == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(job, status=202)

    app = web.Application()
    app.router.add_post("/plugins/v1/market-analysis/run", run)
    async with AsyncClient(await serve(app), patience_s=20) as asks:
        assert (await asks.run("price_trend_by_zip", "king_wa")).job_id == job_id
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


async def test_patience_with_an_away_worker_begins_when_its_stream_ends(serve: Serve, world: World) -> None:
    """A job may wait for long without a word; then its worker is restarted."""
    job_id = await world.accept()
    waiting = event_of(await world.store.get(job_id))
    done = waiting.model_copy(update={"sequence": 2, "status": JobStatus.COMPLETED})
    asked = 0

    async def events(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: " + (waiting if asked == 1 else done).model_dump_json().encode() + b"\n\n")
        if asked == 1:
            await asyncio.sleep(0.6)
        return response

    app = web.Application()
    app.router.add_get(f"/plugins/v1/market-analysis/events/{job_id}", events)
    async with AsyncClient(await serve(app), patience_s=0.5) as asks:
        told = [event.status async for event in asks.events(job_id)]
    assert told == [JobStatus.PENDING, JobStatus.COMPLETED]
    assert asked == 3


async def test_what_is_no_worker_is_told_as_such(serve: Serve) -> None:
    async def health(_: web.Request) -> web.Response:
        return web.json_response({"error": "no such path"}, status=404)

    app = web.Application()
    app.router.add_get("/plugins/v1/market-analysis/health", health)
    with pytest.raises(Unavailable, match="no address of a worker: HTTP 404"):
        await Wire(await serve(app)).failing()


async def test_patience_ends(serve: Serve) -> None:
    async with AsyncClient(await serve(web.Application()), patience_s=0) as asks:
        with pytest.raises(Unavailable, match="no address of a worker"):
            await asks.types()


async def test_a_token_is_shown(serve: Serve) -> None:
    shown: list[str | None] = []

    async def types(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization"))
        return web.json_response({"types": []})

    app = web.Application()
    app.router.add_get("/plugins/v1/market-analysis/types", types)
    url = await serve(app)
    for token in ("tfm_secret", None):
        async with AsyncClient(url, token=token) as asks:
            await asks.types()
    assert shown == ["Bearer tfm_secret", None]


@pytest.mark.parametrize("is_damaged", [False, True])
async def test_the_whole_file_is_proved_by_its_digest(serve: Serve, world: World, *, is_damaged: bool) -> None:
    frame, file = pl.DataFrame({"price": [1.0, 2.0]}), BytesIO()
    frame.write_parquet(file)
    job_id = await world.accept()
    await world.complete(job_id, DOCUMENT)
    job = event_of(await world.store.get(job_id)).model_dump(mode="json")
    digest = "ab" * 32 if is_damaged else sha256(file.getvalue()).hexdigest()

    async def results(_: web.Request) -> web.Response:
        return web.json_response({**job, "result_sha256": digest, "result": DOCUMENT})

    async def content(_: web.Request) -> web.Response:
        return web.Response(body=file.getvalue())

    app = web.Application()
    app.router.add_get(f"/plugins/v1/market-analysis/results/{job_id}", results)
    app.router.add_get(f"/jobs/{job_id}/result.parquet", content)
    async with AsyncClient(await serve(app)) as asks:
        if is_damaged:
            with pytest.raises(Damaged):
                await asks.table(job_id)
        else:
            assert (await asks.table(job_id)).equals(frame)


async def test_without_coroutines(world: World, client: TestClient[Any, Any]) -> None:
    job_id = await world.accept()
    await world.complete(job_id, DOCUMENT)
    url = str(client.make_url("/"))

    def script() -> None:
        with Client(url, patience_s=5) as asks:
            assert asks.wait(job_id).status == JobStatus.COMPLETED
            assert [event.status for event in asks.events(job_id)] == [JobStatus.COMPLETED]
            assert [job.job_id for job in asks.jobs()] == [job_id]
            assert asks.result(job_id).trends_frame().height == 2
            asks.close()

    await asyncio.to_thread(script)
