"""What others were told of our messages still holds: senders of the first day are read, readers of then can read."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from support.compat import breaks

from topics.schemas import READ, schemas

FOLDER = Path(__file__).parents[2] / "data" / "contracts"
PUBLISHED: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
REQUESTS, STATUS, COMPLETED = (f"market-analysis.{kind}.v1" for kind in ("requests", "status", "completed"))


def changed(topic: str, *path: str, to: Any = None) -> Any:
    """Return a published schema with one member set, or taken out."""
    schema = deepcopy(PUBLISHED[topic])
    inner = schema
    for part in path[:-1]:
        inner = inner[part]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return schema


@pytest.mark.parametrize("topic", PUBLISHED)
def test_what_was_published_still_holds(topic: str) -> None:
    new: Any = schemas()[topic]
    assert breaks(PUBLISHED[topic], new, read=topic in READ) == []


def test_every_message_was_published() -> None:
    assert PUBLISHED.keys() == schemas().keys()


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("topic", "new", "reason"),
    [
        (REQUESTS, changed(REQUESTS, "properties", "priority"), "priority is gone"),
        (REQUESTS, changed(REQUESTS, "required", to=["analysis_type", "county_id", "priority"]), "priority may be missing"),
        (REQUESTS, changed(REQUESTS, "properties", "priority", "maximum", to=7), "priority is bound by maximum 7"),
        (REQUESTS, changed(REQUESTS, "properties", "priority", "type", to="string"), "priority may be integer"),
        (REQUESTS, changed(REQUESTS, "properties", "county_id", "pattern", to="^[a-z]+$"), "county_id has another pattern"),
        (REQUESTS, changed(REQUESTS, "properties", "deadline", to=TEXT), "deadline may be null"),
        (STATUS, changed(STATUS, "properties", "progress"), "progress is gone"),
        (STATUS, changed(STATUS, "required", to=["job_id"]), "sequence may be missing"),
        (STATUS, changed(STATUS, "properties", "progress", "maximum"), "progress is bound by maximum"),
        (STATUS, changed(STATUS, "properties", "sequence", "type", to="number"), "sequence may be number"),
        (STATUS, changed(STATUS, "$defs", "JobStatus", "enum", to=["PENDING", "LOST"]), "status may be LOST"),
        (COMPLETED, changed(COMPLETED, "properties", "completed_at", to={"anyOf": [TEXT, {"type": "null"}]}), "completed_at"),
    ],
)  # fmt: skip
def test_a_change_that_breaks_somebody_is_found(topic: str, new: Any, reason: str) -> None:
    found = breaks(PUBLISHED[topic], new, read=topic in READ)
    assert any(reason in one for one in found), found


@pytest.mark.parametrize(
    ("topic", "new"),
    [
        (REQUESTS, changed(REQUESTS, "properties", "note", to=TEXT)),
        (REQUESTS, changed(REQUESTS, "properties", "priority", "maximum", to=99)),
        (REQUESTS, changed(REQUESTS, "required", to=["analysis_type"])),
        (STATUS, changed(STATUS, "properties", "note", to=TEXT)),
        (STATUS, changed(STATUS, "$defs", "JobStatus", "enum", to=["PENDING", "RUNNING"])),
        (STATUS, changed(STATUS, "properties", "progress", "maximum", to=0.5)),
    ],
)
def test_a_change_that_breaks_nobody_is_none(topic: str, new: Any) -> None:
    assert breaks(PUBLISHED[topic], new, read=topic in READ) == []
