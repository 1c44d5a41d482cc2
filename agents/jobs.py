"""Claimed jobs from the claimer's channel: each chunk is run in a child process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust

from models.jobs import Claim


def register(
    app: faust.App, channel: Any, run: Callable[[Sequence[Claim]], Awaitable[None]], *, concurrency: int
) -> None:
    """Run chunks as they come, ``concurrency`` at a time."""

    async def jobs(stream: faust.StreamT[Any]) -> None:
        async for chunk in stream:
            await run(chunk)

    app.agent(channel, name="jobs", concurrency=concurrency)(jobs)
