"""Bad requests: each is refused as Rejected, by a sentence that names what is wrong, and nothing else is raised."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.records import IncomingRecord
from terrafusion.errors import InvalidRequest, MalformedMessage, Rejected
from topics.catalogue import MAX_REQUEST_BYTES, REQUESTS
from topics.requests import decode, salvage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOOD = {"analysis_type": "trend_analysis", "county_id": "king_wa"}
STRUCTURED = ("content-type", b"application/cloudevents+json")
CE = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t"))


def record(value, *headers):
    return IncomingRecord(REQUESTS.name, 3, 17, NOW, None, value, headers)


def request(**fields):
    return json.dumps({**GOOD, **fields}).encode()


def refusal(poison):
    with pytest.raises(Rejected) as caught:
        decode(poison)
    return caught.value


def parameter(text):
    """A request with a parameter written just so."""
    return b'{"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters": {"n": %s}}' % text


NOT_USABLE = {
    "empty": b"",
    "blank": b"  ",
    "cut": request()[:-1],
    "two values": request() * 2,
    "comment": b"/* hello */" + request(),
    "single quotes": b"{'a': 1}",
    "byte order mark": b"\xef\xbb\xbf" + request(),
    "utf-16": request().decode().encode("utf-16"),
    "not utf-8": parameter(b'"\xff"'),
    "overlong utf-8": parameter(b'"\xc0\x80"'),
    "utf-8 surrogate": parameter(b'"\xed\xa0\x80"'),
    "lone surrogate": parameter(rb'"\ud800"'),
    "lone low surrogate": parameter(rb'"\udc00 x"'),
    "surrogate in a key": parameter(rb'{"\ud800": 1}'),
    "NaN": parameter(b"NaN"),
    "Infinity": parameter(b"Infinity"),
    "-Infinity": parameter(b"-Infinity"),
    "1e400": parameter(b"1e400"),
    "-1e400": parameter(b"-1e400"),
    "above 64 bit": parameter(b"9223372036854775808"),
    "below 64 bit": parameter(b"-9223372036854775809"),
    "5,000 digits": parameter(b"9" * 5000),
    "nested 10,000 deep": parameter(b"[" * 10_000 + b"]" * 10_000),
    "nested 300 deep": parameter(b"[" * 300 + b"]" * 300),
    "objects 10,000 deep": parameter(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "never closed": parameter(b"[" * 100_000),
    "two members of one name": parameter(b"1, " + b'"n": 2'),
    "two types": b'{"analysis_type": "a", "county_id": "c", "analysis_type": "b"}',
    "raw control character": parameter(b'"\x01"'),
    "raw U+0000": parameter(b'"\x00"'),
    "gzip": gzip.compress(request()),
    "avro": b"\x00\x00\x00\x00\x2a\x02\x10king_wa",
}


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


WRONG_FIELDS = {
    "unknown field": ({"prority": 3}, "prority", "prority is not known; known are job_id, analysis_type, county_id"),
    "job id no uuid": ({"job_id": "17"}, "job_id", "job_id is '17': "),
    "job id a number": ({"job_id": 17}, "job_id", "job_id is 17: "),
    "type a number": ({"analysis_type": 1}, "analysis_type", "analysis_type is 1: Input should be a valid string"),
    "type empty": ({"analysis_type": ""}, "analysis_type", "analysis_type is '': "),
    "type a path": ({"analysis_type": "../x"}, "analysis_type", "analysis_type is '../x': "),
    "county with a line": ({"county_id": "king_wa\n"}, "county_id", r"county_id is 'king_wa\n': "),
    "county null": ({"county_id": None}, "county_id", "county_id is None: "),
    "county too long": ({"county_id": "x" * 101}, "county_id", "county_id is "),
    "parameters an array": ({"parameters": []}, "parameters", "parameters is []: "),
    "parameters null": ({"parameters": None}, "parameters", "parameters is None: "),
    "priority above": ({"priority": 10}, "priority", "priority is 10: Input should be less than or equal to 9"),
    "priority below": ({"priority": -1}, "priority", "priority is -1: "),
    "priority a text": ({"priority": "5"}, "priority", "priority is '5': Input should be a valid integer"),
    "priority a fraction": ({"priority": 5.0}, "priority", "priority is 5.0: "),
    "priority a boolean": ({"priority": True}, "priority", "priority is True: "),
    "deadline no date": ({"deadline": "soon-ish"}, "deadline", "deadline is 'soon-ish': "),
    "deadline without offset": ({"deadline": "2026-11-30T12:00:00"}, "deadline", "deadline is '2026-11-30T12:00:00': "),
    "deadline a day": ({"deadline": "2026-11-30"}, "deadline", "deadline is '2026-11-30': "),
    "deadline no real day": ({"deadline": "2026-02-30T12:00:00Z"}, "deadline", "deadline is "),
    "deadline a number": ({"deadline": 1800000000}, "deadline", "deadline is 1800000000: Input should be a date"),
    "deadline digits": ({"deadline": "1800000000"}, "deadline", "deadline is '1800000000': Input should be a date"),
    "deadline a boolean": ({"deadline": True}, "deadline", "deadline is True: "),
    "deadline in year 0": ({"deadline": "0000-01-01T00:00:00Z"}, "deadline", "deadline is "),
    "deadline before year 1": ({"deadline": "0001-01-01T00:00:00+14:00"}, "deadline", "deadline is "),
    "deadline after year 9999": ({"deadline": "9999-12-31T23:59:59-01:00"}, "deadline", "deadline is "),
    "deadline in year 10000": ({"deadline": "10000-01-01T00:00:00Z"}, "deadline", "deadline is "),
    "correlation too long": ({"correlation_id": "x" * 201}, "correlation_id", "correlation_id is "),
    "correlation empty": ({"correlation_id": ""}, "correlation_id", "correlation_id is "),
    "correlation of two lines": ({"correlation_id": "a\nb"}, "correlation_id", r"correlation_id is 'a\nb': "),
}


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


def without(name):
    return tuple(header for header in CE if header[0] != name)


WRONG_EVENTS = {
    "no specversion": (without("ce_specversion"), "specversion"),
    "old specversion": ((*CE, ("ce_specversion", b"0.3")), "specversion"),
    "no id": (without("ce_id"), "id"),
    "empty id": ((*CE, ("ce_id", b"")), "id"),
    "no source": (without("ce_source"), "source"),
    "no type": (without("ce_type"), "type"),
    "id not utf-8": ((*CE, ("ce_id", b"\xff")), "ce_id"),
    "source with U+0000": ((*CE, ("ce_source", b"/a\x00b")), "source"),
    "source of two lines": ((*CE, ("ce_source", b"/a\nb")), "source"),
    "source without end": ((*CE, ("ce_source", b"/" * 1001)), "source"),
    "correlation not utf-8": ((("correlation_id", b"\xc3"),), "correlation_id"),
    "content type not utf-8": ((("content-type", b"\xff"),), "content-type"),
}


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
