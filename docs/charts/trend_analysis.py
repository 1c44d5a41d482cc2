"""Seattle by month: raw, seasonally adjusted and at constant quality; and the tiers of homes."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"tiers": 3, "seasonal_adjust": True}

NAMES: Final = ("all", "cheapest third", "middle third", "dearest third")


def draw(answer: Answer, figure: Figure) -> None:
    """Draw all sales on the left and each tier's adjusted index on the right."""
    points = answer.trends
    whole = points.filter(pl.col("tier") == 0)
    day = whole["period_start"].to_numpy()
    left, right = figure.subplots(1, 2)
    median = whole["median_price"] / 1000
    ends = [(median - whole["median_ci_low"] / 1000), (whole["median_ci_high"] / 1000 - median)]
    left.errorbar(
        day, median, yerr=ends, fmt=".", markersize=3, linewidth=0.6, color="0.6", label="median, 95% interval"
    )
    left.plot(day, whole["median_price_sa"] / 1000, linewidth=1.5, label="median, seasonally adjusted")
    left.set(ylabel="thousand dollars", title="Seattle, median price")
    for tier, name in enumerate(NAMES[1:], start=1):
        part = points.filter(pl.col("tier") == tier)
        right.plot(part["period_start"].to_numpy(), part["index_sa"], linewidth=1.2, label=name)
    right.set(ylabel="index, seasonally adjusted", title="Seattle, constant quality by tier")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
