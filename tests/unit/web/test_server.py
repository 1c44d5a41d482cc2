"""Faust's own web server, on a free port."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer

from terrafusion.web import application_options, register

EVENTS = "/plugins/v1/market-analysis/events"


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def test_a_worker_that_stops_waits_for_no_stream(world, port):
    app = faust.App(
        "web-server-test",
        web_bind="127.0.0.1",
        web_port=port,
        web_application_options=application_options(),
    )
    app.sensors.add(app.monitor)
    register(app, world.deps())
    await app.web.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        assert (await (await session.get("/livez")).json())["status"] == "ok"
        stream = await session.get(EVENTS)
        assert await stream.content.readline() == b"retry: 2000\n"
        async with asyncio.timeout(5):
            await app.web.stop()
        assert b"retry" not in await stream.content.read()
    assert world.live.followers == []
    assert app.monitor.http_response_codes == {200: 2}


async def test_what_is_refused_counts_as_what_it_is(world):
    app = faust.App("web-codes-test", web_application_options=application_options())
    app.sensors.add(app.monitor)
    register(app, world.deps())
    async with TestClient(TestServer(await app.web.wsgi())) as other:
        await other.get(f"{EVENTS}/nonsense")
        world.store.away = True
        await other.get("/plugins/v1/market-analysis/list")
    assert app.monitor.http_response_codes == {400: 1, 503: 1}
