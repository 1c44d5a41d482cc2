"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.ratios.measures import MEASURES
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.standard import CLASSES, bands

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "ratio_study.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


def test_every_parameter_of_its_own_stands_there():
    for name, field in RatioParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            assert not isinstance(field.default, BaseModel)
            assert f"| `{name}` | {field.default or 'none'} | {field.description} |" in PAGE
    assert all(f"| `{name}` |" in PAGE for name in MEASURES)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_bounds_of_cod_stand_there(kind):
    told = (bands(kind, size, level=1)["cod"] for size in ("very_large", "mid", "small"))
    assert f"| `{kind}` | {' | '.join(f'{band.low} to {band.high}' for band in told)} |" in PAGE


def line(row):
    spread = "{0:.{digits}f} ({1:.{digits}f} to {2:.{digits}f}) {3}"
    shown = [
        spread.format(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"], row[f"{name}_verdict"], digits=digits)
        for name, digits in (("median", 3), ("cod", 1))
    ]
    shown += [f"{row[name]:.3f} {row[f'{name}_verdict']}" for name in ("prd", "prb", "mki")]
    shown.append(f"{row['vei']:.1f} {row['vei_verdict']}")
    return f"| {row['group']} | {row['n']:,} | {' | '.join(shown)} |"


def bar(row):
    marks = ["·"] * 41
    marks[round((row["median"] - 0.80) / 0.30 * 40)] = "█"
    return f"    {row['group']} |{''.join(marks)}"


def test_the_worked_example(ask, lucas_oh):
    answer = ask("ratio_study", lucas_oh, group_by="sale_year")
    for row in answer.rows.iter_rows(named=True):
        assert line(row) in PAGE
        assert bar(row) in PAGE
    assert answer.summary["key_finding"].replace("In here", "In lucas_oh") in SENTENCES
    told = answer.summary
    slope = f"{told['time_slope']:.4f}, {told['time_slope_ci_low']:.4f} to {told['time_slope_ci_high']:.4f}"
    assert f"(`time_slope` {slope})" in PAGE


def test_the_worked_example_at_one_date(ask, lucas_oh):
    told = ask("ratio_study", lucas_oh, time_adjust="hedonic").summary
    left, cod, median = f"{told['adjusted_time_slope']:.4f}", f"{told['cod']:.1f}", f"{told['median']:.3f}"
    said = f"the slope left is {left}, COD is {cod} ({told['cod_verdict']}), and the level is {median} ({told['median_verdict']})"
    assert said in SENTENCES
