"""Seattle by quarter: low, middle and high prices, and how concentrated the dollars are."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"period": "quarter"}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the quantiles and the Gini coefficient, each with its interval."""
    prices, concentration = figure.subplots(1, 2, width_ratios=[3, 2])
    rows = answer.rows
    day = rows["period_start"].to_numpy()
    for name in ("p90", "p75", "p50", "p25", "p10"):
        prices.fill_between(day, rows[f"{name}_ci_low"] / 1e3, rows[f"{name}_ci_high"] / 1e3, alpha=0.25)
        prices.plot(day, rows[name] / 1e3, linewidth=1.5, label=name)
    prices.set(ylabel="price, thousands of dollars", title="Seattle, quantiles", yscale="log")
    prices.set_yticks([250, 500, 1000], ["250", "500", "1,000"])
    prices.minorticks_off()
    prices.legend(frameon=False, fontsize=8, ncols=2)
    concentration.fill_between(day, rows["gini_ci_low"], rows["gini_ci_high"], alpha=0.25)
    concentration.plot(day, rows["gini"], linewidth=1.5, label="sample")
    concentration.plot(day, rows["gini_lognormal"], linewidth=1, linestyle="--", label="lognormal, the check")
    concentration.set(title="Gini coefficient of prices")
    concentration.legend(frameon=False, fontsize=8)
