"""Where a worker under test stops or dies: at the worst moment, once, as soon as the trap is armed.

A trap is a file in the folder that ``CHAOS_TRAPS`` names. Who springs it renames it, so that only one process does.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.errors import Unavailable
from terrafusion.usecases.accept import Accept

COMMITTED_S = 2.5
"""Within it Faust commits what was acknowledged."""


def set_traps(folder: Path) -> None:
    """Put traps before each of three steps, and behind one."""
    PostgresJobStore.finish = _trapped(folder / "finish", PostgresJobStore.finish, _freeze)
    sleepy = _trapped(folder / "publish_late", KafkaPublisher.publish, _freeze)
    KafkaPublisher.publish = _trapped(folder / "publish", sleepy, _die)
    Accept.records = _trapped(folder / "accept", Accept.records, _die_later)
    PostgresJobStore.claim = _unheard(folder / "claim", PostgresJobStore.claim)


def arm(folder: Path, name: str) -> Path:
    """Arm a trap; the file that it returns is there once it was sprung."""
    (folder / name).touch()
    return folder / f"{name}.sprung"


def _trapped(trap: Path, step: Callable[..., Awaitable[Any]], spring: Callable[[], Awaitable[None]]) -> Any:
    async def wary(*arguments: Any, **more: Any) -> Any:
        if _springs(trap):
            await spring()
        return await step(*arguments, **more)

    return wary


def _unheard(trap: Path, step: Callable[..., Awaitable[Any]]) -> Any:
    async def deaf(*arguments: Any, **more: Any) -> Any:
        answer = await step(*arguments, **more)
        if answer and _springs(trap):
            raise Unavailable("the connection is gone")
        return answer

    return deaf


def _springs(trap: Path) -> bool:
    try:
        trap.rename(trap.with_suffix(".caught"))
    except FileNotFoundError:
        return False
    trap.with_suffix(".caught").write_text(str(os.getpid()))
    trap.with_suffix(".caught").rename(trap.with_suffix(".sprung"))
    return True


async def _freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


async def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _die_later() -> None:
    await asyncio.sleep(COMMITTED_S)
    await _die()
