"""What machines ask: is it alive, is it ready, how does it fare."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from aiohttp.web import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from terrafusion.ports.health import Check
from terrafusion.web.answers import json_response
from terrafusion.web.deps import WebDeps

PATIENCE_S: Final = 2.0


class Probes:
    """Liveness, readiness, metrics."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def livez(self, _request: Request) -> Response:
        """Answer whether the process still turns; a 503 asks for its restart."""
        return _verdict({"process": self._deps.health.alive()})

    async def readyz(self, _request: Request) -> Response:
        """Answer whether the worker can do its work; a 503 asks to send nobody here."""
        return _verdict(await self._needed())

    async def health(self, _request: Request) -> Response:
        """Answer how the worker fares: as readiness, and whether the broker is there, without which requests are let in still."""
        return _verdict({**await self._needed(), "broker": self._broker()})

    async def metrics(self, _request: Request) -> Response:
        """Answer every metric of this worker in the Prometheus text format."""
        return Response(body=generate_latest(self._deps.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _needed(self) -> Mapping[str, Check]:
        return {"process": self._deps.health.alive(), **await self._checks()}

    def _broker(self) -> Check:
        if self._deps.group() is None:
            return Check(ok=False, detail="does not tell this worker of the group now")
        return Check(ok=True, detail="tells this worker of the group")

    async def _checks(self) -> Mapping[str, Check]:
        try:
            return await asyncio.wait_for(self._deps.health.checks(), PATIENCE_S)
        except TimeoutError:
            return {"checks": Check(ok=False, detail=f"no answer within {PATIENCE_S:g} s")}


def _verdict(checks: Mapping[str, Check]) -> Response:
    well = all(check.ok for check in checks.values())
    body = {"status": "ok" if well else "failing", "checks": {name: asdict(check) for name, check in checks.items()}}
    return json_response(body, status=200 if well else 503)
