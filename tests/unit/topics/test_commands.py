"""Commands from bytes: what is understood, and what is refused naming the field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.messages import Command, Verb
from models.records import IncomingRecord
from terrafusion.errors import InvalidRequest, MalformedMessage, Rejected
from topics.catalogue import COMMANDS
from topics.commands import decode, read_command
from topics.schemas import schemas

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JOB = "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10"
CE = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/assessor"), ("ce_type", b"order"))
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def record(value, *headers, offset=17):
    content = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return IncomingRecord(COMMANDS.name, 3, offset, NOW, None, content, headers)


@pytest.mark.parametrize(
    "said",
    [
        {"command": "cancel", "job_id": JOB},
        {"command": "retry", "job_id": JOB, "reason": "new sales were loaded", "requested_by": "roll desk"},
        {"command": "pause"},
        {"command": "pause", "county_id": "king_wa", "reason": "reappraisal"},
        {"command": "resume", "analysis_type": "trend_analysis"},
        {"command": "pause", "county_id": None, "analysis_type": "trend_analysis", "job_id": None},
    ],
)
def test_a_command_is_read_and_its_schema_says_the_same(said):
    assert decode(record(said)).command == Command(**said)
    jsonschema.validate(said, schemas()[COMMANDS.name])


@pytest.mark.parametrize(
    ("said", "field", "says"),
    [
        ({}, "command", "command is missing"),
        ({"command": "stop"}, "command", "command is 'stop': must be 'cancel', 'retry', 'pause' or 'resume'"),
        ({"command": "cancel"}, "job_id", "job_id is null: must be the id of a job, with cancel"),
        ({"command": "retry", "job_id": None}, "job_id", "job_id is null: "),
        ({"command": "retry", "job_id": "17"}, "job_id", "job_id is '17': "),
        (
            {"command": "cancel", "job_id": JOB, "county_id": "a"},
            "county_id",
            "county_id is 'a': must be absent",
        ),
        ({"command": "retry", "job_id": JOB, "analysis_type": "a"}, "analysis_type", "analysis_type is 'a': "),
        ({"command": "pause", "job_id": JOB}, "job_id", f"job_id is '{JOB}': must be absent, with pause"),
        ({"command": "resume", "county_id": "a", "analysis_type": "b"}, "analysis_type", "analysis_type is 'b': "),
        ({"command": "pause", "county_id": "../etc"}, "county_id", "county_id is '../etc': "),
        ({"command": "pause", "reason": "two\nlines"}, "reason", "reason is 'two\\nlines': "),
        ({"command": "pause", "reason": "x" * 201}, "reason", "reason is "),
        ({"command": "pause", "colour": 1}, "colour", "colour is not known; known are command, job_id, county_id"),
    ],
)
def test_what_is_wrong_is_named_and_the_schema_refuses_it_too(said, field, says):
    with pytest.raises(InvalidRequest) as caught:
        decode(record(said))
    assert caught.value.field == field
    assert str(caught.value).startswith(says)
    validator = jsonschema.Draft202012Validator(
        schemas()[COMMANDS.name], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert not validator.is_valid(said)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"17", b"\xff", None, b'{"command": "pause", "command": "pause"}'])
def test_what_is_no_command_at_all(value):
    with pytest.raises(MalformedMessage):
        decode(record(value))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(value):
    try:
        decode(record(value))
    except Rejected:
        return
    assert read_command(json.loads(value)).command in Verb


RETRY = {"command": "retry", "job_id": JOB}


class TestIdentity:
    def test_an_event_is_the_same_wherever_it_lies(self):
        here, there = (decode(record(RETRY, *CE, offset=offset)) for offset in (1, 2))
        assert here.identity == there.identity

    def test_without_an_event_the_place_counts(self):
        first, again, other = (decode(record(RETRY, offset=offset)).identity for offset in (1, 1, 2))
        assert first == again != other

    def test_it_is_not_the_job_s(self):
        assert decode(record(RETRY, *CE)).identity != UUID(JOB)


class TestWhoAsks:
    def test_the_command_s_own_word_goes_before_the_event_s_source(self):
        said = {"command": "cancel", "job_id": str(uuid4())}
        assert decode(record(said, *CE)).command.requested_by == "/assessor"
        assert decode(record({**said, "requested_by": "me"}, *CE)).command.requested_by == "me"
        assert decode(record(said)).command.requested_by is None

    def test_a_trace_goes_on(self):
        assert decode(record({"command": "pause"}, ("traceparent", TRACE.encode()))).traceparent == TRACE
        assert decode(record({"command": "pause"}, ("traceparent", b"nonsense"))).traceparent is None
