"""Bad requests: each is refused as Rejected, by a sentence that names what is wrong, and nothing else is raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.poison import CE, GOOD, NOT_USABLE, STRUCTURED, WRONG_EVENTS, WRONG_FIELDS, parameter, request

from models.records import IncomingRecord
from terrafusion.errors import InvalidRequest, MalformedMessage, Rejected
from topics.catalogue import MAX_REQUEST_BYTES, REQUESTS
from topics.requests import decode, salvage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def record(value, *headers):
    return IncomingRecord(REQUESTS.name, 3, 17, NOW, None, value, headers)


def refusal(poison):
    with pytest.raises(Rejected) as caught:
        decode(poison)
    return caught.value


@pytest.mark.parametrize("value", NOT_USABLE.values(), ids=NOT_USABLE.keys())
def test_what_is_no_usable_json(value):
    error = refusal(record(value))
    assert type(error) is MalformedMessage
    assert str(error).startswith("the value is not usable JSON: ")
    assert len(str(error)) < 300
    assert salvage(record(value)) is None


def test_null_is_said_to_be_null():
    assert str(refusal(record(None))) == "the value is null; a message has one"


def test_over_a_megabyte_is_told_the_limit():
    error = refusal(record(parameter(b'"%s"' % (b"x" * MAX_REQUEST_BYTES))))
    assert type(error) is MalformedMessage
    assert (error.field, error.allowed) == ("value", "at most 1000000 bytes")
    fits = parameter(b'"%s"' % (b"x" * (MAX_REQUEST_BYTES - len(parameter(b'""')))))
    assert len(fits) == MAX_REQUEST_BYTES
    assert decode(record(fits)).request.county_id == "king_wa"


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"[]", "an array"), (b"null", "null"), (b'"x"', "a string"), (b"1", "a number"), (b"true", "a boolean")],
)
def test_what_is_no_object(value, kind):
    for poison in (
        record(value),
        record(value, *CE),
        record(b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":%s}' % value, STRUCTURED),
    ):
        error = refusal(poison)
        assert type(error) is MalformedMessage
        assert str(error) == f"a request is a JSON object, not {kind}"


@pytest.mark.parametrize(
    "text", [rb'"a\u0000b"', rb'{"a\u0000": 1}', rb'[[{"x": ["\u0000"]}]]', rb'"\\\u0000"'], ids=repr
)
def test_the_character_that_postgres_cannot_store(text):
    error = refusal(record(parameter(text)))
    assert type(error) is InvalidRequest
    assert "U+0000" in str(error)


def test_a_backslash_before_u0000_is_only_text():
    assert decode(record(parameter(rb'"\\u0000"'))).request.parameters == {"n": r"\u0000"}


@pytest.mark.parametrize(("fields", "field", "sentence"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named_with_what_was_given(fields, field, sentence):
    error = refusal(record(request(**fields)))
    assert type(error) is InvalidRequest
    assert error.field == field
    assert str(error).startswith(sentence)
    assert error.allowed


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_named(field):
    value = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
    error = refusal(record(value))
    assert (type(error), error.field, str(error)) == (InvalidRequest, field, f"{field} is missing")


def test_the_far_end_of_time_can_be_a_deadline():
    assert decode(record(request(deadline="9999-12-31T23:59:59Z"))).request.deadline.year == 9999


@pytest.mark.parametrize(("headers", "field"), WRONG_EVENTS.values(), ids=WRONG_EVENTS.keys())
def test_a_wrong_envelope_is_named(headers, field):
    error = refusal(record(request(), *headers))
    assert type(error) is MalformedMessage
    assert error.field == field


@pytest.mark.parametrize("text", [b"a\x00b", b"a\nb", b"x" * 201, b""], ids=repr)
def test_a_correlation_in_a_header_obeys_the_same_rule(text):
    error = refusal(record(request(), ("correlation_id", text)))
    assert (type(error), error.field) == (InvalidRequest, "correlation_id")


@pytest.mark.parametrize(
    "event",
    [
        b"[]",
        b"{}",
        b'{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}',
        b'{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data_base64": "e30="}',
        b'{"id": "1", "source": "/s", "type": "t", "data": {}}',
        b'{"specversion": 1.0, "id": "1", "source": "/s", "type": "t", "data": {}}',
        b'{"specversion": "1.0", "id": 1, "source": "/s", "type": "t", "data": {}}',
        b'{"specversion": "1.0", "id": "1", "source": "", "type": "t", "data": {}}',
    ],
    ids=repr,
)
def test_a_wrong_structured_event(event):
    assert type(refusal(record(event, STRUCTURED))) is MalformedMessage


header = st.tuples(st.sampled_from([name for name, _ in CE] + ["content-type", "correlation_id", "x"]), st.binary())


@given(st.none() | st.binary(), st.lists(header, max_size=6))
def test_no_bytes_raise_anything_else(value, headers):
    with pytest.raises(Rejected):
        decode(record(value, *headers))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["job_id", *GOOD, "parameters", "priority", "deadline", "correlation_id"]), json_values
    ),
    st.booleans(),
)
def test_no_json_raises_anything_else(fields, structured):
    value = {**GOOD, **fields}
    if structured:
        value = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": value}
    try:
        decode(record(json.dumps(value).encode(), *([STRUCTURED] if structured else [])))
    except Rejected as error:
        assert str(error)  # noqa: PT017 a request may also be good
