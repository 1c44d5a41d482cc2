"""Faust's own web server, on a free port."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial

import aiohttp
import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer

from terrafusion.web import application_options, middleware, register, sse
from terrafusion.web.middleware import everybody
from terrafusion.web.server import BoundedWeb

EVENTS = "/plugins/v1/market-analysis/events"
RUN = "/plugins/v1/market-analysis/run"
HEAD = "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"


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
        web_application_options=application_options(None, door=everybody),
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
    app = faust.App("web-codes-test", web_application_options=application_options(None, door=everybody))
    app.sensors.add(app.monitor)
    register(app, world.deps())
    async with TestClient(TestServer(await app.web.wsgi())) as other:
        await other.get(f"{EVENTS}/nonsense")
        world.store.away = True
        await other.get("/plugins/v1/market-analysis/list")
    assert app.monitor.http_response_codes == {400: 1, 503: 1}


class TestBounds:
    """So many connections, and no endless patience."""

    @pytest.fixture
    async def serve(self, world, port):
        """Serve with other bounds; answers what opens a connection."""
        served = []

        async def begin(**bounds):
            app = faust.App(
                f"web-bounds-{port}",
                web_bind="127.0.0.1",
                web_port=port,
                web_application_options=application_options((), door=everybody),
            )
            app.web = type("Tight", (BoundedWeb,), bounds)(app)
            register(app, world.deps())
            await app.web.start()
            served.append(app)
            return partial(asyncio.open_connection, "127.0.0.1", port)

        yield begin
        for app in served:
            await app.web.stop()

    async def test_beyond_the_bound_newcomers_are_told_and_the_others_go_on(self, serve):
        open_one = await serve(most=3, refused=2)
        old = [await open_one() for _ in range(3)]
        assert [await asked(*one) for one in old] == [200] * 3
        late = [await open_one() for _ in range(2)]
        for one in late:
            status, headers, body = await told(*one)
            assert (status, headers["retry-after"], headers["connection"]) == (503, "5", "close")
            assert "default-src" in headers["content-security-policy"]
            assert b"as many connections" in body
        assert [await asked(*one) for one in old] == [200] * 3
        closed(*old, *late)
        async with asyncio.timeout(5):
            while await asked(*(again := await open_one())) != 200:
                closed(again)
        closed(again)

    async def test_far_beyond_it_connections_are_closed_at_once(self, serve):
        open_one = await serve(most=1, refused=1)
        held = [await open_one() for _ in range(2)]
        assert await asked(*held[0]) == 200
        reader, writer = await open_one()
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert await asked(*held[0]) == 200
        closed(*held, (reader, writer))

    @pytest.mark.parametrize("dripped", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: "])
    async def test_headers_that_never_end_are_not_waited_for(self, serve, dripped):
        open_one = await serve(idle_s=0.3)
        reader, writer = await open_one()
        writer.write(dripped)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        closed((reader, writer))

    async def test_a_body_that_never_comes_is_not_waited_for(self, serve, monkeypatch):
        monkeypatch.setattr(middleware, "BODY_S", 0.2)
        open_one = await serve()
        reader, writer = await open_one()
        writer.write(HEAD.format(method="POST", path=RUN, more="Content-Length: 100\r\n").encode() + b'{"county')
        async with asyncio.timeout(10):
            status, headers, _ = await heard(reader)
            assert (status, headers["content-type"]) == (408, "application/problem+json")
            assert await reader.read() == b""
        closed((reader, writer))

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 200 + b"\r\n",
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET /<script> HTTP/1.1\r\nHost localhost\r\n\r\n",
        ],
        ids=["tls", "long header", "many headers", "long path", "control", "smuggled", "no header"],
    )
    async def test_what_is_no_request_is_told_as_every_error(self, serve, sent):
        open_one = await serve()
        reader, writer = await open_one()
        writer.write(sent)
        async with asyncio.timeout(5):
            status, headers, body = await heard(reader)
        assert (status, headers["content-type"]) == (400, "application/problem+json")
        assert "default-src" in headers["content-security-policy"]
        assert b"script" not in body
        assert "Python" not in headers["server"]
        closed((reader, writer))

    async def test_a_stream_that_nobody_reads_gives_its_place_away(self, world, serve, monkeypatch):
        monkeypatch.setattr(sse.Outlet.__init__, "__kwdefaults__", kwdefaults(write_s=0.2))
        open_one = await serve()
        reader, writer = await open_one()
        writer.write(HEAD.format(method="GET", path=EVENTS, more="").encode())
        await world.live.followed_by(1)
        writer.transport.pause_reading()
        job_id = await world.accept()
        large = await world.event(job_id, message="x" * 100_000)
        async with asyncio.timeout(20):
            while world.live.followers:
                world.live.tell(large)
                await asyncio.sleep(0.01)
        closed((reader, writer))


def kwdefaults(**changes):
    return {**sse.Outlet.__init__.__kwdefaults__, **changes}


async def heard(reader):
    """Read an answer: its status, its headers and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def told(reader, writer):
    writer.write(HEAD.format(method="GET", path="/livez", more="").encode())
    return await heard(reader)


async def asked(reader, writer):
    return (await told(reader, writer))[0]


def closed(*connections):
    for _, writer in connections:
        writer.close()
