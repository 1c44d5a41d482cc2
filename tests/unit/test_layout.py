"""Three names of this project are generic. Nobody else's package may answer to them, and ours must be the tree's."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules, resolve_name

import pytest

ROOT = Path(__file__).parents[2]
OURS = "terrafusion-market-analysis"
PARTS = ("agents", "topics", "models", "terrafusion")
NAMED = re.compile(rf"`((?:{'|'.join(PARTS)})\.[\w.]+)`")
LONGEST = 400


@pytest.mark.parametrize("name", PARTS)
def test_a_top_level_name_is_ours_alone(name):
    assert set(packages_distributions().get(name, [])) <= {OURS}
    spec = find_spec(name)
    assert spec is not None
    assert Path(spec.origin).is_relative_to(ROOT)


@pytest.mark.parametrize("name", ["tests", "migrations"])
def test_what_is_not_shipped_is_no_package(name):
    assert not (ROOT / name / "__init__.py").exists()


@pytest.mark.parametrize("name", PARTS)
def test_who_types_code_that_uses_it_is_told_its_types(name):
    assert (ROOT / name / "py.typed").is_file()


def test_no_file_is_longer_than_a_reader_can_hold():
    parts = ("agents", "benchmarks", "docs", "migrations", "models", "terrafusion", "tests", "topics")
    files = (file for part in parts for file in (ROOT / part).rglob("*.py"))
    assert [file for file in files if len(file.read_text().splitlines()) > LONGEST] == []


def test_every_part_stands_in_a_layer():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layered = {name for layer in contracts[0]["layers"] for name in re.split(r" [|:] ", layer)}
    inside = {f"terrafusion.{module.name}" for module in iter_modules([str(ROOT / "terrafusion")])}
    assert layered == inside | set(PARTS) - {"terrafusion"}


def test_what_a_docstring_names_is_there():
    files = [file for part in PARTS for file in (ROOT / part).rglob("*.py")]
    for name in {name for file in files for name in NAMED.findall(file.read_text())}:
        assert resolve_name(name)
