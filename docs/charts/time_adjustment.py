"""Seattle by quarter: how far a price is moved, and what each ZIP's own sales add to the city's."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"period": "quarter", "group_by": "zip_code"}

_SHOWN: Final = ("98144", "98133")


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the factors of two ZIPs beside the county's, and all ZIPs' factors of the first quarter."""
    rows = answer.rows
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for name in _SHOWN:
        own = rows.filter(pl.col("group") == name)
        left.fill_between(own["period_start"].to_numpy(), own["ci_low"], own["ci_high"], alpha=0.2)
        left.plot(own["period_start"].to_numpy(), own["factor"], label=f"{name}, 95% interval")
    left.plot(own["period_start"].to_numpy(), own["county_factor"], color="black", linewidth=1, label="county")
    left.set(ylabel="factor to 2016-Q4", title="A price of each quarter")
    left.legend(frameon=False, fontsize=8)
    first = rows.filter(pl.col("period") == "2010-Q1").sort("factor", "group")
    reach = [first["factor"] - first["ci_low"], first["ci_high"] - first["factor"]]
    right.axvline(first["county_factor"][0], color="black", linewidth=1)
    right.errorbar(first["factor"], first["group"], xerr=reach, fmt="o", markersize=3, linewidth=1, label="pooled")
    right.plot(first["own_factor"], first["group"], "x", markersize=4, label="own alone")
    right.tick_params(axis="y", labelsize=5)
    right.set(title="2010-Q1, by ZIP")
    right.legend(frameon=False, fontsize=7)
