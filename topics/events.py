"""From an event to the record that carries it: CloudEvents in binary mode, keyed by the job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgpack

from models.dead_letters import DeadLetter
from models.messages import JobCompleted, JobEvent, JobStatusChanged
from models.records import Headers, OutgoingRecord
from topics.catalogue import COMPLETED, DEAD_LETTER, STATUS

SOURCE: Final = b"/terrafusion/market-analysis"
TYPE: Final = "org.terrafusion.market-analysis"


def status_record(event: JobStatusChanged, *, traceparent: str | None = None) -> OutgoingRecord:
    """Make the record of a job's state."""
    return _record(STATUS.name, "status", event, time=event.updated_at, traceparent=traceparent)


def completed_record(event: JobCompleted, *, traceparent: str | None = None) -> OutgoingRecord:
    """Make the record of a job's end."""
    return _record(COMPLETED.name, "completed", event, time=event.completed_at, traceparent=traceparent)


def _record(topic: str, kind: str, event: JobEvent, *, time: datetime, traceparent: str | None) -> OutgoingRecord:
    key = str(event.job_id).encode()
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"%s/%s/%d" % (kind.encode(), key, event.sequence)),
        ("ce_source", SOURCE),
        ("ce_type", f"{TYPE}.{kind}.v1".encode()),
        ("ce_time", time.isoformat().encode()),
        ("ce_subject", b"job/" + key),
    ]
    if event.correlation_id:
        headers.append(("correlation_id", event.correlation_id.encode()))
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return OutgoingRecord(topic, key, event.model_dump_json().encode(), tuple(headers))


def dead_letter_record(letter: DeadLetter, *, failed_at: datetime) -> OutgoingRecord:
    """Make the record of a dead letter: key, value and headers untouched, the reason in headers of its own."""
    reason: Headers = (
        ("dlq.original.topic", letter.topic.encode()),
        ("dlq.original.partition", _number(letter.partition)),
        ("dlq.original.offset", _number(letter.offset)),
        ("dlq.original.timestamp", letter.timestamp.isoformat().encode()),
        ("dlq.error.stage", letter.stage.encode()),
        ("dlq.error.class", letter.error_class.encode()),
        ("dlq.error.message", _cut(letter.error_message)),
        ("dlq.attempts", str(letter.attempts).encode()),
        ("dlq.failed-at", failed_at.isoformat().encode()),
    )
    return OutgoingRecord(DEAD_LETTER.name, letter.key, letter.value, letter.headers + reason)


def _cut(message: str) -> bytes:
    """Keep the first 1,000 bytes, less where they would end inside a character."""
    return message.encode(errors="backslashreplace")[:1000].decode(errors="ignore").encode()


def _number(value: int | None) -> bytes:
    return b"" if value is None else str(value).encode()


def pack(records: Sequence[OutgoingRecord]) -> bytes:
    """Write records as the one value that an outbox entry holds."""
    packed: bytes = msgpack.packb([(r.topic, r.key, r.value, r.headers) for r in records])
    return packed


def unpack(packed: bytes) -> Sequence[OutgoingRecord]:
    """Read them back."""
    return [
        OutgoingRecord(topic, key, value, tuple((name, content) for name, content in headers))
        for topic, key, value, headers in msgpack.unpackb(packed)
    ]
