"""Events as others read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from hypothesis import given
from hypothesis import strategies as st

from models.dead_letters import DeadLetter, Stage
from models.jobs import FailureReason, JobStatus
from models.messages import JobCompleted, JobStatusChanged
from topics.catalogue import APP_ID, COMPLETED, DEAD_LETTER, REQUESTS, STATUS
from topics.events import completed_record, dead_letter_record, status_record

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
JOB_ID = UUID("6f0c9d3e-6b0a-4c5e-9d57-3c1a4f1f6b11")
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
SHARED = {"job_id": JOB_ID, "sequence": 3, "analysis_type": "trend_analysis", "county_id": "king_wa"}


def status(**fields):
    own = {"status": JobStatus.RUNNING, "attempt": 1, "progress": 0.5, "message": "Half", "priority": 5}
    return JobStatusChanged(**{**SHARED, **own, "created_at": NOW, "updated_at": NOW, **fields})


def completed(**fields):
    own = {"status": JobStatus.FAILED, "failure_reason": FailureReason.TIMEOUT, "completed_at": NOW}
    return JobCompleted(**{**SHARED, **own, **fields})


def as_event(record):
    return from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))


@pytest.mark.parametrize(
    ("record", "topic", "kind"),
    [
        (status_record(status().model_dump(mode="json")), STATUS, "status"),
        (completed_record(completed().model_dump(mode="json")), COMPLETED, "completed"),
    ],
)
def test_the_sdk_reads_an_event(record, topic, kind):
    event = as_event(record)
    assert (record.topic, record.key) == (topic.name, str(JOB_ID).encode())
    assert event.get_id() == f"{kind}/{JOB_ID}/3"
    assert event.get_source() == "/terrafusion/market-analysis"
    assert event.get_type() == f"org.terrafusion.market-analysis.{kind}.v1"
    assert event.get_subject() == f"job/{JOB_ID}"
    assert event.get_time() == NOW
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == json.loads(record.value)


def test_a_status_has_the_fields_that_were_promised():
    promised = ["job_id", "sequence", "status", "attempt", "progress", "message", "correlation_id", "updated_at"]
    assert set(promised) <= set(json.loads(status_record(status().model_dump(mode="json")).value))


def test_an_end_has_the_fields_that_were_promised():
    promised = (
        "job_id sequence status analysis_type county_id result_summary result_data_location result_sha256 "
        "failure_reason data_version correlation_id completed_at"
    )
    assert set(promised.split()) <= set(json.loads(completed_record(completed().model_dump(mode="json")).value))


def test_readers_ignore_what_they_do_not_know():
    later = json.loads(status_record(status().model_dump(mode="json")).value) | {"added_in_a_later_release": 1}
    assert JobStatusChanged.model_validate_json(json.dumps(later)) == status()


def test_trace_and_correlation_are_carried_where_there_are_any():
    record = status_record(status(correlation_id="Fall 17/ä").model_dump(mode="json") | {"traceparent": TRACE})
    headers = dict(record.headers)
    assert (headers["correlation_id"], headers["traceparent"]) == ("Fall 17/ä".encode(), TRACE.encode())
    assert not {"correlation_id", "traceparent"} & set(dict(status_record(status().model_dump(mode="json")).headers))


@given(st.floats(0, 1), st.text(st.characters(exclude_categories=["Cs"])))
def test_an_event_is_read_as_it_was_written(progress, message):
    event = status(progress=progress, message=message)
    assert JobStatusChanged.model_validate_json(status_record(event.model_dump(mode="json")).value) == event


class TestDeadLetters:
    def letter(self, **fields):
        place = {"topic": REQUESTS.name, "partition": 3, "offset": 17, "timestamp": NOW}
        content = {"key": b"\xff", "value": b"\x00junk", "headers": (("a", b"1"), ("a", b"\xfe"))}
        reason = {"stage": Stage.DECODE, "error_class": "MalformedMessage", "error_message": "bad"}
        return DeadLetter(**{**place, **content, **reason, **fields})

    def test_key_value_and_headers_are_untouched(self):
        record = dead_letter_record(self.letter(), letter_id=9, failed_at=NOW)
        assert (record.topic, record.key, record.value) == (DEAD_LETTER.name, b"\xff", b"\x00junk")
        assert record.headers[:2] == (("a", b"1"), ("a", b"\xfe"))

    def test_the_reason_stands_in_headers_of_its_own(self):
        added = dict(dead_letter_record(self.letter(attempts=2), letter_id=9, failed_at=NOW).headers[2:])
        assert added == {
            "dlq.id": b"9",
            "dlq.original.topic": REQUESTS.name.encode(),
            "dlq.original.partition": b"3",
            "dlq.original.offset": b"17",
            "dlq.original.timestamp": b"2026-11-24T12:00:00.123456+00:00",
            "dlq.original.consumer-group": APP_ID.encode(),
            "dlq.error.stage": b"decode",
            "dlq.error.class": b"MalformedMessage",
            "dlq.error.message": b"bad",
            "dlq.attempts": b"2",
            "dlq.first-failed-at": b"2026-11-24T12:00:00.123456+00:00",
            "dlq.failed-at": b"2026-11-24T12:00:00.123456+00:00",
            "dlq.worker": b"",
            "dlq.app-version": version("terrafusion-market-analysis").encode(),
        }

    def test_who_had_it_and_since_when_it_fails_is_told_where_it_is_known(self):
        letter = self.letter(worker="host:7:abc", first_failed_at=NOW - timedelta(minutes=5))
        told = dict(dead_letter_record(letter, letter_id=9, failed_at=NOW).headers)
        assert told["dlq.worker"] == b"host:7:abc"
        assert told["dlq.first-failed-at"] == b"2026-11-24T11:55:00.123456+00:00"

    def test_a_null_value_stays_null_and_no_place_is_empty(self):
        record = dead_letter_record(
            self.letter(value=None, key=None, partition=None, offset=None), letter_id=9, failed_at=NOW
        )
        assert (record.key, record.value) == (None, None)
        assert dict(record.headers)["dlq.original.offset"] == b""

    @pytest.mark.parametrize("message", ["ä" * 999, "x" + "ä" * 999, "\ud800", "x\0y", "😀" * 400])
    def test_any_message_is_utf_8_of_at_most_a_thousand_bytes(self, message):
        written = dict(dead_letter_record(self.letter(error_message=message), letter_id=9, failed_at=NOW).headers)[
            "dlq.error.message"
        ]
        assert 0 < len(written) <= 1000
        assert written.decode()
