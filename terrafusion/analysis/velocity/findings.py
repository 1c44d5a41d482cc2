"""The headline of sales velocity: one true sentence made from the figures of all sales together."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from terrafusion.analysis.findings import counted, nothing_selected
from terrafusion.analysis.velocity.spells import DAYS_A_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sentence is made from."""

    county_id: str
    span: tuple[str, str] | None
    """The first and the last period with sales."""
    total: Mapping[str, Any]
    """The row of all sales together."""
    seasons: pl.DataFrame
    min_sales: int
    min_hold_months: int
    confidence_level: float


def key_finding(told: Told) -> str:
    """Put volume, seasons, holds, gains and supply into one sentence."""
    if told.span is None:
        return nothing_selected(told.county_id)
    sales, dollars = told.total["sales"], told.total["dollar_volume"]
    found = counted(sales, "sale")
    if sales < told.min_sales:
        return f"In {told.county_id} the request selects {found}, too few to tell ({told.min_sales} or more)."
    yearly = told.total["sales_per_year"]
    pace = "" if yearly is None else f", {yearly:,.0f} a year"
    first, last = told.span
    when = f"in {first}" if first == last else f"from {first} to {last}"
    start = f"In {told.county_id} {found} for {_money(dollars)} {'was' if sales == 1 else 'were'} made {when}{pace}"
    return "; ".join([start, *_clauses(told)]) + "."


def _money(dollars: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if dollars >= size:
            return f"${dollars / size:,.1f} {name}"
    return f"${dollars:,.0f}"


def _clauses(told: Told) -> Iterator[str]:
    total = told.total
    if total["turnover"] is not None:
        yield f"{total['turnover']:.1%} of {total['parcels']:,} parcels a year"
    yield from _seasons(told.seasons)
    if total["resold_within_2y_share_ci_low"] is not None:
        yield f"{total['resold_within_2y_share']:.1%} of the homes bought were sold again within 2 years ({_between(told, 'resold_within_2y_share')})"
    if total["median_hold_days"] is not None:
        yield f"half were sold again within {_long(total['median_hold_days'])}"
    if total["median_gain_ci_low"] is not None:
        hold, pairs = told.min_hold_months, total["gain_n"]
        direction = _direction(total)
        yield (
            f"homes sold again after {hold} months or more {direction} a year in the median "
            f"({_between(told, 'median_gain')}, {pairs:,} pairs)"
        )
    if total["months_of_supply"] is not None:
        yield f"the listings at the close of {total['supply_period']} would last {total['months_of_supply']:.1f} months"


def _long(days: float) -> str:
    return counted(round(days), "day") if days < DAYS_A_YEAR else f"{days / DAYS_A_YEAR:.1f} years"


def _direction(total: Mapping[str, Any]) -> str:
    gain, low, high = (total[name] for name in ("median_gain", "median_gain_ci_low", "median_gain_ci_high"))
    if round(low, 3) > 0:
        return f"gained {gain:.1%}"
    return f"lost {-gain:.1%}" if round(high, 3) < 0 else f"moved by no clear amount, {gain + 0.0:+.1%},"


def _between(told: Told, name: str) -> str:
    low, high = told.total[f"{name}_ci_low"], told.total[f"{name}_ci_high"]
    return f"{told.confidence_level * 100:g}% interval {low:.1%} to {high:.1%}"


def _seasons(seasons: pl.DataFrame) -> Iterator[str]:
    """Name the months with the most and the fewest sales, where their intervals leave the year's pace out."""
    if seasons.is_empty():
        return
    high, low = (seasons.sort("factor", "month", descending=[down, False]).row(0, named=True) for down in (True, False))
    if (high["factor_ci_low"] or 0) > 1 and (low["factor_ci_high"] or 2) < 1:
        yield (
            f"volume is highest in {month_name[high['month']]} ({high['factor'] - 1:+.0%} on the year's pace) "
            f"and lowest in {month_name[low['month']]} ({low['factor'] - 1:+.0%})"
        )
