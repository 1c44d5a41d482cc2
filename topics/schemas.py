"""The JSON Schemas of the messages: written from the models, checked in under `schemas/`, so that a change shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from topics.catalogue import COMMANDS, REQUESTS, TOPICS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
READ: Final = frozenset({REQUESTS.name, COMMANDS.name})
"""Topics that others write and we read."""


def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the schema of each topic that carries a message of ours, by the topic's name."""
    return {spec.name: _schema(spec.name, spec.message) for spec in TOPICS if spec.message}


def _schema(name: str, message: type[BaseModel]) -> Mapping[str, Any]:
    """Describe what is read as its reader takes it, an event as its writer makes it."""
    described = message.model_json_schema(mode="validation" if name in READ else "serialization")
    return {"$schema": DIALECT, "$id": f"{name}.json", **described}
