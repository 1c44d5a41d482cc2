"""The HTTP view as a plain client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PREFIX = "/plugins/v1/market-analysis"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Web:
    """One worker's view."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Reply:
        return self._ask(Request(self.url + path))

    def page(self, path: str) -> Any:
        """Return what a page tells, as JSON."""
        reply = self._ask(Request(self.url + path, headers={"Accept": "application/json"}))
        assert reply.status == 200, reply
        return reply.body

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask(Request(self.url + path, json.dumps(body).encode(), sent, method="POST"))

    def status(self, job_id: str) -> Any:
        """Return a job as it is told."""
        reply = self.get(f"{PREFIX}/status/{job_id}")
        assert reply.status == 200, reply
        return reply.body

    @contextmanager
    def events(self, job_id: str, *, timeout: float = 20) -> Iterator[Iterator[Mapping[str, Any]]]:
        """Open a job's stream of server-sent events."""
        with urlopen(f"{self.url}{PREFIX}/events/{job_id}", timeout=timeout) as stream:
            yield (json.loads(line[5:]) for line in stream if line.startswith(b"data:"))

    def metrics(self) -> Mapping[str, float]:
        """Return every sample by its name and labels, as they stand in the text format."""
        lines = self.get("/metrics").content.decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def _ask(self, request: Request) -> Reply:
        try:
            with urlopen(request, timeout=15) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except HTTPError as error:
            return Reply(error.code, error.headers, error.read())
