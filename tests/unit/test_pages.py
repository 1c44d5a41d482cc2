"""What is generated says what the code says; `python docs/generate.py` writes it anew."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from models.jobs import FailureReason, JobStatus
from terrafusion.settings import Settings
from topics.catalogue import TOPICS

ROOT = Path(__file__).parents[2]
FILES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["files"]()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_is_not_stale(path):
    assert path.read_text() == FILES[path], f"{path.name} is stale: run python docs/generate.py"


def test_no_schema_is_left_over():
    assert set((ROOT / "schemas").iterdir()) == {path for path in FILES if path.parent.name == "schemas"}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("state-machine.md", [*JobStatus, *FailureReason]),
        ("topics.md", [spec.name for spec in TOPICS]),
        ("settings.md", [f"TERRAFUSION_{name.upper()}" for name in Settings.model_fields]),
    ],
)
def test_a_page_names_all_there_is(page, words):
    text = (ROOT / "docs" / page).read_text()
    assert [word for word in words if f"`{word}`" not in text] == []


def test_schemas_tell_requests_from_events():
    request, status = (
        json.loads((ROOT / "schemas" / f"market-analysis.{kind}.v1.json").read_text())
        for kind in ("requests", "status")
    )
    assert request["additionalProperties"] is False
    assert request["required"] == ["analysis_type", "county_id"]
    assert "additionalProperties" not in status
