"""The shapes of the JSON bodies as JSON Schema: from the models where there is one, written out where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from models.access import Action, AuditEntry
from models.dead_letters import LetterEntry, LetterState, Stage
from models.jobs import FailureReason, Job, JobStatus
from models.messages import AnalysisRequest, Command, JobCompleted, JobStatusChanged
from models.pauses import Scope
from terrafusion.ports.counties import DataVersion
from terrafusion.web.bodies import JOB_FIELDS
from terrafusion.web.bulk_orders import ManyBody
from terrafusion.web.letters import ENTRY_FIELDS, DiscardBody, DiscardManyBody, ReplayBody, ReplayManyBody

TEMPLATE: Final = "#/components/schemas/{model}"
NULL: Final = {"type": "null"}
WAITING: Final = "why a PENDING job waits; null where it does not"
OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
EVERY_MODEL: Final = (AnalysisRequest, JobStatusChanged, JobCompleted)


def ref(name: str) -> Mapping[str, Any]:
    """Point to a schema among the components."""
    return {"$ref": TEMPLATE.format(model=name)}


def shape(properties: Mapping[str, Any], *, optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return an object that has these members, and may gain others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def many(of: Mapping[str, Any] = OBJECT) -> dict[str, Any]:
    """Return a list."""
    return {"type": "array", "items": of}


def _model(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=TEMPLATE)
    schema.pop("$defs", None)
    return schema


def _dataclass(kind: type[Any]) -> Mapping[str, Any]:
    schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=TEMPLATE)
    properties: Mapping[str, Any] = schema["properties"]
    return properties


def _meanings() -> Mapping[str, str]:
    """Return what the messages say of the fields that a job shares with them."""
    return {
        name: field.description
        for model in EVERY_MODEL
        for name, field in model.model_fields.items()
        if field.description
    }


def _job() -> dict[str, Any]:
    described, meanings = _dataclass(Job), _meanings()
    told = {name: _plain(described[name], meanings.get(name)) for name in JOB_FIELDS}
    waiting = {"anyOf": [{"type": "string"}, NULL], "description": WAITING}
    return shape({**told, "waiting_for": waiting})


def _plain(described: Mapping[str, Any], meaning: str | None) -> Mapping[str, Any]:
    """Keep the type, not the title and default of a constructor."""
    kept = {name: value for name, value in described.items() if name not in ("title", "default")}
    return kept if meaning is None else {**kept, "description": meaning}


def _county() -> dict[str, Any]:
    """Describe what is told of a data version: not where its parts lie, nor how the county writes its records."""
    described = _dataclass(DataVersion)
    told = [field.name for field in fields(DataVersion) if not field.name.endswith(("_uri", "profile"))]
    return shape({name: _plain(described[name], None) for name in told})


def _letter_entry() -> dict[str, Any]:
    described = _dataclass(LetterEntry)
    return shape({name: _plain(described[name], None) for name in ENTRY_FIELDS})


def _audit_entry() -> dict[str, Any]:
    return shape({name: _plain(described, None) for name, described in _dataclass(AuditEntry).items()})


def _said(*names: str) -> dict[str, Any]:
    """Describe a body that says a part of a command, the rest of which its address says."""
    properties = _model(Command)["properties"]
    return {
        "type": "object",
        "properties": {name: _plain(properties[name], None) for name in names},
        "additionalProperties": False,
    }


CAUTION: Final = shape({"code": {"type": "string"}, "message": {"type": "string"}})
RESULT: Final = shape(
    {
        "result_summary": {**OBJECT, "description": "the headline numbers, with `key_finding` in a sentence"},
        "data_quality": {**OBJECT, "description": "what was read, used and left out, by reason"},
        "warnings": many(CAUTION),
        "trends": {**many(), "description": "a point for each group and period, at most 10,000; all are in the file"},
        "rows": {**many(), "description": "the type's own rows, at most 1,000; all are in the file"},
        "pictures": {**OBJECT, "description": "what pictures are drawn from that neither trends nor rows tell"},
        "result_data_location": {"anyOf": [{"type": "string"}, NULL], "description": "the URI of the Parquet file"},
    },
    optional=frozenset({"pictures"}),
)
CHECK: Final = shape({"ok": {"type": "boolean"}, "detail": {"type": "string"}})
TEXT: Final = {"type": "string"}
OR_NULL: Final = {"type": ["string", "null"]}
CONTENT: Final = {
    "type": ["object", "null"],
    "properties": {"text": OR_NULL, "base64": OR_NULL, "json": {}},
    "description": "bytes as text where they are UTF-8, else in base64; a value that is JSON also as that",
}
OUTCOME: Final = {
    "id": {"type": "integer"},
    "done": {"type": "boolean"},
    "message": TEXT,
    "job_id": {"type": ["string", "null"], "format": "uuid"},
    "problem": {"anyOf": [ref("Problem"), NULL]},
}
SCHEMAS: Final[Mapping[str, Any]] = {
    "JobStatus": {"type": "string", "enum": list(JobStatus)},
    "FailureReason": {"type": "string", "enum": list(FailureReason)},
    **{model.__name__: _model(model) for model in (AnalysisRequest, JobStatusChanged)},
    "Stage": {"type": "string", "enum": list(Stage)},
    "LetterState": {"type": "string", "enum": list(LetterState)},
    **{model.__name__: _model(model) for model in (ReplayBody, DiscardBody, ReplayManyBody, DiscardManyBody, ManyBody)},
    "Reason": _said("reason"),
    "Named": _said("county_id", "analysis_type", "reason"),
    "Pause": shape(
        {
            "scope": {"enum": list(Scope)},
            "county_id": OR_NULL,
            "analysis_type": OR_NULL,
            "reason": OR_NULL,
            "requested_by": OR_NULL,
            "created_at": {"type": "string", "format": "date-time"},
        }
    ),
    "Pauses": shape({"pauses": many(ref("Pause"))}),
    "Resumed": shape({"county_id": OR_NULL, "analysis_type": OR_NULL, "was_paused": {"type": "boolean"}}),
    "DeadLetterEntry": _letter_entry(),
    "DeadLetter": {
        "allOf": [ref("DeadLetterEntry"), shape({"key": CONTENT, "headers": many(CONTENT), "value": CONTENT})]
    },
    "DeadLetters": shape(
        {"dead_letters": many(ref("DeadLetterEntry")), "total": {"type": "integer"}, "next_cursor": OR_NULL}
    ),
    "Outcome": shape(OUTCOME),
    "OutcomeWithJob": shape({**OUTCOME, "job": {"anyOf": [ref("Job"), NULL]}}),
    "Outcomes": shape(
        {
            "done": {"type": "integer"},
            "refused": {"type": "integer"},
            "outcomes": many(ref("Outcome")),
            "next_cursor": OR_NULL,
            "left": {"type": "integer"},
        }
    ),
    "ManyDone": shape(
        {
            "command": {"enum": ["cancel", "retry"]},
            "matching": {"type": "integer", "description": "jobs that the order is about, counted to 10,000"},
            "more": {"type": "boolean", "description": "there are more than were counted"},
            "until": {"type": "string", "format": "date-time", "description": "jobs accepted later are not meant"},
            "done": {"type": "integer"},
            "unchanged": {"type": "integer", "description": "that had ended, or were asked again before"},
            "refused": {"type": "integer"},
            "refusals": many(shape({"job_id": {"type": "string", "format": "uuid"}, "problem": ref("Problem")})),
            "left": {"type": "integer", "description": "for the next call with the same query and `until`"},
        }
    ),
    "Action": {"type": "string", "enum": list(Action)},
    "AuditLog": shape({"entries": many(_audit_entry()), "next_cursor": OR_NULL}),
    "Document": dict(OBJECT),
    "Job": _job(),
    "Result": RESULT,
    "JobWithResult": {"allOf": [ref("Job"), shape({"result": {"anyOf": [ref("Result"), NULL]}})]},
    "Jobs": shape({"jobs": many(ref("Job")), "next_cursor": {"anyOf": [TEXT, NULL]}}),
    "Analysis": shape(
        {
            "name": TEXT,
            "question": TEXT,
            "aliases": many(TEXT),
            "needs": many(TEXT),
            "uses": many(TEXT),
            "parameters": OBJECT,
        }
    ),
    "Analyses": shape({"types": many(ref("Analysis"))}),
    "County": _county(),
    "Counties": shape({"counties": many(ref("County"))}),
    "Health": shape({"status": {"enum": ["ok", "failing"]}, "checks": {**OBJECT, "additionalProperties": CHECK}}),
    "Problem": shape(
        {
            "type": {**TEXT, "description": "which kind of problem, as a URN"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": {**TEXT, "description": "one sentence: the field, what was given, what is allowed"},
            "field": TEXT,
            "value": {},
            "allowed": TEXT,
        },
        optional=frozenset({"field", "value", "allowed"}),
    ),
}
"""Every schema that the paths name."""
