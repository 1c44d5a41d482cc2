"""The views behind a real door, and whoever comes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import faust
from aiohttp.test_utils import TestClient, TestServer

from models.access import NewToken, Role
from models.dead_letters import DeadLetter, Stage
from terrafusion.adapters.memory.credentials import MemoryCredentials
from terrafusion.errors import Unavailable
from terrafusion.usecases.attempts import Attempts
from terrafusion.usecases.token_holders import TOKEN, KnownHolders, digest_of, new_secret
from terrafusion.web import application_options, register
from terrafusion.web.door import Door, guarded

PREFIX = "/plugins/v1/market-analysis"
REQUESTS = "market-analysis.requests.v1"
REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


class Credentials(MemoryCredentials):
    """With a switch that makes them unreachable, and a count of how often they were asked."""

    away = False
    asked = 0

    async def holders(self, digests: Any) -> Any:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        return await super().holders(digests)


@dataclass
class House:
    """The views behind a door, and whoever comes to it."""

    world: Any
    door: Door
    credentials: Credentials
    client: TestClient[Any, Any]

    async def token(self, role: Role, *counties: str, name: str = "ann") -> str:
        secret = new_secret(TOKEN)
        of = frozenset(counties) if counties else None
        await self.credentials.create(NewToken(name=name, role=role, counties=of, digest=digest_of(secret)))
        return secret

    async def ask(self, secret: str | None, path: str, *, method: str = "GET", **sent: Any) -> tuple[int, Any]:
        shown = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers = shown | sent.pop("headers", {})
        async with self.client.request(method, path, headers=headers, allow_redirects=False, **sent) as answer:
            if answer.content_type == "text/event-stream":
                return answer.status, ""
            body = await (answer.json() if "json" in answer.content_type else answer.text())
            return answer.status, body

    async def post(self, secret: str | None, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return await self.ask(secret, path, method="POST", json=body, headers=headers)

    async def login(self, token: str, **sent: Any) -> Any:
        return await self.client.post("/login", data={"token": token, **sent}, headers=BROWSER, allow_redirects=False)

    def told(self) -> list[tuple[str, str, str | None]]:
        return [(entry.action, entry.outcome, entry.who) for entry in self.world.log.entries]


async def opened(world: Any, *, behind_tls: bool = False) -> AsyncIterator[House]:
    credentials = Credentials(clock=world.clock)
    known = KnownHolders(credentials, monotonic=world.clock.seconds, now=world.clock)
    world.door = Door(
        known=known,
        credentials=credentials,
        log=world.log,
        attempts=Attempts(world.clock.seconds),
        behind_tls=behind_tls,
    )
    options = application_options(None, door=guarded(world.door))
    app = faust.App(f"access-{uuid4()}", web_application_options=options)
    deps = world.deps()
    register(app, replace(deps, submit=world.accepting.submit))
    world.counties.add(replace((await world.counties.current())[0], county_id="lucas_oh"))
    async with TestClient(TestServer(await app.web.wsgi())) as client:
        yield House(world, world.door, credentials, client)


def letter(offset: int, value: bytes = b"{}", **fields: Any) -> DeadLetter:
    place = {"topic": REQUESTS, "partition": 3, "offset": offset, "timestamp": None}
    reason = {"stage": Stage.VALIDATE, "error_class": "InvalidParameters", "error_message": "bad"}
    return DeadLetter(**(place | reason | {"key": None, "value": value, "headers": ()} | fields))
