"""Seattle: the seasons of volume, and how soon homes are sold again."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"period": "quarter"}
YEARS: Final = (1, 2, 5)


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the months' factors with their intervals, and the shares resold with theirs."""
    seasons, lasting = figure.subplots(1, 2, width_ratios=[2, 1])
    told, summary = answer.summary["seasonality"], answer.summary
    month, factor, low, high = (
        [one[name] for one in told] for name in ("month", "factor", "factor_ci_low", "factor_ci_high")
    )
    seasons.axhline(1, color="0.7", linewidth=1)
    seasons.errorbar(month, factor, yerr=_reach(factor, low, high), fmt="o", capsize=3)
    seasons.set(xlabel="month", ylabel="volume, the year's pace = 1", title="Seattle, sales by month", xticks=month)
    share, least, most = (
        [100 * summary[f"resold_within_{years}y_share{end}"] for years in YEARS] for end in ("", "_ci_low", "_ci_high")
    )
    lasting.errorbar(YEARS, share, yerr=_reach(share, least, most), fmt="o", capsize=3)
    lasting.set(xlabel="years after a sale", ylabel="sold again, %", title="Sold again", xticks=YEARS, ylim=(0, None))


def _reach(middle: list[float], low: list[float], high: list[float]) -> list[list[float]]:
    below = [centre - bound for centre, bound in zip(middle, low, strict=True)]
    above = [bound - centre for centre, bound in zip(middle, high, strict=True)]
    return [below, above]
