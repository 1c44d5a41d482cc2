"""Lucas county in 1998: the level by value, and how much less unit prices differ among like homes."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "lucas_oh"
PARAMETERS: Final = {"start_year": 1998}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the level of each tenth of the homes by value, and the COD of unit prices over all and inside clusters."""
    tenths, told = answer.rows.filter(pl.col("record") == "value_group"), answer.summary
    axes = figure.add_subplot(1, 2, 1)
    reach = [tenths["median"] - tenths["median_ci_low"], tenths["median_ci_high"] - tenths["median"]]
    axes.errorbar(tenths["value_group"], tenths["median"], yerr=reach, fmt="o", capsize=3, label="95% interval")
    axes.axhline(told["median"], linewidth=1, color="gray", label="all homes")
    axes.set(title="median ratio by value", xlabel="tenth of the homes, cheapest first", xticks=range(1, 11))
    axes.legend(frameon=False, fontsize=8)
    axes = figure.add_subplot(1, 2, 2)
    for place, (name, label) in enumerate((("price_per_sqft", "prices"), ("value_per_sqft", "values"))):
        cods = [told[f"{name}_cod_{where}"] for where in ("overall", "within")]
        bars = axes.bar([x + 0.4 * place for x in (0, 1)], cods, width=0.38, label=label)
        axes.bar_label(bars, fmt="%.1f")
    axes.set(title="COD per square foot", xticks=[0.2, 1.2])
    axes.set_xticklabels(["all homes", "inside clusters of like homes"])
    axes.legend(frameon=False, fontsize=8)
