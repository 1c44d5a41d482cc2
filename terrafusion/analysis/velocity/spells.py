"""How long homes are held: spells from one sale of a parcel to its next, or to the end of the records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Flags, Floats
from terrafusion.analysis.cells import critical_value

DAYS_A_YEAR: Final = 365.25

_SOLD: Final = ("sale_date", "sale_price", "ordinal", "group_code")


def spells_of(sales: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each sale of a known parcel: its ``days`` until the next, or until the last sale day of all.

    ``ended`` tells which; ``next_...`` are the date, price, period and group of the next sale. Of several sales of a
    parcel on one day the highest price counts, then the lowest id.
    """
    named = sales.filter(pl.col("parcel_number").is_not_null()).select("parcel_number", "sale_id", *_SOLD)
    order = ["parcel_number", "sale_date", "sale_price", "sale_id", "group_code"]
    ordered = named.sort(order, descending=[False, False, True, False, False])
    once = ordered.filter(
        (pl.struct("parcel_number", "sale_date") != pl.struct("parcel_number", "sale_date").shift()).fill_null(
            value=True
        )
    )
    again = (pl.col("parcel_number") == pl.col("parcel_number").shift(-1)).fill_null(value=False)
    following = [pl.when(again).then(pl.col(name).shift(-1)).alias(f"next_{name}") for name in _SOLD]
    until = pl.coalesce("next_sale_date", pl.lit(sales["sale_date"].max(), pl.Date))
    return once.with_columns(following).with_columns(
        ended=pl.col("next_sale_date").is_not_null(), days=(until - pl.col("sale_date")).dt.total_days()
    )


def gains_of(spells: pl.DataFrame, *, min_hold_months: int) -> pl.DataFrame:
    """Return the ended spells of so many calendar months or more, with the yearly ``gain``: 0.05 is 5% a year."""
    held = _month("next_sale_date") - _month("sale_date")
    factor = pl.col("next_sale_price") / pl.col("sale_price")
    gain = factor.log() * (DAYS_A_YEAR / pl.col("days"))
    return spells.filter(pl.col("ended") & (held >= min_hold_months)).with_columns(
        log_gain=factor.log(), gain=gain.clip(upper_bound=700.0).exp() - 1
    )


def _month(name: str) -> pl.Expr:
    return pl.col(name).dt.year().cast(pl.Int32) * 12 + pl.col(name).dt.month()


@dataclass(frozen=True, slots=True)
class Survival:
    """The share of spells that last longer than a time (Kaplan and Meier 1958)."""

    times: Floats
    """The days at which a spell ended, ascending."""
    share: Floats
    """That last longer than each."""
    greenwood: Floats
    """The variance of ln(share) at each (Greenwood 1926); infinite where the share is 0."""
    longest: float
    """Days for which any spell was watched."""

    def at(self, day: float) -> int:
        """Return the place in ``times`` of the last end up to a day; -1 where there is none."""
        return int(np.searchsorted(self.times, day, side="right")) - 1


def survival(days: Floats, ended: Flags) -> Survival:
    """Estimate how long spells last, of which those not ended are known to last longer than their days."""
    times, deaths = np.unique(days[ended], return_counts=True)
    at_risk = len(days) - np.searchsorted(np.sort(days), times, side="left")
    alive = at_risk - deaths
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(deaths / (at_risk * alive)).astype(np.float64)
    share = np.cumprod(alive / at_risk).astype(np.float64)
    longest = float(days.max()) if len(days) else math.nan
    return Survival(times.astype(np.float64), share, greenwood, longest)


def ended_within(lasting: Survival, day: float, confidence_level: float) -> tuple[float, float, float]:
    """Return the share of spells that end within so many days, with its interval; nan beyond what was watched.

    The interval is that of ln(-ln share), which stays between 0 and 1 (Kalbfleisch and Prentice 1980).
    """
    if not lasting.longest >= day:
        return math.nan, math.nan, math.nan
    place = lasting.at(day)
    if place < 0:
        return 0.0, math.nan, math.nan
    low, high = _band(lasting, confidence_level)
    return 1 - float(lasting.share[place]), 1 - float(high[place]), 1 - float(low[place])


def median_hold(lasting: Survival, confidence_level: float) -> tuple[float, float, float]:
    """Return the days by which half of the spells have ended, with the interval of Brookmeyer and Crowley (1982).

    nan where fewer than half have, which is «longer than was watched»; so it is for either end of the interval.
    """
    low, high = _band(lasting, confidence_level)
    return _first(lasting, lasting.share), _first(lasting, low), _first(lasting, high)


def _first(lasting: Survival, curve: Floats) -> float:
    below = np.flatnonzero(curve <= 0.5)  # noqa: PLR2004 - half
    return float(lasting.times[below[0]]) if len(below) else math.nan


def _band(lasting: Survival, confidence_level: float) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = critical_value(confidence_level) * np.sqrt(lasting.greenwood) / np.abs(np.log(lasting.share))
        low, high = (lasting.share ** np.exp(sign * reach) for sign in (1, -1))
    gone = lasting.share <= 0
    return np.where(gone, np.nan, low), np.where(gone, np.nan, high)
