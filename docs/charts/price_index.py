"""Seattle by quarter: all methods side by side, the chosen one with its interval."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"method": "case_shiller", "period": "quarter", "compare": True}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw a line a method, and a band about the first."""
    rows, axes = answer.rows, figure.add_subplot()
    day = rows["period_start"].to_numpy()
    axes.fill_between(day, rows["ci_low"], rows["ci_high"], alpha=0.2, label="case_shiller, 95% interval")
    axes.plot(day, rows["index"], linewidth=2, label="case_shiller")
    for name in rows.columns:
        if name.startswith("index_"):
            axes.plot(day, rows[name], linewidth=1, label=name.removeprefix("index_"))
    axes.set(ylabel="index, 2010-Q1 = 100", title="Seattle, seven methods")
    axes.legend(frameon=False, fontsize=8)
