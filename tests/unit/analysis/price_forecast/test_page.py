"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters
from terrafusion.analysis.price_forecast.smoothing import grid

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "price_forecast.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


def test_every_parameter_of_its_own_stands_there():
    for name, field in PriceForecastParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            assert f"| `{name}` | {field.default} | {field.description} |" in PAGE
    assert f"grid of {grid(seasonal=True).shape[1]:,}" in PAGE


def test_every_column_and_figure_is_named(ask, king_wa):
    answer = ask("price_forecast", king_wa)
    assert [name for name in (*answer.table.columns, *answer.summary) if f"`{name}`" not in PAGE] == []


def test_the_worked_example(ask, king_wa):
    answer = ask("price_forecast", king_wa, horizon=12)
    assert answer.summary["key_finding"].replace("in here", "in king_wa") in SENTENCES
    shown = [row for row in answer.rows.iter_rows(named=True) if row["horizon"] in {1, 3, 6, 9, 12}]
    for row in shown:
        change, low, high = (f"{row[f'change{end}_pct']:+.1f}%" for end in ("", "_ci_low", "_ci_high"))
        figures = f"{row['errors']} | {row['mape']:.1f}% | {row['naive_mape']:.1f}% | {row['seasonal_naive_mape']:.1f}%"
        line = f"| {row['period']} | {row['horizon']} | `{row['method']}` | {change} | {low} to {high} | {figures} |"
        assert line in PAGE, line
    first, sixth = shown[0], shown[2]
    assert f"({first['naive_mape']:.1f}% against {first['mape']:.1f}%)" in PAGE
    assert f"{sixth['interval_covered']} of {sixth['interval_checks']} past intervals six months ahead" in SENTENCES
