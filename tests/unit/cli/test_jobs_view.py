"""What the commands make of a worker's answers, before a server that answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from terrafusion.cli.view import view_of
from terrafusion.client.wire import Wire
from terrafusion.errors import Conflict, Misconfigured, NotFound, Rejected, TerraFusionError, Unavailable
from terrafusion.settings import Settings

Served = Callable[[web.Response], Awaitable[Wire]]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    servers: list[TestServer] = []

    async def serve(response: web.Response) -> Wire:
        async def answer(_request: web.Request) -> web.Response:
            return response

        app = web.Application()
        app.router.add_get("/plugins/v1/market-analysis/{rest:.*}", answer)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return Wire(str(servers[-1].make_url("/")))

    yield serve
    for server in servers:
        await server.close()


def problem(status: int, detail: str, **more: Any) -> web.Response:
    body = {"status": status, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (404, NotFound), (409, Conflict), (422, Rejected), (503, Unavailable), (500, TerraFusionError)],
)
async def test_a_problem_is_told_in_the_workers_words(served: Served, status: int, kind: type[Exception]) -> None:
    view = await served(problem(status, "period is 'day': it must be another", field="period"))
    with pytest.raises(kind, match="period is 'day'") as told:
        await view.get("types")
    assert type(told.value) is kind


@pytest.mark.parametrize("status", [200, 404, 502])
async def test_somebody_elses_server_is_no_worker(served: Served, status: int) -> None:
    view = await served(web.Response(text="<h1>Hello</h1>", content_type="text/html", status=status))
    with pytest.raises(Unavailable):
        await view.get("types")


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", "http://127.0.0.1:6066"),
        ("0.0.0.0", "http://127.0.0.1:6066"),
        ("::", "http://[::1]:6066"),
        ("jobs.county.example", "http://jobs.county.example:6066"),
    ],
)
def test_a_worker_that_listens_everywhere_is_asked_here(host: str, asked: str) -> None:
    assert view_of(Settings(http_host=host, http_port=6066, allow_insecure="http")).url == URL(asked)


@pytest.mark.parametrize(
    "url", ["https://sales.example.org", "https://example.org:8443/market", "http://10.1.2.3:6066"]
)
def test_it_is_asked_where_it_is_said_to_be(url: str) -> None:
    assert view_of(Settings(view_url=url, http_port=0)).url == URL(url)


def test_no_port_is_no_address() -> None:
    with pytest.raises(Misconfigured, match="TERRAFUSION_HTTP_PORT"):
        view_of(Settings(http_port=0))
