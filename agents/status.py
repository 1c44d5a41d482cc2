"""Status events from the topic into the live table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger(__name__)


def register(app: Any, topic: Any, see: Callable[[bytes, int], None], forget: Callable[[bytes | None], None]) -> None:
    """Show every event to the table; a tombstone says that a job was purged, and the table forgets it."""

    async def status(stream: Any) -> None:
        async for batch in app.batches(stream):
            for event in batch:
                if event.message.value is None:
                    forget(event.message.key)
                else:
                    _show(event.message, see)
                event.ack()

    app.agent(topic, name="status")(status)


def _show(message: Any, see: Callable[[bytes, int], None]) -> None:
    try:
        see(message.value, message.partition)
    except (ValueError, KeyError, TypeError) as error:  # somebody else wrote on our topic
        log.warning(
            "status event cannot be read", partition=message.partition, offset=message.offset, reason=repr(error)
        )
