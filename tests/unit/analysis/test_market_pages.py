"""The pages of what is measured of the market say what the code has, and their worked examples are computed."""

from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.registry import load_catalogue

FOLDER = Path(__file__).parents[3] / "docs" / "analyses"
KINDS = ("sales_velocity", "price_per_sqft", "price_distribution")
MANY = ("resold_within_", "p1", "p2", "p5", "p7", "p9", "tier_1", "tier_2", "tier_3", "tier_4")
"""Names of which the page tells the first."""


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
    plain = [name for name in named if name not in shared and not name.startswith(MANY)]
    assert [name for name in plain if f"`{name}`" not in page] == []


def test_the_worked_example_of_sales_velocity(ask, king_wa):
    page = (FOLDER / "sales_velocity.md").read_text()
    told = ask("sales_velocity", king_wa, period="quarter").summary
    assert told["key_finding"].replace("In here", "In king_wa") in page
    for years in (1, 2, 5):
        share, low, high = (told[f"resold_within_{years}y_share{end}"] for end in ("", "_ci_low", "_ci_high"))
        assert f"| {years} | {share:.1%} | {low:.1%} to {high:.1%} |" in page
    assert f"lasted {told['median_completed_hold_days']:.0f} days or less" in page
    assert f"of {told['hold_n']:,} homes bought only {told['resold_n']:,} were" in page
    assert f"The pooled gain is {told['pooled_gain']:.1%} a year" in page


def test_the_worked_example_of_price_per_sqft(ask, king_wa):
    page = (FOLDER / "price_per_sqft.md").read_text()
    answer = ask("price_per_sqft", king_wa, period="quarter")
    assert answer.summary["key_finding"].replace("In here", "In king_wa") in page
    for row in answer.rows.filter(pl.col("period") == "2016-Q4").iter_rows(named=True):
        low, high, q1, q3 = (
            f"${row[name]:.0f}"
            for name in (
                "median_price_per_sqft_ci_low",
                "median_price_per_sqft_ci_high",
                "price_per_sqft_p25",
                "price_per_sqft_p75",
            )
        )
        middle = f"${row['median_price_per_sqft']:.0f}"
        assert f"| {row['band']} | {row['sales_volume']:,} | {middle} | {low} to {high} | {q1} to {q3} |" in page
    names = ("pct", "ci_low_pct", "ci_high_pct")
    apart, low, high = (answer.summary[f"largest_to_smallest_{name}"] for name in names)
    assert f"({apart:.1f}%, 95% interval {low:.1f}% to {high:.1f}%)" in page


def test_the_worked_example_of_price_distribution(ask, king_wa):
    page = (FOLDER / "price_distribution.md").read_text()
    summary = ask("price_distribution", king_wa, period="quarter").summary
    assert summary["key_finding"].replace("In here", "In king_wa") in page
    told = summary["latest"]
    for tier in range(1, 5):
        high = f"${told[f'tier_{tier}_high']:,.0f}" if tier < 4 else ""
        shares = [
            "{:.1%} ({:.1%} to {:.1%})".format(
                *(told[f"tier_{tier}_{name}{end}"] for end in ("", "_ci_low", "_ci_high"))
            )
            for name in ("count_share", "dollar_share")
        ]
        assert f"| {tier} | {high} | {told[f'tier_{tier}_count']:,} | {shares[0]} | {shares[1]} |" in page
