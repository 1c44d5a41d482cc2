"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import polars as pl

from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.equity.rows import SCHEMA, UNIT_PRICES, VERTICAL
from terrafusion.analysis.parameters import SharedParameters

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "equity_study.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


def _shown(value):
    return ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else value or "none"


def parameter_lines():
    for name, field in EquityParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            yield f"| `{name}` | {_shown(field.default)} | {field.description} |"


def tenth(row):
    between = f"{row['median']:.3f} ({row['median_ci_low']:.3f} to {row['median_ci_high']:.3f})"
    return f"| ${row['value_low']:,.0f} to ${row['value_high']:,.0f} | {row['n']:,} | {between} |"


def told(answer):
    """Return what the page says of the answer, by what it is called there."""
    clusters = answer.rows.filter(pl.col("record") == "cluster", pl.col("n") >= 50)
    summary = answer.summary
    return {
        "FINDING": summary["key_finding"].replace("In here", "In lucas_oh"),
        "PWITHIN": f"{summary['price_per_sqft_within_to_overall']:.2f}",
        "WITHIN": f"{summary['value_per_sqft_within_to_overall']:.2f}",
        "LOWEST": f"{clusters['median'].min():.2f}",
        "HIGHEST": f"{clusters['median'].max():.2f}",
    }


def test_every_parameter_and_column_stands_there():
    assert [line for line in parameter_lines() if line not in PAGE] == []
    ends = re.compile(r"_(ci_low|ci_high)$")
    named = {ends.sub("", name) for name in SCHEMA} - set(VERTICAL)
    for name in named:
        parts = name.split("_sqft")[-1] if name.startswith(tuple(UNIT_PRICES)) else name.removesuffix("_verdict")
        known = {"clusters", "clustered", "n", "ki", "group", "suppressed", "interval_method"} | set(VERTICAL)
        assert f"`{parts}`" in PAGE or parts in known, name


def test_the_worked_example(ask, lucas_oh):
    answer = ask("equity_study", lucas_oh, start_year=1998)
    for row in answer.rows.filter(record="value_group").iter_rows(named=True):
        assert tenth(row) in PAGE
    said = told(answer)
    assert said["FINDING"] in SENTENCES
    assert f"is {said['WITHIN']} of that over all, and that of prices {said['PWITHIN']}:" in SENTENCES
    assert f"the median ratio goes from {said['LOWEST']} to {said['HIGHEST']} (" in SENTENCES
