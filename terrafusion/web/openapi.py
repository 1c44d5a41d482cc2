"""The HTTP paths as an OpenAPI 3.1 document, made from the handlers, the models and the catalogue of analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from terrafusion.analysis.registry import Catalogue
from terrafusion.web.operations import OPERATIONS
from terrafusion.web.route import OPEN, PLACE, Operation
from terrafusion.web.schemas import SCHEMAS

VERSION: Final = "3.1.0"
IDS: Final = {"job_id": {"type": "string", "format": "uuid"}, "letter_id": {"type": "integer", "minimum": 1}}
ABOUT: Final = "Market analyses for county assessment offices: requests in, jobs and results out."
TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "`tfm_…`, where access is on (`TERRAFUSION_ACCESS=tokens`); where it is off nobody is asked for one",
}
UNKNOWN_CALLER: Final = (401, 403, 429)
"""What a caller gets whose token is not known, whose role is not enough, who tried too many."""
PROBLEM: Final = "application/problem+json"


def openapi(catalogue: Catalogue, version: str) -> Mapping[str, Any]:
    """Return the document; ``version`` is that of the software."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.canonical, {})[operation.method] = _operation(operation)
    return {
        "openapi": VERSION,
        "info": {"title": "TerraFusion Market Analysis", "version": version, "description": ABOUT},
        "servers": [{"url": "http://127.0.0.1:6066", "description": "a worker on this machine"}],
        "paths": paths,
        "components": {"schemas": {**SCHEMAS, **_parameters(catalogue)}, "securitySchemes": {"token": TOKEN}},
    }


def _operation(operation: Operation) -> Mapping[str, Any]:
    is_open = operation.action is OPEN
    problems = sorted({*operation.problems, *(() if is_open else UNKNOWN_CALLER)})
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": (operation.view.__doc__ or "").strip().partition("\n")[0],
        "parameters": [*_places(operation.path), *_query(operation.query), *_headers(operation.headers)],
        "responses": {str(status): _answer(operation, status) for status in (operation.status, *problems)},
        "security": [] if is_open else [{}, {"token": []}],
    }
    if operation.body:
        told["requestBody"] = {
            "required": bool(SCHEMAS[operation.body].get("required")),
            "content": {"application/json": _content(operation.body, operation.sends)},
        }
    return told


def _places(path: str) -> Sequence[Mapping[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": IDS[name]} for name in PLACE.findall(path)]


def _query(model: type[BaseModel]) -> Sequence[Mapping[str, Any]]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": described}
        for name, described in schema.get("properties", {}).items()
    ]


def _headers(told: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return [
        {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in told.items()
    ]


def _answer(operation: Operation, status: int) -> Mapping[str, Any]:
    phrase = HTTPStatus(status).phrase
    if status != operation.status:
        return {"description": phrase, "content": {PROBLEM: _content("Problem")}}
    if operation.media != "application/json":
        return {"description": phrase, "content": {operation.media: {"schema": {"type": "string"}}}}
    return {"description": phrase, "content": {operation.media: _content(operation.answers, operation.example)}}


def _content(schema: str, example: Any = None) -> Mapping[str, Any]:
    told = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return told if example is None else {**told, "example": example}


def _parameters(catalogue: Catalogue) -> Mapping[str, Any]:
    """Return what each type takes as ``parameters``, and what those schemas stand on."""
    found: dict[str, Any] = {}
    for analysis in catalogue:
        template = f"#/components/schemas/parameters.{analysis.name}.{{model}}"
        schema = analysis.parameters.model_json_schema(ref_template=template)
        inner = schema.pop("$defs", {})
        found[f"parameters.{analysis.name}"] = schema
        found |= {f"parameters.{analysis.name}.{name}": described for name, described in inner.items()}
    return found
