"""From the bytes of a record to a request: CloudEvents in binary or structured mode, or bare JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pydantic import ValidationError

from models.messages import AnalysisRequest
from models.records import IncomingRecord
from terrafusion.errors import InvalidRequest, MalformedMessage, rejection
from topics.catalogue import MAX_REQUEST_BYTES

STRUCTURED: Final = "application/cloudevents+json"
JOB_NAMESPACE: Final = UUID("6f0c9d3e-6b0a-5c5e-9d57-3c1a4f1f6b11")
TRACEPARENT: Final = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


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
class _Event:
    """What a record says beside the request: CloudEvents attributes by name, without their prefix."""

    attributes: Mapping[str, str]
    data: Any


def decode(record: IncomingRecord) -> Envelope:
    """Read a record as an analysis request.

    Raises MalformedMessage where the bytes are no event at all, InvalidRequest where a field is wrong.
    """
    event = _event(record)
    request = read_request(event.data)
    return Envelope(
        job_id=request.job_id or _derived_id(record, event.attributes),
        request=request,
        correlation_id=request.correlation_id or event.attributes.get("correlation_id"),
        traceparent=_traceparent(event.attributes.get("traceparent")),
        source=event.attributes.get("source"),
    )


def read_request(data: Any) -> AnalysisRequest:
    """Check a JSON value against the request model; raises InvalidRequest naming the first wrong field."""
    if not isinstance(data, dict):
        msg = f"a request is a JSON object, not {_kind(data)}"
        raise MalformedMessage(msg)
    try:
        return AnalysisRequest.model_validate(data)
    except ValidationError as error:
        raise rejection(error, InvalidRequest, AnalysisRequest) from error


def derived_id(*parts: str) -> UUID:
    """Make the same job id from the same parts, whoever does it and whenever."""
    return uuid5(JOB_NAMESPACE, "\n".join(parts))


def _derived_id(record: IncomingRecord, attributes: Mapping[str, str]) -> UUID:
    if "id" in attributes:
        return derived_id(attributes["source"], attributes["id"])
    milliseconds = round(record.timestamp.timestamp() * 1000)
    return derived_id(record.topic, str(record.partition), str(record.offset), str(milliseconds))


def _event(record: IncomingRecord) -> _Event:
    headers = _headers(record)
    data = read_json(record.value)
    if headers.get("content-type", "").split(";")[0].strip().lower() == STRUCTURED:
        return _structured(data, headers)
    carried = {name: headers[name] for name in ("correlation_id", "traceparent") if name in headers}
    attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return _Event(carried | (_checked(attributes) if attributes else {}), data)


def _structured(event: Any, headers: Mapping[str, str]) -> _Event:
    if not isinstance(event, dict) or "data" not in event:
        msg = f"{STRUCTURED} needs a JSON object with data"
        raise MalformedMessage(msg)
    attributes = {name: value for name, value in event.items() if isinstance(value, str)}
    carried = {name: headers[name] for name in ("correlation_id", "traceparent") if name in headers}
    return _Event(carried | _checked(attributes), event["data"])


def _checked(attributes: dict[str, str]) -> dict[str, str]:
    if attributes.get("specversion") != "1.0":
        given = attributes.get("specversion", "absent")
        msg = f"CloudEvents specversion is {given}; it must be 1.0"
        raise MalformedMessage(msg, field="specversion", value=given, allowed="1.0")
    for name in ("id", "source", "type"):
        if not attributes.get(name):
            msg = f"CloudEvents attribute {name} is missing or empty"
            raise MalformedMessage(msg, field=name, allowed="a non-empty string")
    return attributes


def _headers(record: IncomingRecord) -> Mapping[str, str]:
    try:
        return {name.lower(): value.decode() for name, value in record.headers if value is not None}
    except UnicodeDecodeError as error:
        msg = "a header is not UTF-8"
        raise MalformedMessage(msg) from error


def read_json(value: bytes | None) -> Any:
    """Read bytes as JSON that can be stored; raises MalformedMessage where they are not."""
    if value is None:
        msg = "the value is null; a request has one"
        raise MalformedMessage(msg)
    if len(value) > MAX_REQUEST_BYTES:
        msg = f"the value has {len(value)} bytes; at most {MAX_REQUEST_BYTES} are allowed"
        raise MalformedMessage(msg, field="value", value=len(value), allowed=f"at most {MAX_REQUEST_BYTES} bytes")
    try:
        data = orjson.loads(value)
        orjson.dumps(data)  # refuses what nests too deeply to be written again
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        msg = f"the value is not usable JSON: {error}"
        raise MalformedMessage(msg) from error
    if b"\\u0000" in value and _holds_null(data):
        msg = "a string holds the character U+0000, which cannot be stored"
        raise InvalidRequest(msg, allowed="text without U+0000")
    return data


def _holds_null(data: Any) -> bool:
    if isinstance(data, str):
        return "\0" in data
    if isinstance(data, dict):
        return any(_holds_null(part) for pair in data.items() for part in pair)
    return isinstance(data, list) and any(_holds_null(part) for part in data)


def _traceparent(value: str | None) -> str | None:
    return value if value and TRACEPARENT.match(value) else None


def _kind(data: Any) -> str:
    return {list: "an array", str: "a string", type(None): "null", bool: "a boolean"}.get(type(data), "a number")
