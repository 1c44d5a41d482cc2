"""Seattle: the centroids of its ZIPs by the market area that they are joined into, and each area's growth."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

import math
from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"n_areas": 5}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw a map of centroids, and level beside growth, in the colour of the market area."""
    areas = answer.rows.filter(pl.col("record") == "area", ~pl.col("thin"))
    place, told = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for (number,), part in areas.group_by("market_area", maintain_order=True):
        colour = f"C{number - 1}"
        place.scatter(part["longitude"], part["latitude"], s=part["n"] / 20, color=colour, label=f"area {number}")
        for row in part.iter_rows(named=True):
            place.annotate(row["area"][2:], (row["longitude"], row["latitude"]), fontsize=7, ha="center", va="center")
        growth = part["growth_pct_a_year"]
        reach = [growth - part["growth_pct_a_year_ci_low"], part["growth_pct_a_year_ci_high"] - growth]
        told.errorbar(part["level_pct"], growth, yerr=reach, fmt="o", capsize=2, color=colour, label=f"area {number}")
    place.set(title="ZIPs (981..) by market area", xlabel="longitude", ylabel="latitude")
    place.set_aspect(1 / math.cos(math.radians(47.6)))
    told.set(title="level and growth", xlabel="level against the county, %", ylabel="growth a year, %, 95% interval")
    told.legend(frameon=False, fontsize=8)
