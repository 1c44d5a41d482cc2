"""Seattle by quarter: the price per square foot of each band of sizes, that of all sizes with its interval."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"period": "quarter"}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw a line a band."""
    axes = figure.add_subplot()
    for (band,), rows in answer.rows.group_by("band", maintain_order=True):
        day, whole = rows["period_start"].to_numpy(), band == "all"
        if whole:
            axes.fill_between(
                day, rows["median_price_per_sqft_ci_low"], rows["median_price_per_sqft_ci_high"], alpha=0.3
            )
        label = "all sizes, 95% interval" if whole else f"{band} sqft"
        axes.plot(day, rows["median_price_per_sqft"], linewidth=2 if whole else 1, label=label)
    axes.set(ylabel="median price per square foot, $", title="Seattle, price per square foot by size", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, ncols=2)
