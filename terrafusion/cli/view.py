"""A worker's view over HTTP, as the commands ask it: the same bodies as everybody's, errors in our words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import aiohttp
import orjson
from yarl import URL

from models.messages import JobStatusChanged
from terrafusion.errors import Conflict, Misconfigured, Rejected, TerraFusionError, Unavailable
from terrafusion.settings import Settings

PREFIX: Final = "plugins/v1/market-analysis"
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a worker listens on, not we
ANSWER: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)
QUICK: Final = aiohttp.ClientTimeout(total=5)
STREAM: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
"""A worker breaks a silence every 15 s."""
DATA: Final = b"data: "


def view_of(settings: Settings) -> View:
    """Return the view at ``HTTP_HOST`` and ``HTTP_PORT``; raises Misconfigured where that is no address to ask."""
    if not settings.http_port:
        msg = "TERRAFUSION_HTTP_PORT is 0; a worker that is there already has a port of its own"
        raise Misconfigured(msg)
    host = ANYWHERE.get(settings.http_host, settings.http_host)
    token = settings.token.get_secret_value() if settings.token else None
    return View(str(URL.build(scheme="http", host=host, port=settings.http_port)), token=token)


class View:
    """What any worker tells of any job.

    Raises Unavailable where none answers, Rejected with the worker's own sentence where it refuses.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self.url = URL(url)
        self._shown = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, *path: str, **query: Any) -> dict[str, Any]:
        """Return a JSON answer; a part of the query that is None is left out."""
        async with self._asked(ANSWER, *path, **_given(query)) as response:
            body: dict[str, Any] = await response.json()
            return body

    async def post(
        self,
        *path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a JSON body, or none, and return the JSON answer; raises Conflict for a move that cannot be made now."""
        sent = b"" if body is None else orjson.dumps(body)
        said = {"Content-Type": "application/json", **(headers or {})}
        params = _given(query or {})
        async with self._reached(ANSWER, *path, method="POST", data=sent, headers=said, params=params) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise await _refusal(response)
            answer: dict[str, Any] = await response.json()
            return answer

    async def failing(self) -> Sequence[str]:
        """Return which of the worker's own checks fail; none where it is well."""
        async with self._reached(QUICK, "health") as response:
            if response.content_type != "application/json":
                raise await _refusal(response)
            checks: dict[str, Any] = (await response.json())["checks"]
            return [f"{name} ({check['detail']})" for name, check in checks.items() if not check["ok"]]

    async def events(self, job_id: UUID) -> AsyncGenerator[JobStatusChanged, None]:
        """Yield how a job stands and then its events, until its end or until the worker stops."""
        async with self._asked(STREAM, "events", str(job_id)) as response:
            async for line in response.content:
                if line.startswith(DATA):
                    yield JobStatusChanged.model_validate_json(line[len(DATA) :])

    @asynccontextmanager
    async def _asked(
        self, patience: aiohttp.ClientTimeout, *path: str, **query: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._reached(patience, *path, params=query) as response:
            if response.status != HTTPStatus.OK:
                raise await _refusal(response)
            yield response

    @asynccontextmanager
    async def _reached(
        self, patience: aiohttp.ClientTimeout, *path: str, method: str = "GET", **sent: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self.url.joinpath(PREFIX, *path)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience, headers=self._shown) as session,
                session.request(method, url, **sent) as response,
            ):
                yield response
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            msg = f"No worker answers at {self.url}: {error or type(error).__name__}"
            raise Unavailable(msg) from error


def _given(query: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


async def _refusal(response: aiohttp.ClientResponse) -> TerraFusionError:
    """Read a problem body; what has none is not ours."""
    if response.content_type != "application/problem+json":
        return Unavailable(f"{response.url} is no address of a worker: HTTP {response.status}")
    problem = orjson.loads(await response.read())
    if response.status == HTTPStatus.UNAUTHORIZED:
        return Rejected(
            f"The worker at {response.url.origin()} asks for a token that is in force; TERRAFUSION_TOKEN is it."
        )
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        refused = Conflict if response.status == HTTPStatus.CONFLICT else Rejected
        return refused(problem["detail"], field=problem.get("field"), value=problem.get("value"))
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unavailable(problem["detail"])
    return TerraFusionError(problem["detail"])
