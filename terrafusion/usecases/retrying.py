"""The same again until it works: for statements that are safe to repeat, while a service is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import stamina

from terrafusion.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


async def until_available(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call until it does not raise Unavailable, with growing pauses of up to two seconds."""
    attempts = stamina.retry_context(on=Unavailable, attempts=None, timeout=None, wait_initial=0.05, wait_max=2.0)
    async for attempt in attempts:
        with attempt:
            return await call(*args, **kwargs)
    raise AssertionError  # the context above ends only by returning


def is_cancelled() -> bool:
    """Say whether it is the task itself that is cancelled, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
