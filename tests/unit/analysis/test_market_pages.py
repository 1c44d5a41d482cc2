"""The pages of what is measured of the market say what the code has, and their worked examples are computed."""

from pathlib import Path

import pytest

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.registry import load_catalogue

FOLDER = Path(__file__).parents[3] / "docs" / "analyses"
KINDS = ("sales_velocity",)


@pytest.fixture
def page(kind):
    return (FOLDER / f"{kind}.md").read_text()


def shown(value):
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "null" if value is None else str(value).lower()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_parameter_as_the_code_has_it(kind, page):
    for name, field in load_catalogue().get(kind).parameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            assert f"| `{name}` | {shown(field.default)} | {field.description} |" in page


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_column(ask, king_wa, kind, page):
    answer = ask(kind, king_wa.filter(king_wa["zip_code"] == "98103"), period="year")
    named = [*answer.rows.columns, *answer.summary, *answer.data_quality]
    shared = {"read", "used", "excluded", "kept_by_override", "null_counts", "cells", "thin_cells", "thin_below"}
    shared |= {"thin_cell_share", "suppressed_cells", "partial_periods"}
    plain = [name for name in named if name not in shared and not name.startswith("resold_within_")]
    assert [name for name in plain if f"`{name}`" not in page] == []


def test_the_worked_example_of_sales_velocity(ask, king_wa):
    page = (FOLDER / "sales_velocity.md").read_text()
    told = ask("sales_velocity", king_wa, period="quarter").summary
    assert told["key_finding"].replace("In here", "In king_wa") in page
    for years in (1, 2, 5):
        share, low, high = (told[f"resold_within_{years}y{end}"] for end in ("", "_ci_low", "_ci_high"))
        assert f"| {years} | {share:.1%} | {low:.1%} to {high:.1%} |" in page
    assert f"lasted {told['median_completed_hold_days']:.0f} days or less" in page
    assert f"of {told['hold_n']:,} homes bought only {told['resold_n']:,} were" in page
    assert f"The pooled gain is {told['pooled_gain']:.1%} a year" in page
