"""From an event to the record that carries it: CloudEvents in binary mode, keyed by the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

import orjson

from models.dead_letters import DeadLetter
from models.jobs import TERMINAL
from models.messages import JobCompleted, JobEvent, JobStatusChanged
from models.records import Headers, OutgoingRecord
from topics.catalogue import APP_ID, COMPLETED, DEAD_LETTER, STATUS

SOURCE: Final = b"/terrafusion/market-analysis"
CARRIED: Final = ("correlation_id", "traceparent")
TYPE: Final = "org.terrafusion.market-analysis"
VERSION: Final = version("terrafusion-market-analysis").encode()


def event_records(job: Mapping[str, Any]) -> Sequence[OutgoingRecord]:
    """Make the records that tell of a move: the job's status, and at its end the completed event.

    ``job`` holds JSON values: the fields of `JobStatusChanged`, at the end also those of `JobCompleted`, and a
    ``traceparent`` where there is one.
    """
    return [write(job) for write in writers(job).values()]


def writers(job: Mapping[str, Any]) -> Mapping[str, Callable[[Mapping[str, Any]], OutgoingRecord]]:
    """Return what makes these records, by their topics."""
    if job["status"] in TERMINAL:
        return {STATUS.name: status_record, COMPLETED.name: completed_record}
    return {STATUS.name: status_record}


def status_record(job: Mapping[str, Any]) -> OutgoingRecord:
    """Make the record of a job's state."""
    return _record(_STATUS, job, time=job["updated_at"])


def completed_record(job: Mapping[str, Any]) -> OutgoingRecord:
    """Make the record of a job's end."""
    return _record(_COMPLETED, job, time=job["completed_at"])


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of event: what is the same in each of its records."""

    topic: str
    fields: tuple[str, ...]
    name: bytes
    type: bytes


def _kind(name: str, topic: str, model: type[JobEvent]) -> _Kind:
    return _Kind(topic, tuple(model.model_fields), name.encode(), f"{TYPE}.{name}.v1".encode())


_STATUS: Final = _kind("status", STATUS.name, JobStatusChanged)
_COMPLETED: Final = _kind("completed", COMPLETED.name, JobCompleted)


def _record(kind: _Kind, job: Mapping[str, Any], *, time: str) -> OutgoingRecord:
    """Write the fields as they are: validating what our own row says cost more than all the rest of it."""
    key = job["job_id"].encode()
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"%s/%s/%d" % (kind.name, key, job["sequence"])),
        ("ce_source", SOURCE),
        ("ce_type", kind.type),
        ("ce_time", time.encode()),
        ("ce_subject", b"job/" + key),
    ]
    headers += [(name, job[name].encode()) for name in CARRIED if job.get(name)]
    value = orjson.dumps({field: job[field] for field in kind.fields})
    return OutgoingRecord(kind.topic, key, value, tuple(headers))


def tombstone(job_id: UUID) -> OutgoingRecord:
    """Make the record that has a compacted topic, and whoever reads it, forget a job."""
    return OutgoingRecord(STATUS.name, str(job_id).encode(), None, ())


def dead_letter_record(letter: DeadLetter, *, letter_id: int, failed_at: datetime) -> OutgoingRecord:
    """Make the record of a dead letter: key, value and headers untouched, the reason in headers of its own."""
    reason: Headers = (
        ("dlq.id", _number(letter_id)),
        ("dlq.original.topic", letter.topic.encode()),
        ("dlq.original.partition", _number(letter.partition)),
        ("dlq.original.offset", _number(letter.offset)),
        ("dlq.original.timestamp", letter.timestamp.isoformat().encode()),
        ("dlq.original.consumer-group", b"" if letter.partition is None else APP_ID.encode()),
        ("dlq.error.stage", letter.stage.encode()),
        ("dlq.error.class", letter.error_class.encode()),
        ("dlq.error.message", _cut(letter.error_message)),
        ("dlq.attempts", str(letter.attempts).encode()),
        ("dlq.first-failed-at", (letter.first_failed_at or failed_at).isoformat().encode()),
        ("dlq.failed-at", failed_at.isoformat().encode()),
        ("dlq.worker", (letter.worker or "").encode()),
        ("dlq.app-version", VERSION),
    )
    return OutgoingRecord(DEAD_LETTER.name, letter.key, letter.value, letter.headers + reason)


def _cut(message: str) -> bytes:
    """Keep the first 1,000 bytes, less where they would end inside a character."""
    return message.encode(errors="backslashreplace")[:1000].decode(errors="ignore").encode()


def _number(value: int | None) -> bytes:
    return b"" if value is None else str(value).encode()
