"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import pytest

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.valuation.findings import FLAGS
from terrafusion.analysis.valuation.parameters import ValuationParameters
from terrafusion.analysis.valuation.rows import COMPARABLE, CONTRIBUTIONS, NO_LOCATION, NOTHING_KNOWN, TOO_FEW
from terrafusion.analysis.valuation.sight import FEATURES

from .conftest import value

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "analyses" / "market_valuation.md").read_text()
REASONS = (NO_LOCATION, NOTHING_KNOWN, TOO_FEW)
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


@pytest.fixture(scope="module")
def example(king_wa):
    return value(king_wa, zip_codes=["98107"], subject_parcel_ids=["0123000110"])


def test_the_worked_example(example):
    assert example.summary["key_finding"].replace("of here", "of king_wa") in SENTENCES
    row = example.rows.row(0, named=True)
    for name, dollars in row["contributions"].items():
        assert dollars is None or f"| `{name}` | {dollars:+,.0f} |" in PAGE, (name, dollars)
    for comp in row["comparables"]:
        shown = (
            f"| {comp['sale_id']} | {comp['sale_date']} | {comp['sale_price']:,.0f} | {comp['distance_km']:.2f} | "
            f"{comp['adjusted_price']:,.0f} | {comp['weight']:.3f} | {comp['contribution']:,.0f} |"
        )
        assert shown in PAGE, shown
    assert f"`comparables_value` ${row['comparables_value']:,.0f}" in SENTENCES


def test_the_accuracy_of_the_example(example):
    told = example.summary
    beside = {"market_valuation": told, **told["accuracy_beside"]}
    for name, one in beside.items():
        assert f"| {name} | {one['mdape']:.1f} | {one['cod']:.1f} | {one['prb']:+.3f} |" in PAGE, name
    for kind in ("price", "value"):
        shares = ", ".join(f"{part['interval_coverage']:.1f}" for part in told[f"by_{kind}_quarter"])
        assert f"by {kind} {shares}" in SENTENCES, shares


def test_every_parameter_stands_there_as_the_code_has_it():
    for name, field in ValuationParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            default = "null" if field.default is None else str(field.default)
            assert f"| `{name}` | {default} | {field.description} |" in PAGE, name


def test_every_column_number_flag_and_caution_stands_there(example):
    source = ROOT / "terrafusion" / "analysis" / "valuation"
    cautions = re.findall(r'Caution\("(\w+)"', (source / "findings.py").read_text())
    assert "vertical_inequity" in cautions
    told = [*example.table.columns, *CONTRIBUTIONS, *COMPARABLE, *FEATURES, *FLAGS, *REASONS, *cautions]
    told += [name for name in example.summary if not name.endswith(("_ci_low", "_ci_high"))]
    assert [name for name in told if f"`{name}`" not in PAGE] == []
