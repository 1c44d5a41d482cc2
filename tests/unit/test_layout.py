"""Three names of this project are generic. Nobody else's package may answer to them, and ours must be the tree's."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = "terrafusion-market-analysis"
LONGEST = 400


@pytest.mark.parametrize("name", ["agents", "topics", "models", "terrafusion"])
def test_a_top_level_name_is_ours_alone(name):
    assert set(packages_distributions().get(name, [])) <= {OURS}
    spec = find_spec(name)
    assert spec is not None
    assert Path(spec.origin).is_relative_to(ROOT)


@pytest.mark.parametrize("name", ["tests", "migrations"])
def test_what_is_not_shipped_is_no_package(name):
    assert not (ROOT / name / "__init__.py").exists()


def test_no_file_is_longer_than_a_reader_can_hold():
    parts = ("agents", "benchmarks", "docs", "migrations", "models", "terrafusion", "tests", "topics")
    files = (file for part in parts for file in (ROOT / part).rglob("*.py"))
    assert [file for file in files if len(file.read_text().splitlines()) > LONGEST] == []
