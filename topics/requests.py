"""From the bytes of a record to a request: CloudEvents in binary or structured mode, or bare JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from models.messages import AnalysisRequest
from models.records import IncomingRecord
from terrafusion.errors import InvalidRequest, MalformedMessage, Rejected
from terrafusion.validation_messages import rejection
from topics.catalogue import MAX_REQUEST_BYTES

STRUCTURED: Final = "application/cloudevents+json"
JOB_NAMESPACE: Final = UUID("6f0c9d3e-6b0a-5c5e-9d57-3c1a4f1f6b11")
CARRIED: Final = ("correlation_id", "traceparent")
"""Headers that are passed on, beside those of CloudEvents."""
MAX_ATTRIBUTE: Final = 1000
TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
WRITTEN_NULL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request as it stood in its record, with the identity it has there."""

    job_id: UUID
    request: AnalysisRequest
    correlation_id: str | None
    traceparent: str | None
    source: str | None
    """Who sent it: the CloudEvents source."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a record says: CloudEvents attributes by name, without their prefix, and the data."""

    attributes: Mapping[str, str]
    data: Any


def decode(record: IncomingRecord) -> Envelope:
    """Read a record as an analysis request.

    Raises MalformedMessage where the bytes are no event at all, InvalidRequest where a field is wrong.
    """
    event = read_event(record)
    request = read_request(_correlated(event))
    return Envelope(
        job_id=request.job_id or record_id(record, event.attributes),
        request=request,
        correlation_id=request.correlation_id,
        traceparent=traceparent_of(event.attributes.get("traceparent")),
        source=event.attributes.get("source"),
    )


class _Identity(AnalysisRequest):
    """Of a request that is wrong elsewhere: who asks for what."""

    model_config = ConfigDict(extra="ignore")

    parameters: Any = None
    priority: Any = None
    deadline: Any = None
    correlation_id: Any = None


def salvage(record: IncomingRecord) -> Envelope | None:
    """Read just the identity, type and county of a request that `decode` refused; None where that fails too."""
    try:
        event = read_event(record)
        found = _Identity.model_validate(event.data)
    except (Rejected, ValidationError):
        return None
    return Envelope(
        job_id=found.job_id or record_id(record, event.attributes),
        request=AnalysisRequest(analysis_type=found.analysis_type, county_id=found.county_id),
        correlation_id=None,
        traceparent=traceparent_of(event.attributes.get("traceparent")),
        source=event.attributes.get("source"),
    )


def read_request(data: Any) -> AnalysisRequest:
    """Check a JSON value against the request model; raises InvalidRequest naming the first wrong field."""
    return read_message(data, AnalysisRequest, "a request")


def read_message(data: Any, model: type[M], what: str) -> M:
    """Check a JSON value against a model; raises MalformedMessage for no object, InvalidRequest for a wrong field."""
    if not isinstance(data, dict):
        msg = f"{what} is a JSON object, not {_kind(data)}"
        raise MalformedMessage(msg)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise rejection(error, InvalidRequest, model) from error


def derived_id(*parts: str) -> UUID:
    """Make the same job id from the same parts, whoever does it and whenever."""
    return uuid5(JOB_NAMESPACE, json.dumps(parts))


def record_id(record: IncomingRecord, attributes: Mapping[str, str]) -> UUID:
    """Derive the identity of what a record says: from its event's where there is one, else from its coordinates."""
    if "id" in attributes:
        return derived_id(attributes["source"], attributes["id"])
    milliseconds = round(record.timestamp.timestamp() * 1000)
    return derived_id(record.topic, str(record.partition), str(record.offset), str(milliseconds))


def _correlated(event: Event) -> Any:
    """Put the header's correlation id where the request has none, so that one rule checks both."""
    given = event.attributes.get("correlation_id")
    if given is None or not isinstance(event.data, dict) or event.data.get("correlation_id") is not None:
        return event.data
    return event.data | {"correlation_id": given}


def read_event(record: IncomingRecord) -> Event:
    """Read a record as CloudEvents in binary or structured mode or as bare JSON; raises as `decode` does."""
    headers = _headers(record)
    data = read_json(record.value)
    if headers.get("content-type", "").split(";")[0].strip().lower() == STRUCTURED:
        return _structured(data, headers)
    carried = {name: headers[name] for name in CARRIED if name in headers}
    attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return Event(carried | (_checked(attributes) if attributes else {}), data)


def _structured(event: Any, headers: Mapping[str, str]) -> Event:
    if not isinstance(event, dict) or "data" not in event:
        msg = f"{STRUCTURED} needs a JSON object with data"
        raise MalformedMessage(msg)
    attributes = {name: value for name, value in event.items() if isinstance(value, str) and name != "data"}
    carried = {name: headers[name] for name in CARRIED if name in headers}
    return Event(carried | _checked(attributes), event["data"])


def _checked(attributes: dict[str, str]) -> dict[str, str]:
    if attributes.get("specversion") != "1.0":
        given = attributes.get("specversion", "absent")
        msg = f"CloudEvents specversion is {given}; it must be 1.0"
        raise MalformedMessage(msg, field="specversion", value=given, allowed="1.0")
    for name in ("id", "source", "type"):
        if not attributes.get(name):
            msg = f"CloudEvents attribute {name} is missing or empty"
            raise MalformedMessage(msg, field=name, allowed="a non-empty string")
    for name, value in attributes.items():
        if len(value) > MAX_ATTRIBUTE or CONTROL.search(value):
            allowed = f"at most {MAX_ATTRIBUTE} characters, none of them a control character"
            msg = f"CloudEvents attribute {name} is {value[:100]!r}; allowed are {allowed}"
            raise MalformedMessage(msg, field=name, value=value[:100], allowed=allowed)
    return attributes


def _headers(record: IncomingRecord) -> Mapping[str, str]:
    """Read the headers that mean something here; of one that is repeated the last counts.

    Others may hold any bytes: tracers and schema registries put binary ones.
    """
    lowered = ((name.lower(), value) for name, value in record.headers)
    return {name: _text(name, value) for name, value in lowered if value is not None and _is_ours(name)}


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        msg = f"header {name} is not UTF-8"
        raise MalformedMessage(msg, field=name, allowed="UTF-8") from error


def _is_ours(name: str) -> bool:
    return name.startswith("ce_") or name in CARRIED or name == "content-type"


def read_json(value: bytes | None) -> Any:
    """Read bytes as JSON that means one thing only and can be stored.

    Refused beside what is no JSON: two members of one name, numbers that a double or 64 bits cannot hold, text that
    is not Unicode or holds U+0000, deep nesting. Raises MalformedMessage, for U+0000 InvalidRequest.
    """
    if value is None:
        msg = "the value is null; a message has one"
        raise MalformedMessage(msg)
    if len(value) > MAX_REQUEST_BYTES:
        msg = f"the value has {len(value)} bytes; at most {MAX_REQUEST_BYTES} are allowed"
        raise MalformedMessage(msg, field="value", value=len(value), allowed=f"at most {MAX_REQUEST_BYTES} bytes")
    try:
        data = _STRICT.decode(value.decode())
        written = orjson.dumps(data)
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"the value is not usable JSON: {error}"
        raise MalformedMessage(msg) from error
    if holds_null(written):
        msg = "a string holds the character U+0000, which cannot be stored"
        raise InvalidRequest(msg, allowed="text without U+0000")
    return data


def holds_null(written: bytes) -> bool:
    """Say whether a string in a JSON text holds U+0000."""
    return b"\\u0000" in written and WRITTEN_NULL.search(written) is not None


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"an object has two members named {twice[:100]!r}"
        raise ValueError(msg)
    return members


def _integer(digits: str) -> int:
    if len(digits) > len(str(-(2**63))) or not -(2**63) <= int(digits) < 2**63:
        msg = f"{digits[:30]} does not fit into 64 bits"
        raise ValueError(msg)
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        msg = f"{digits[:30]} is not a finite number"
        raise ValueError(msg)
    return number


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_finite, parse_constant=_finite
)


def traceparent_of(value: str | None) -> str | None:
    """Return the W3C trace context; one that is malformed counts as none, as the standard says."""
    return value if value and TRACEPARENT.fullmatch(value) else None


def _kind(data: Any) -> str:
    return {list: "an array", str: "a string", type(None): "null", bool: "a boolean"}.get(type(data), "a number")
