"""Lucas county by year: the level with its interval beside the band of the standard."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "lucas_oh"
PARAMETERS: Final = {"group_by": "sale_year"}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the level, and COD, of each year."""
    rows = answer.rows.filter(pl.col("group") != "all")
    for place, (name, low, high) in enumerate((("median", 0.9, 1.1), ("cod", 5.0, 15.0)), start=1):
        axes = figure.add_subplot(1, 2, place)
        estimate = rows[name]
        reach = [estimate - rows[f"{name}_ci_low"], rows[f"{name}_ci_high"] - estimate]
        axes.axhspan(low, high, alpha=0.15, label="acceptable")
        axes.errorbar(rows["group"], estimate, yerr=reach, fmt="o", capsize=3, label=f"{name}, 95% interval")
        axes.set_title(name)
        axes.legend(frameon=False, fontsize=8)
