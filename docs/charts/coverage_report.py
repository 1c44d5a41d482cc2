"""Seattle by ZIP: how many months have enough sales, few, hardly any, or none."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"group_by": "zip_code", "valuation_date": "2016-12-31"}

SHADES: Final = {"30 sales or more": "0.25", "10 to 29": "0.55", "fewer than 10": "0.8", "none": "1.0"}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw a bar a ZIP, parted by what its months have."""
    rows = answer.rows.filter(pl.col("section") == "thin_cells", pl.col("group") != "all")
    zips = rows["group"].unique().sort()
    thin, few, none = (
        rows.filter(pl.col("measure") == measure).sort("group")["n"].to_numpy()
        for measure in ("fewer_than_30", "fewer_than_10", "no_sale")
    )
    months = rows.filter(pl.col("measure") == "no_sale")["of"][0]
    axes, left = figure.add_subplot(), 0
    for (label, shade), width in zip(SHADES.items(), (months - none - thin, thin - few, few, none), strict=True):
        axes.barh(zips, width, left=left, color=shade, edgecolor="0.6", linewidth=0.4, label=label)
        left = left + width
    axes.tick_params(axis="y", labelsize=6)
    axes.set(xlabel="months, 2010 to 2016", title="Seattle by ZIP: sales in a month", xlim=(0, months))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
