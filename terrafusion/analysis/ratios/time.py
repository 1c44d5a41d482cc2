"""Prices brought to one date by an index, before they are compared with values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis import timing
from terrafusion.analysis.api import Caution, Progress, Records
from terrafusion.analysis.findings import counted
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.indexes import CHARACTERISTICS, COMPLETE_SHARE
from terrafusion.analysis.market import market_of
from terrafusion.analysis.price_index.estimate import FREEDOM
from terrafusion.analysis.price_index.parameters import REPEAT, Method, family
from terrafusion.analysis.ratios.parameters import RatioParameters, TimeAdjust
from terrafusion.analysis.selection import Selection, within_pauses
from terrafusion.errors import InvalidParameters

_STRATA: Final = ("zip_code", "property_type")
_OF_MARKET: Final = frozenset({"year_only", "building_size_sqft"})
"""What `market_of` reads."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The sales with ``price``, and how it came about."""

    sales: pl.DataFrame
    period: str | None = None
    """Of the index; None where prices are as recorded."""
    warnings: tuple[Caution, ...] = ()


def columns_for(how: TimeAdjust) -> frozenset[str]:
    """Name what an adjustment reads."""
    method = _method(how)
    return frozenset() if method is None else timing.columns_for(method) | _OF_MARKET


def _method(how: TimeAdjust) -> Method | None:
    if how == "none":
        return None
    return "hedonic_time_dummy" if how == "hedonic" else how


def adjust(records: Records, selection: Selection, parameters: RatioParameters, progress: Progress) -> Adjusted:
    """Add ``price`` to the selected sales: S, or with ``time_adjust`` S times the index at the valuation date over that at the sale.

    The index is of all of them together but those beyond a long pause, as that of `price_index`. Raises InvalidParameters
    where they allow none.
    """
    sales, method = selection.used, _method(parameters.time_adjust)
    if method is None or sales.is_empty():
        return Adjusted(sales.with_columns(pl.col("sale_price").alias("price")))
    indexed = within_pauses(sales, selection.strays).with_columns(pl.lit(ALL).alias("group"))
    market = market_of(indexed, parameters, recorded=indexed["sale_date"])
    progress(0.1, "Estimating how prices moved")
    line = timing.timeline(market.sales, method, period=market.period)
    valued = timing.valuation_day(indexed, parameters)
    if not line.known or valued is None:
        raise _refused(records, parameters, line, indexed.height)
    factor = line.factors(sales["sale_date"], valued)
    adjusted = sales.with_columns((pl.col("sale_price") * pl.Series(factor)).alias("price"))
    beyond = int(np.count_nonzero(line.beyond(sales["sale_date"])))
    outside = bool(line.beyond(pl.Series([valued], dtype=pl.Date))[0])
    thin = _thin(line.observations(valued), parameters.min_sales)
    return Adjusted(adjusted, market.period, (*line.warnings, *_beyond(beyond, outside=outside), *thin))


def _refused(records: Records, parameters: RatioParameters, line: timing.Timeline, sales: int) -> InvalidParameters:
    how, method = parameters.time_adjust, _method(parameters.time_adjust)
    why = "they are too few"
    if method in REPEAT:
        why = f"they make {line.estimate.used} pairs of sales of one parcel, which are too few"
    elif any(caution.code == "index_unavailable" for caution in line.warnings):
        why = "no characteristic of theirs is known"
    allowed = ", ".join([*(name for name in possible(records) if family(_method(name)) != family(method)), "none"])
    msg = f"time_adjust is {how!r}, but the {sales} selected sales allow no index: {why}; allowed is {allowed}"
    return InvalidParameters(msg, field="time_adjust", value=how, allowed=allowed)


def advice(records: Records, parameters: RatioParameters) -> str:
    """Say what the records allow to be done about ratios that move in time; only what holds homes constant goes alone."""
    allowed = possible(records)
    found = [*islice(allowed, 1)]
    found += [] if "hedonic" in found else allowed
    years = parameters.period not in {"year", "auto"} and _any_year_only(records)
    asked = f"time_adjust {' or '.join(f'`{how}`' for how in found)}{' with period `year`' if years else ''}"
    if "hedonic" in found:
        return f"{asked} brings all prices to the valuation date"
    apart = "group_by `sale_year` keeps the years apart"
    return f"{apart}, or {asked} brings prices to one date as far as `adjusted_time_slope` shows" if found else apart


def _any_year_only(records: Records) -> bool:
    return bool(records.sales.select(pl.col("year_only").any()).collect().item())


def possible(records: Records) -> Iterator[TimeAdjust]:
    """Name what the records allow, one of each family, the hedonic adjustment first."""
    if _told(records, CHARACTERISTICS):
        yield "hedonic"
    parcels = records.sales.select(pl.col("parcel_number").count() - pl.col("parcel_number").drop_nulls().n_unique())
    if parcels.collect().item() > FREEDOM:
        yield "robust"
    if _told(records, _STRATA):
        yield "stratified_median"


def _told(records: Records, names: tuple[str, ...]) -> bool:
    """Say whether as many sales as an index asks for have one of the columns, and not all the same."""
    facts = records.facts
    return any(facts.varies(name, share=COMPLETE_SHARE) for name in names)  # mostly the first does


def _beyond(sales: int, *, outside: bool) -> list[Caution]:
    found = []
    if sales:
        message = f"{sales} sales lie before the first or after the last period of the index and were taken as of it"
        found.append(Caution("time_adjust_sales_beyond_index", message))
    if outside:
        message = "The valuation date lies beyond the index; prices were brought to its nearest period"
        found.append(Caution("time_adjust_date_beyond_index", message))
    return found


def _thin(observations: int, least: int) -> list[Caution]:
    if observations >= least:
        return []
    message = f"The index at the valuation date rests on {counted(observations, 'observation')}, fewer than {least}; all adjusted prices lean on it"
    return [Caution("time_adjust_date_thin", message)]
