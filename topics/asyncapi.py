"""The topics and their messages as an AsyncAPI 3.0 document, made from the catalogue and the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from topics.catalogue import CHANGELOG, TOPICS, TopicSpec
from topics.events import SOURCE, TYPE
from topics.schemas import schemas

VERSION: Final = "3.0.0"
BINDING: Final = "0.5.0"
TITLE: Final = "TerraFusion Market Analysis"
ABOUT: Final = (
    "Requests for market analyses in, their status and results out. Events are CloudEvents in binary mode: JSON in the "
    "value, attributes in the headers `ce_*`. A reader ignores fields that it does not know and drops sequences up to "
    "the last one it saw of a job."
)
JOB: Final = "9a3e8998-0efa-4582-82c4-45e709f7082d"
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "requests": {
        "job_id": JOB,
        "analysis_type": "price_trend_by_zip",
        "county_id": "king_wa",
        "parameters": {"period": "quarter", "zip_codes": ["98103", "98115"]},
        "priority": 7,
        "correlation_id": "roll-2026",
    },
    "status": {
        "job_id": JOB,
        "sequence": 3,
        "status": "RUNNING",
        "analysis_type": "price_trend_by_zip",
        "county_id": "king_wa",
        "failure_reason": None,
        "data_version": "1f104b4a",
        "correlation_id": "roll-2026",
        "attempt": 1,
        "progress": 0.42,
        "message": "Holding quality constant",
        "priority": 7,
        "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:03Z",
        "started_at": "2026-03-01T12:00:01Z",
        "completed_at": None,
    },
    "completed": {
        "job_id": JOB,
        "sequence": 5,
        "status": "COMPLETED",
        "analysis_type": "price_trend_by_zip",
        "county_id": "king_wa",
        "failure_reason": None,
        "data_version": "1f104b4a",
        "correlation_id": "roll-2026",
        "result_summary": {"key_finding": "Prices rose.", "data_points_analyzed": 43313},
        "result_data_location": f"s3://results/king_wa/price_trend_by_zip/{JOB}.parquet",
        "result_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "completed_at": "2026-03-01T12:00:05Z",
    },
    "commands": {"command": "cancel", "job_id": JOB, "reason": "sent by mistake"},
}
REASON: Final = ("topic", "partition", "offset", "timestamp")


def asyncapi(version: str) -> Mapping[str, Any]:
    """Return the document; ``version`` is that of the software."""
    ours = [spec for spec in TOPICS if spec is not CHANGELOG]
    return {
        "asyncapi": VERSION,
        "info": {"title": TITLE, "version": version, "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {_word(spec): _channel(spec) for spec in ours},
        "operations": {_verb(spec) + _word(spec).title().replace("-", ""): _operation(spec) for spec in ours},
        "components": {
            "messages": {_word(spec): _message(spec) for spec in ours},
            "messageTraits": {"cloudEvent": {"headers": _ce_headers()}},
            "schemas": _components(),
        },
    }


def _word(spec: TopicSpec) -> str:
    """Return what a topic's name says beside what all of them say."""
    return spec.name.split(".")[1]


def _verb(spec: TopicSpec) -> str:
    """Say what TerraFusion does with the topic."""
    return "receive" if spec.message and spec.message.model_config.get("extra") == "forbid" else "send"


def _channel(spec: TopicSpec) -> Mapping[str, Any]:
    word = _word(spec)
    return {
        "address": spec.name,
        "description": f"{spec.purpose[:1].upper()}{spec.purpose[1:]}.",
        "messages": {word: {"$ref": f"#/components/messages/{word}"}},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": spec.partitions,
                "topicConfiguration": {key: _setting(key, value) for key, value in spec.config.items()},
                "bindingVersion": BINDING,
            }
        },
    }


def _setting(key: str, value: str) -> Any:
    """Return a topic's setting in the type that the binding gives it."""
    if key == "cleanup.policy":
        return value.split(",")
    return int(value) if value.isdecimal() else value


def _operation(spec: TopicSpec) -> Mapping[str, Any]:
    word = _word(spec)
    return {
        "action": _verb(spec),
        "channel": {"$ref": f"#/channels/{word}"},
        "messages": [{"$ref": f"#/channels/{word}/messages/{word}"}],
    }


def _message(spec: TopicSpec) -> Mapping[str, Any]:
    if spec.message is None:
        return _dead_letter()
    word = _word(spec)
    told = {
        "name": spec.message.__name__,
        "summary": (spec.message.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{spec.message.__name__}"},
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "correlationId": {"location": "$message.header#/correlation_id"},
        "bindings": {"kafka": {"key": _key(), "bindingVersion": BINDING}},
    }
    return told | ({"examples": [{"name": word, "payload": EXAMPLES[word]}]} if word in EXAMPLES else {})


def _dead_letter() -> Mapping[str, Any]:
    reasons = [f"dlq.original.{part}" for part in REASON]
    reasons += ["dlq.error.stage", "dlq.error.class", "dlq.error.message", "dlq.attempts"]
    reasons += ["dlq.first-failed-at", "dlq.failed-at", "dlq.worker"]
    return {
        "name": "DeadLetter",
        "summary": "A message that could not be used: key, value and headers as they came, the reason beside them.",
        "contentType": "application/octet-stream",
        "payload": {"description": "the bytes as they came"},
        "headers": _text_headers(reasons, required=reasons),
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
    }


def _key() -> Mapping[str, Any]:
    return {"type": "string", "format": "uuid", "description": "the job's id"}


def _ce_headers() -> Mapping[str, Any]:
    names = ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject"]
    headers = dict(_text_headers([*names, "correlation_id", "traceparent"]))
    described = {
        "ce_id": "one per event: `status/{job_id}/{sequence}`, `completed/{job_id}/{sequence}`",
        "ce_source": f"`{SOURCE.decode()}` for events",
        "ce_type": f"`{TYPE}.status.v1`, `{TYPE}.completed.v1`",
        "ce_subject": "`job/{job_id}`",
        "traceparent": "W3C trace context of the request",
    }
    headers["properties"] = {
        name: {"type": "string", **({"description": described[name]} if name in described else {})}
        for name in headers["properties"]
    }
    return headers


def _text_headers(names: Sequence[str], required: Sequence[str] = ()) -> Mapping[str, Any]:
    told: dict[str, Any] = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return told | ({"required": list(required)} if required else {})


def _components() -> Mapping[str, Any]:
    """Return the schema of each message, its definitions among the components."""
    found: dict[str, Any] = {}
    for spec in TOPICS:
        if spec.message is not None:
            found |= _hoisted(spec.message, schemas()[spec.name])
    return found


def _hoisted(model: type[BaseModel], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: value for name, value in schema.items() if name not in ("$defs", "$schema", "$id")}
    named = {**schema.get("$defs", {}), model.__name__: kept}
    return {name: _moved(value) for name, value in named.items()}


def _moved(value: Any) -> Any:
    """Point references to where components stand."""
    if isinstance(value, Mapping):
        return {
            key: inner.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(inner)
            for key, inner in value.items()
        }
    return [_moved(inner) for inner in value] if isinstance(value, list) else value
