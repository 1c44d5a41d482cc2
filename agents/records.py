"""Records of a topic handed over as they came, with whose they are and what acknowledges each: what requests and commands share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from models.records import TOKEN_HEADER, Headers, IncomingRecord
from terrafusion.boundaries import Boundary, cross

LAST_S: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
Put = Callable[[IncomingRecord, Callable[[], bool], Callable[[], None]], Awaitable[None]]
"""Takes a record, whether its partition is still ours, and what acknowledges it."""


def hand_over(app: Any, topic: Any, put: Put, *, name: str) -> None:
    """Turn records of a topic into calls of ``put``, in order, by an agent of that name."""

    async def deliver(stream: Any) -> None:
        async for batch in app.batches(stream):
            cross(Boundary.FETCHED)
            for event in batch:
                is_ours = _ownership(app, event)
                await put(_record(event), is_ours, _acknowledgement(event, is_ours))

    app.agent(topic, name=name)(deliver)


def _record(event: Any) -> IncomingRecord:
    message = event.message
    headers: Headers = tuple(message.headers or ())
    return IncomingRecord(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=_moment(message.timestamp or 0.0),
        key=message.key,
        value=message.value,
        headers=tuple(header for header in headers if not _is_token(header)),
        token=_token(headers),
    )


def _token(headers: Headers) -> str | None:
    """Return the token that a record carries; two are none."""
    found = [value for name, value in filter(_is_token, headers)]
    return found[0].decode("ascii", "replace") if len(found) == 1 and found[0] else None


def _is_token(header: tuple[str, bytes | None]) -> bool:
    return header[0].lower() == TOKEN_HEADER


def _moment(seconds: float) -> datetime:
    """Read a producer's clock, which may say anything: what lies beyond the calendar is its first or last day."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LAST_S), UTC)


def _ownership(app: Any, event: Any) -> Callable[[], bool]:
    """Say, each time, whether the partition is dealt as it was, as far as this member has heard."""
    return lambda: bool(event.message.generation_id == app.consumer_generation_id)


def _acknowledgement(event: Any, is_ours: Callable[[], bool]) -> Callable[[], None]:
    """Acknowledge only what is ours: an old generation's offset is not ours to move."""

    def acknowledge() -> None:
        if is_ours():
            event.ack()

    return acknowledge
