"""HTTP as the workers speak it: JSON there and back, a refusal as the error that it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, Self
from uuid import UUID

import aiohttp
import orjson
from yarl import URL

from models.messages import JobStatusChanged
from terrafusion import errors
from terrafusion.errors import Conflict, NotAllowed, NotFound, Rejected, TerraFusionError, Unavailable

PREFIX: Final = "plugins/v1/market-analysis"
ANSWER: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)
QUICK: Final = aiohttp.ClientTimeout(total=5)
STREAM: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
"""A worker breaks a silence every 15 s."""
DATA: Final = b"data: "
REFUSALS: Final[Mapping[int, type[Rejected]]] = {HTTPStatus.NOT_FOUND: NotFound, HTTPStatus.CONFLICT: Conflict}
AWAY: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""What is worth asking again; the first and the last are a proxy's."""


class Wire:
    """What any worker tells of any job, as it tells it.

    Raises Unavailable where none answers, Rejected or a kind of it with the worker's own sentence where it refuses.
    Inside ``async with`` one connection is kept; else each request has its own.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self.url = URL(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._kept: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._kept = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._kept is not None:
            await self._kept.close()
        self._kept = None

    async def get(self, *path: str, **query: Any) -> dict[str, Any]:
        """Return a JSON answer; a part of the query that is None is left out."""
        async with self._asked(ANSWER, self._address(*path), params=_given(query)) as response:
            return await _json(response)

    async def post(
        self,
        *path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a JSON body, or none, and return the JSON answer; raises Conflict for a move that cannot be made now."""
        sent: dict[str, Any] = {
            "method": "POST",
            "data": b"" if body is None else orjson.dumps(body),
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "params": _given(query or {}),
        }
        async with self._asked(ANSWER, self._address(*path), **sent) as response:
            return await _json(response)

    async def fetch(self, path: str) -> bytes:
        """Return what lies at an address beside the API, such as a result's file."""
        async with self._asked(STREAM, self.url.joinpath(path)) as response:
            return await response.read()

    async def failing(self) -> Sequence[str]:
        """Return which of the worker's own checks fail; none where it is well."""
        async with self._reached(QUICK, self._address("health")) as response:
            body = await response.json() if response.content_type == "application/json" else None
            checks = body.get("checks") if isinstance(body, dict) else None
            if not isinstance(checks, dict):
                raise await _refusal(response)
            return [f"{name} ({check['detail']})" for name, check in checks.items() if not check["ok"]]

    async def events(self, job_id: UUID) -> AsyncGenerator[JobStatusChanged, None]:
        """Yield how a job stands and then its events, until its end or until the worker stops."""
        async with self._asked(STREAM, self._address("events", str(job_id))) as response:
            async for line in response.content:
                if line.startswith(DATA):
                    yield JobStatusChanged.model_validate_json(line[len(DATA) :])

    def _address(self, *path: str) -> URL:
        return self.url.joinpath(PREFIX, *path)

    @asynccontextmanager
    async def _asked(
        self, patience: aiohttp.ClientTimeout, url: URL, **sent: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._reached(patience, url, **sent) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise await _refusal(response)
            yield response

    @asynccontextmanager
    async def _reached(
        self,
        patience: aiohttp.ClientTimeout,
        url: URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **sent: Any,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        said = {**self._headers, **(headers or {})}
        try:
            async with (
                self._session() as session,
                session.request(method, url, headers=said, timeout=patience, **sent) as response,
            ):
                yield response
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            msg = f"No worker answers at {self.url}: {str(error) or type(error).__name__}"
            raise Unavailable(msg) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        if self._kept is not None:
            yield self._kept
            return
        async with aiohttp.ClientSession() as own:
            yield own


def _given(query: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    body: dict[str, Any] = await response.json()
    return body


async def _refusal(response: aiohttp.ClientResponse) -> TerraFusionError:
    """Read a problem body; what has none is not ours."""
    if response.content_type != "application/problem+json":
        return Unavailable(f"{response.url} is no address of a worker: HTTP {response.status}")
    problem = orjson.loads(await response.read())
    if response.status == HTTPStatus.UNAUTHORIZED:
        msg = f"The worker at {response.url.origin()} asks for a token that is in force; TERRAFUSION_TOKEN is it."
        return NotAllowed(msg)
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        told = {name: problem.get(name) for name in ("field", "value", "allowed")}
        return _kind(problem, response.status)(problem["detail"], **told)
    return (Unavailable if response.status in AWAY else TerraFusionError)(problem["detail"])


def _kind(problem: Mapping[str, Any], status: int) -> type[Rejected]:
    """Find the error that a problem's type names; of an older or a newer worker its status alone is known."""
    words = str(problem.get("type", "")).rpartition(":")[2].split("-")
    named = getattr(errors, "".join(map(str.capitalize, words)), None)
    if isinstance(named, type) and issubclass(named, Rejected):
        return named
    return REFUSALS.get(status, Rejected)
