"""The page says what the code has, and its worked example is computed."""

import json
import re
import runpy
from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.document import render
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters
from terrafusion.web.results.page import findings
from terrafusion.web.results.view import Chosen, Result

DOCS = Path(__file__).parents[4] / "docs"
PAGE = (DOCS / "analyses" / "time_adjustment.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


@pytest.fixture(scope="module")
def quarters():
    return {"period": "quarter", "group_by": "zip_code"}


def test_every_parameter_of_its_own_stands_there():
    for name, field in TimeAdjustmentParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            default = "null" if field.default is None else str(field.default).lower()
            assert f"| `{name}` | {default} | {field.description} |" in PAGE


def test_every_column_and_figure_is_named(ask, king_wa, quarters):
    answer = ask("time_adjustment", king_wa, **quarters)
    assert [name for name in (*answer.table.columns, *answer.summary) if f"`{name}`" not in PAGE] == []


def test_the_worked_example(ask, king_wa, quarters):
    answer = ask("time_adjustment", king_wa, **quarters)
    assert answer.summary["key_finding"].replace("in here", "in king_wa") in SENTENCES
    first = {row["group"]: row for row in answer.rows.filter(period="2010-Q1").iter_rows(named=True)}
    shown = re.findall(r"^\| (98\d{3}) \|.*$", PAGE, flags=re.MULTILINE)
    assert len(shown) == 5
    for name in shown:
        row = first[name]
        own = "none" if row["own_factor"] is None else f"{row['own_factor']:.3f}"
        figures = f"{row['factor']:.3f} | {row['ci_low']:.3f} to {row['ci_high']:.3f}"
        assert f"| {name} | {row['group_observations']:,} | {own} | {row['weight']:.2f} | {figures} |" in PAGE
    assert f"county's factor is {row['county_factor']:.3f}; ZIPs truly differ by about {100 * row['tau']:.1f}%" in PAGE
    told = answer.summary
    check = [f"{told[f'cross_check_change{end}_pct']:+.1f}%" for end in ("", "_ci_low", "_ci_high")]
    assert f"{check[0]} ({check[1]} to {check[2]}), {told['cross_check_difference_pct_points']:.1f} points" in SENTENCES


def test_the_slopes_of_the_second_example():
    chart = {"COUNTY": "lucas_oh", "PARAMETERS": {"period": "quarter", "end_date": "1998-09-30"}}
    told = runpy.run_path(str(DOCS / "draw.py"))["answer"](chart, "time_adjustment").summary
    for name in ("time_slope", "adjusted_time_slope"):
        slope, low, high = (f"{told[name + end]:.4f}" for end in ("", "_ci_low", "_ci_high"))
        assert f"{slope}, {low} to {high}" in PAGE


def test_a_slope_of_logs_is_told_in_per_cent_a_year(ask, town):
    """A slope of -0.5 a year is a fall by 39.3%, as is that of ratio_study's sentences."""
    days = (town["sale_date"] - town["sale_date"].min()).dt.total_days() / 365.25
    answer = ask("time_adjustment", town.with_columns(assessed_value=pl.col("sale_price") * (-0.5 * days).exp()))
    assert answer.summary["time_slope"] == pytest.approx(-0.5)
    assert "moved by -39.3% a year before the adjustment" in answer.summary["key_finding"]
    document = json.loads(json.dumps(render(answer).document))
    (check,) = (part for part in findings("time_adjustment", Result(document, Chosen())).sections if part.id == "check")
    assert "-39.3%" in str(check.parts)
