"""The headline of prices per square foot: one true sentence made from the figures of all sales together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from terrafusion.analysis.findings import counted, interval_of, no_full_period, nothing_selected, said_of

_LARGER: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sentence is made from."""

    county_id: str
    sales: int
    min_sales: int
    confidence_level: float
    figures: Mapping[str, Any]


def key_finding(told: Told) -> str:
    """Put the latest median, its change and the effect of size into one sentence."""
    figures = told.figures
    if not told.sales:
        return nothing_selected(told.county_id, "sales with a building area")
    found = f"{counted(told.sales, 'sale')} with a building area"
    if figures["latest_period"] is None:
        return no_full_period(told.county_id, found, told.min_sales)
    return f"In {told.county_id} ({found}) {'; '.join(_clauses(told))}."


def _clauses(told: Told) -> Iterator[str]:
    figures, level = told.figures, told.confidence_level
    low, high = figures["latest_median_price_per_sqft_ci_low"], figures["latest_median_price_per_sqft_ci_high"]
    sure = "no interval" if low is None else interval_of(level, f"${low:,.0f}", f"${high:,.0f}")
    price = figures["latest_median_price_per_sqft"]
    yield f"the median price per square foot was ${price:,.0f} in {figures['latest_period']} ({sure})"
    change, *bounds = (figures[f"median_price_per_sqft_change{end}_pct"] for end in ("", "_ci_low", "_ci_high"))
    if change is not None:
        told_of = (change, bounds[0], bounds[1])
        yield said_of(f"from {figures['first_period']} to {figures['last_period']} it", told_of, level)
    yield from _effect(told)


def _effect(told: Told) -> Iterator[str]:
    """Tell what a tenth more area goes with; says «lower» or «higher» only where the interval does."""
    slope = [told.figures[f"size_elasticity{end}"] for end in ("", "_ci_low", "_ci_high")]
    if None in slope:
        return
    effect, low, high = (100 * (_LARGER**one - 1) for one in slope)
    sure = interval_of(told.confidence_level, f"{low + 0.0:+.1f}%", f"{high + 0.0:+.1f}%")
    if round(low, 1) <= 0 <= round(high, 1):
        yield f"a tenth more area goes with no clear difference in it ({sure})"
    else:
        yield f"a tenth more area goes with a price per square foot {abs(effect):.1f}% {'lower' if effect < 0 else 'higher'} ({sure})"
