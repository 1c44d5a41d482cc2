"""Hearing of other processes' work at once: LISTEN on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import URL

from terrafusion.adapters.postgres.engine import connect, in_our_words
from terrafusion.adapters.postgres.telling import CANCELLED_CHANNEL, JOBS_WAIT, OUTBOX_CHANNEL
from terrafusion.errors import Unavailable

CHECK_EVERY_S: Final = 5.0


async def listen(
    url: URL,
    *,
    sender: str,
    on_jobs: Callable[[], None],
    on_entries: Callable[[], None],
    on_cancelled: Callable[[], None],
) -> None:
    """Call ``on_jobs`` where jobs may wait, ``on_entries`` where the outbox has some, until the connection is lost.

    And ``on_cancelled`` where jobs were cancelled, by whomever. Then raises Unavailable; calls the first two at once,
    for what was missed before it listened.
    """

    def hear(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
        if payload.split(" ", maxsplit=1)[0] == sender:
            return  # this process knows what it did itself
        on_entries()
        if payload.endswith(f" {JOBS_WAIT}"):
            on_jobs()

    def hear_of_cancelled(_connection: Any, _pid: int, _channel: str, _payload: str) -> None:
        on_cancelled()

    with in_our_words():
        connection = await connect(url, statement_s=CHECK_EVERY_S)
        try:
            await connection.add_listener(OUTBOX_CHANNEL, hear)
            await connection.add_listener(CANCELLED_CHANNEL, hear_of_cancelled)
            on_jobs()
            on_entries()
            while not connection.is_closed():
                await asyncio.sleep(CHECK_EVERY_S)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()
    raise Unavailable("Postgres closed the listening connection")
