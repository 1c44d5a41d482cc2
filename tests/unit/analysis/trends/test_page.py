"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.parameters import SharedParameters, TrendParameters
from terrafusion.analysis.points import POINTS
from terrafusion.analysis.seasonal import FIGURES, LEAST, MEASURES

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "trend_analysis.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)
NAMES = ("all", "cheapest third", "middle third", "dearest third")


def test_every_parameter_of_its_own_and_every_column_stand_there():
    for name, field in TrendParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            assert f"| `{name}` | {str(field.default).lower()} | {field.description} |" in PAGE
    for column in (*POINTS, "tier", *(f"{figure}_sa" for figure in FIGURES)):
        assert f"`{column}`" in PAGE or column.startswith("fallback_")
    assert all(f"`…_{measure}`" in PAGE for measure in MEASURES)
    assert "36 months, 156 weeks or 16 quarters" in PAGE
    assert LEAST == {"month": 36, "week": 156, "quarter": 16}


@pytest.fixture
def example(ask, king_wa):
    return ask("trend_analysis", king_wa, tiers=3, seasonal_adjust=True)


def change(row, value, bounds):
    return f"{row[value]:+.1f}% ({row[f'{bounds}_low_pct']:+.1f}% to {row[f'{bounds}_high_pct']:+.1f}%)"


def test_the_worked_example(example):
    assert example.summary["key_finding"].replace("in here", "in king_wa") in PAGE
    for row in example.rows.iter_rows(named=True):
        raw = change(row, "raw_change_pct", "raw_change_ci")
        quality = change(row, "constant_quality_change_pct", "constant_quality_ci")
        named = f"| {row['tier']}, {NAMES[row['tier']]} | {row['sales']:,} |"
        assert f"{named} {raw} | {quality} | {row['difference_pct_points']:+.1f} |" in PAGE
    row = example.rows.row(0, named=True)
    for figure in FIGURES:
        found, strength, n = (row[f"{figure}_{measure}"] for measure in MEASURES)
        assert f"| `{figure}` | {'yes' if found else 'no'} | {strength:.2f} | {n} |" in PAGE


def test_the_seasons_of_the_worked_example(example):
    whole = example.trends.filter(pl.col("tier") == 0)
    january, june = (whole.filter(pl.col("period").str.ends_with(month)).row(0, named=True) for month in ("-01", "-06"))
    sold, fetched = (
        [month[figure] / month[f"{figure}_sa"] for month in (january, june)] for figure in ("sales_volume", "index")
    )
    assert f"sell as {sold[0]:.2f} of an average month, in June {sold[1]:.2f}" in SENTENCES
    assert f"fetches {fetched[0]:.3f} of the year's average in January and {fetched[1]:.3f} in June" in SENTENCES
    for figure, name in (("median_price", "the median"), ("index", "the index")):
        adjusted, raw = (100 * (whole[column][-1] / whole[column][0] - 1) for column in (f"{figure}_sa", figure))
        assert re.search(rf"{name} (rose )?{adjusted:.1f}% \(raw {raw:.1f}%\)", SENTENCES)
