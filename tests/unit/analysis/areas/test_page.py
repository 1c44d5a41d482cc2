"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.areas.parameters import FEATURES, AreaParameters
from terrafusion.analysis.areas.tables import SCHEMA
from terrafusion.analysis.parameters import SharedParameters

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "comparable_market_area.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)
KIND = "comparable_market_area"


def parameter_lines():
    for name, field in AreaParameters.model_fields.items():
        if name not in SharedParameters.model_fields or name in {"period", "group_by"}:
            shown = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
            default = "null" if field.default is None else shown or "none"
            yield f"| `{name}` | {default} | {field.description} |"


def level(row):
    return f"{row['level_pct']:+.1f}% ({row['level_pct_ci_low']:+.1f} to {row['level_pct_ci_high']:+.1f})"


def area_line(row):
    return f"| {row['market_area']} | {row['members']} | {row['n']:,} | {level(row)} |"


def like_line(row):
    growth = f"{row['growth_pct_a_year']:+.1f}% ({row['growth_pct_a_year_ci_low']:+.1f} to {row['growth_pct_a_year_ci_high']:+.1f})"
    price = f"${row['median_price_per_sqft']:.0f}"
    return (
        f"| {row['rank']} | {row['area']} | {row['similarity']:.2f} | {level(row)} | {growth} | {price} "
        f"| {row['sales_a_year']:.0f} |"
    )


def sentences(joined, like, neighborhoods):
    """Return what the page says of three answers, by what it is called there."""
    quality = joined.summary["within"][1]
    ratio = neighborhoods.summary["within"][1]
    between = f"{ratio['ratio_ci_low']:.3f} to {ratio['ratio_ci_high']:.3f}"
    return {
        "JOINED": joined.summary["key_finding"].replace("In here", "In king_wa"),
        "LIKE": like.summary["key_finding"].replace("In here", "In king_wa"),
        "FIVE": f"{quality['explained_pct']:.0f}",
        "ZIP%": f"{quality['explained_zip_pct']:.0f}%",
        "BOUNDARIES": f"inside them it varies {ratio['ratio']:.3f} times as much ({between}) as inside {ratio['zip_codes']} ZIPs.",
    }


@pytest.fixture(scope="module")
def asked():
    return {"n_areas": 5}, {"subject_area": "98103"}, {"unit": "neighborhood", "n_areas": 23}


def test_every_parameter_column_and_feature_stands_there():
    assert [line for line in parameter_lines() if line not in PAGE] == []
    plain = re.compile(r"_(ci_low|ci_high)$")
    told = {plain.sub("", name) for name in SCHEMA if not name.startswith("mean_") and not name.endswith("_distance")}
    assert [name for name in (*told, *FEATURES) if f"`{name}`" not in PAGE] == []


def test_the_worked_example(ask, king_wa, asked):
    joined, like, neighborhoods = (ask(KIND, king_wa, **one) for one in asked)
    for row in joined.rows.filter(pl.col("record") == "market_area").iter_rows(named=True):
        assert area_line(row) in PAGE
    for row in like.rows.iter_rows(named=True):
        assert like_line(row) in PAGE
    said = sentences(joined, like, neighborhoods)
    assert said["JOINED"] in SENTENCES
    assert said["LIKE"] in SENTENCES
    assert said["BOUNDARIES"] in SENTENCES
    assert (
        f"five areas explain {said['FIVE']}% of the variance at constant quality, the ZIPs {said['ZIP%']}." in SENTENCES
    )
