"""What is generated says what the code says; `python docs/generate.py` writes it anew."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from models.jobs import FailureReason, JobStatus
from terrafusion.metrics import Metrics
from terrafusion.settings import Settings
from topics.catalogue import TOPICS

ROOT = Path(__file__).parents[2]
FILES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["files"]()


METRICS = [
    f"{metric.name}_total" if metric.type == "counter" else metric.name
    for metric in Metrics(CollectorRegistry(), ()).registry.collect()
]


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
        ("metrics.md", METRICS),
        ("operations.md", METRICS),
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


def test_every_link_leads_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text())]
    assert len(links) > 20
    assert [(page, link) for page, link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_folder_of_the_readme_is_there():
    (tree,) = re.findall(r"## Where things are\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    folders = [line.split("/")[0] for line in tree.splitlines()]
    inside = [f"terrafusion/{name.strip()}" if name.startswith(" ") else name for name in folders]
    assert len(inside) > 8
    assert [name for name in inside if not (ROOT / name).is_dir()] == []


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    assert [path.name for path in (ROOT / "docs" / "adr").glob("*.md") if f"adr/{path.name}" not in index] == []
