"""What a reader is told first of a time adjustment, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.findings import a_year, counted, followed_by, nothing_selected, of_year_only, said_of
from terrafusion.analysis.price_index.parameters import REPEAT
from terrafusion.analysis.selection import Account
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters

LEAST_FOR_A_SLOPE: Final = 3
"""Sales: two leave nothing to tell an error from."""


@dataclass(frozen=True, slots=True)
class Told:
    """All that the sentence and the warnings are made from."""

    county_id: str
    parameters: TimeAdjustmentParameters
    account: Account
    summary: Mapping[str, Any]
    rows: pl.DataFrame


def key_finding(told: Told) -> str:
    """Put the longest move, its factor and what became of the ratios' slope into a sentence or two."""
    used, summary = told.account.used, told.summary
    if not used:
        return nothing_selected(told.county_id)
    found = counted(used, "sale")
    if summary["valuation_period"] is None:
        return f"In {told.county_id} the request selects {found}, too few to tell what a past price is worth."
    if summary["change_pct"] is None:
        brought = f"{found} were brought to {summary['valuation_period']}"
        return f"In {told.county_id} {brought}; no earlier full period has {told.parameters.min_sales} or more to tell a change from."
    change = (summary["change_pct"], summary["change_ci_low_pct"], summary["change_ci_high_pct"])
    moved = said_of(followed_by(told.parameters.method), change, told.parameters.confidence_level)
    return (
        f"From {summary['first_period']} to {summary['valuation_period']} {moved} in {told.county_id} ({found}), so a "
        f"price of {summary['first_period']} is multiplied by {summary['factor']:.3f}{_areas(told)}{_slopes(summary)}."
    )


def _areas(told: Told) -> str:
    groups, own = told.summary["groups"], told.summary["groups_with_own_factors"]
    if groups < 2 or told.parameters.pooling == "county":  # noqa: PLR2004 - one group is the whole
        return ""
    rest = "have none" if told.parameters.pooling == "none" else "take the county's"
    others = "" if own == groups else f", the others {rest}"
    return f"; {own} of {groups} groups have factors of their own{others}"


def _slopes(summary: Mapping[str, Any]) -> str:
    before, after = summary["time_slope"], summary["adjusted_time_slope"]
    if before is None or after is None:
        return ""
    return f"; ratios of value to price moved by {_rate(before)} a year before the adjustment and by {_rate(after)} after it"


def _rate(slope: float) -> str:
    return f"{round(a_year(slope), 1) + 0.0:+.1f}%"


def cautions(told: Told) -> Iterator[Caution]:
    """Tell what the figures alone do not."""
    yield from of_year_only(told.account.year_only)
    summary = told.summary
    beyond = summary["periods_beyond"]
    if beyond and summary["valuation_period"] is not None:
        side = "after the last" if beyond > 0 else "before the first"
        message = (
            f"valuation_date {summary['valuation_date']} lies {abs(beyond)} {told.summary['period']}s {side} estimated "
            f"period; prices are those of {summary['valuation_period']}: nothing is extrapolated"
        )
        yield Caution("valuation_date_beyond_sales", message)
    if summary["valuation_period"] is not None and summary["time_slope"] is None:
        known, least = summary["time_slope_sales"], max(told.parameters.min_sales, LEAST_FOR_A_SLOPE)
        why = "all of one day:" if known >= least else "too few:"
        message = (
            f"{known} of the sales have {told.parameters.value_field} above 0, {why} the slope of ratios on time "
            f"cannot be told ({least} or more, of different days, are needed)"
        )
        yield Caution("time_slope_unavailable", message)
    yield from _of_the_period(told)
    yield from _of_methods(told)
    yield from _of_rows(told.rows)


def _of_the_period(told: Told) -> Iterator[Caution]:
    """Tell where all factors rest on few sales: those of the valuation's period."""
    period, least = told.summary["valuation_period"], told.parameters.fallback_min_sales
    if period is None or told.parameters.method == "ratio_trend":
        return
    rows = told.rows.filter(pl.col("period") == period)
    count, partial = int(rows["observations"].sum()), bool(rows["partial"].any())
    if partial or count < least:
        what = "sales of repeat pairs" if told.parameters.method in REPEAT else "sales"
        short = f", which is not a full {told.summary['period']}" if partial else ""
        message = (
            f"Every factor rests on the {count} {what} of {period}{short}; a valuation_date in a full period with more "
            "sales gives surer ones"
        )
        yield Caution("valuation_period_thin", message)


def _of_methods(told: Told) -> Iterator[Caution]:
    summary = told.summary
    own = (summary["change_ci_low_pct"], summary["change_ci_high_pct"])
    other = (summary["cross_check_change_ci_low_pct"], summary["cross_check_change_ci_high_pct"])
    if None not in own and None not in other and (own[0] > other[1] or own[1] < other[0]):
        message = (
            f"By another method ({summary['cross_check']}) the change is {summary['cross_check_change_pct']:+.1f}%, and the "
            "intervals do not meet: they tell of chance, not of what a method cannot see"
        )
        yield Caution("methods_disagree", message)


def _of_rows(rows: pl.DataFrame) -> Iterator[Caution]:
    filled = int(rows["imputed"].sum())
    if filled:
        message = (
            f"{filled} cells lie in periods without sales enough; their factors lie between those of their neighbours, "
            "or are the nearest, and have no interval"
        )
        yield Caution("factors_imputed", message)
    lacking = int(rows["factor"].null_count())
    if lacking and lacking < rows.height:
        groups = rows.filter(pl.col("factor").is_null())["group"].n_unique()
        yield Caution(
            "factors_unavailable", f"{groups} groups have too few sales for factors of their own, and have none"
        )


def of_areas(placed: pl.DataFrame, parameters: TimeAdjustmentParameters) -> Iterator[Caution]:
    """Tell of areas that only borrow, and of areas too few to say how they differ."""
    if parameters.pooling != "dersimonian_laird" or placed["group"].n_unique() < 2:  # noqa: PLR2004 - two to compare
        return
    if placed["tau"].null_count() == placed.height:
        message = "Fewer than two groups have factors of their own, so how groups differ is not known: all take the county's, without interval"
        yield Caution("between_areas_unknown", message)
        return
    told = placed.group_by("group").agg((pl.col("own_standard_error").count()).alias("own"), pl.col("weight").max())
    borrowing = told.filter(pl.col("weight") == 0, pl.col("own") == 0).height
    if borrowing:
        message = (
            f"{borrowing} of {told.height} groups have too few sales for factors of their own; they take the county's"
        )
        yield Caution("groups_borrow", message)
