"""What can be asked, told without any service."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli import build
from terrafusion.cli.catalogue import allowed, type_lines
from terrafusion.errors import UnknownAnalysisType

TYPES = [analysis.name for analysis in load_catalogue()]


def run(*words: str) -> str:
    ran = CliRunner().invoke(build(), ["types", *words], env={"TERRAFUSION_HTTP_PORT": "0"}, catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def test_a_type_is_told_with_its_parameters() -> None:
    plain = {"name": "drill", "question": "How?", "aliases": [], "needs": [], "parameters": {}}
    full = plain | {"name": "t", "aliases": ["u"], "needs": ["n"], "parameters": {"properties": {"a": {}, "b": {}}}}
    assert list(type_lines([plain, full])) == [
        "drill",
        "  How?",
        "",
        "t, also u",
        "  How?",
        "  needs: n",
        "  parameters: a, b",
    ]


def test_all_types_are_listed_without_a_service() -> None:
    listed = run()
    assert all(name in listed for name in TYPES)
    assert [entry["name"] for entry in orjson.loads(run("--json"))["types"]] == TYPES


@pytest.mark.parametrize("name", TYPES)
def test_each_parameter_of_a_type_is_told(name: str) -> None:
    lines = run(name).splitlines()
    for field, told in load_catalogue().get(name).parameters.model_fields.items():
        place = next(place for place, line in enumerate(lines) if line.startswith(f"  {field}: "))
        assert lines[place + 1].strip() == told.description
    (entry,) = orjson.loads(run(name, "--json"))["types"]
    assert entry["name"] == name


def test_what_is_required_and_the_defaults_are_told() -> None:
    lines = run("comparable_sales").splitlines()
    assert "  subject_parcel_ids: a list of text; required" in lines
    assert "  k: a whole number from 1 up to 50; default 5" in lines
    assert "  sale_filter.min_hold_days: a whole number from 1 up to 36,500; default null" in lines


def test_a_type_that_there_is_not_is_refused_with_the_one_most_like_it() -> None:
    with pytest.raises(UnknownAnalysisType, match="did you mean equity_study"):
        run("equity_stdy")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "a date such as 2014-05-31"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1e12}, "a number above 0 up to 1,000,000,000,000"),
        ({"enum": [5, 10], "type": "integer"}, "5 or 10"),
        ({"type": "array", "prefixItems": [{"const": "county"}]}, "a list of county"),
        ({"anyOf": [{"type": "array", "items": {"type": "number"}}, {"const": "auto"}]}, "a list of a number or auto"),
        ({"type": "object"}, "an object"),
    ],
)
def test_a_schema_is_put_into_words(schema: dict[str, Any], told: str) -> None:
    assert allowed(schema) == told
