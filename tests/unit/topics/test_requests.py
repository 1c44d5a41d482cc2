"""Good requests, however they are wrapped; the CloudEvents SDK is the oracle for the wrapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from models.records import IncomingRecord
from topics.catalogue import REQUESTS
from topics.requests import decode, derived_id, read_json

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REQUEST = {"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters": {"min_sales": 5}}
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def record(value, *headers, offset=17):
    content = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return IncomingRecord(REQUESTS.name, 3, offset, NOW, None, content, headers)


def wrapped(make, data=REQUEST, **extensions):
    attributes = {"id": "e-1", "source": "/assessor", "type": "org.terrafusion.request.v1", **extensions}
    message = make(CloudEvent(attributes, data))
    return record(message.value, *message.headers.items())


def asked(envelope):
    return envelope.request.model_dump(include=set(REQUEST))


class TestWrapping:
    @pytest.mark.parametrize("make", [to_binary_event, to_structured_event])
    def test_cloud_events_as_the_sdk_writes_them(self, make):
        envelope = decode(wrapped(make))
        assert asked(envelope) == REQUEST
        assert envelope.source == "/assessor"

    def test_both_modes_have_the_same_identity(self):
        binary, structured = (decode(wrapped(make)) for make in (to_binary_event, to_structured_event))
        assert binary == structured

    def test_bare_json(self):
        envelope = decode(record(REQUEST))
        assert asked(envelope) == REQUEST
        assert (envelope.source, envelope.correlation_id, envelope.traceparent) == (None, None, None)

    @pytest.mark.parametrize("kind", ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8"])
    def test_structured_mode_is_known_by_its_content_type(self, kind):
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": REQUEST}
        assert decode(record(event, ("Content-Type", kind.encode()))).source == "/s"

    def test_header_names_are_read_in_any_case(self):
        headers = [("CE_SpecVersion", b"1.0"), ("Ce_Id", b"1"), ("ce_Source", b"/s"), ("CE_TYPE", b"t")]
        assert decode(record(REQUEST, *headers)).source == "/s"

    def test_of_a_repeated_header_the_last_counts(self):
        headers = [("correlation_id", b"one"), ("Correlation_Id", b"two")]
        assert decode(record(REQUEST, *headers)).correlation_id == "two"

    def test_a_header_without_a_value_says_nothing(self):
        assert decode(record(REQUEST, ("correlation_id", None))).correlation_id is None

    def test_foreign_headers_may_hold_any_bytes(self):
        assert asked(decode(record(REQUEST, ("__value_schema_id", b"\x01\xff\xfe"), ("x", b"\xff")))) == REQUEST


class TestCarried:
    def test_the_requests_own_correlation_goes_before_the_headers(self):
        headers = [("correlation_id", b"header")]
        assert decode(record(REQUEST, *headers)).correlation_id == "header"
        assert decode(record({**REQUEST, "correlation_id": "own"}, *headers)).correlation_id == "own"
        assert decode(record({**REQUEST, "correlation_id": None}, *headers)).correlation_id == "header"

    @pytest.mark.parametrize("make", [to_binary_event, to_structured_event])
    def test_a_trace_goes_on(self, make):
        assert decode(wrapped(make, traceparent=TRACE)).traceparent == TRACE
        assert decode(record(REQUEST, ("traceparent", TRACE.encode()))).traceparent == TRACE

    @pytest.mark.parametrize("broken", ["", "00-xyz", TRACE + "\n", TRACE.upper()])
    def test_a_broken_trace_is_dropped(self, broken):
        assert decode(record(REQUEST, ("traceparent", broken.encode()))).traceparent is None


class TestIdentity:
    def test_the_requests_own_id_counts_first(self):
        job_id = uuid4()
        assert decode(record({**REQUEST, "job_id": str(job_id)}, ("ce_id", b"x"), *_ce())).job_id == job_id

    def test_the_events_id_counts_wherever_it_lies(self):
        assert decode(record(REQUEST, *_ce(), offset=1)).job_id == decode(record(REQUEST, *_ce(), offset=2)).job_id

    def test_the_coordinates_count_last(self):
        first, again, other = (decode(record(REQUEST, offset=n)).job_id for n in (1, 1, 2))
        assert first == again != other

    def test_stays_what_it_was(self):
        """These ids stand in databases: another derivation would run every request of the topic again."""
        assert derived_id("/assessor", "e-1") == UUID("2726eb67-365b-59f9-98af-1bb026b638d0")
        assert decode(record(REQUEST)).job_id == UUID("e03f0543-8222-5252-9479-14134b63511e")

    @given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
    def test_is_as_different_as_its_parts(self, some, others):
        assert (derived_id(*some) == derived_id(*others)) is (some == others)


def _ce():
    return [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t")]


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | storable,
    lambda inner: st.lists(inner) | st.dictionaries(storable, inner),
    max_leaves=20,
)


@given(json_values)
def test_whatever_can_be_stored_is_read_as_it_was_written(value):
    assert read_json(json.dumps(value).encode()) == value


def test_priority_and_deadline_have_their_types():
    request = decode(record({**REQUEST, "priority": 9, "deadline": "2026-11-30T14:00:00+02:00"})).request
    assert request.priority == 9
    assert request.deadline == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert request.deadline.tzinfo is UTC
