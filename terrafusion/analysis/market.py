"""The sales used, told apart by group and period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.api import Records
from terrafusion.analysis.cells import unit_price
from terrafusion.analysis.groups import columns_of, level_name, with_codes
from terrafusion.analysis.parameters import COUNTY, SharedParameters
from terrafusion.analysis.selection import Account, select

Parameters = TypeVar("Parameters", bound=SharedParameters)


@dataclass(frozen=True, slots=True)
class Market:
    """Sales with ``group_code``, ``ordinal`` (of the period) and ``unit_price`` beside the columns read."""

    sales: pl.DataFrame
    labels: pl.Series
    """The groups' names, in the order of their codes."""
    group_by: tuple[str, ...]
    """Without the county, so empty for one group of all."""
    period: str
    calendar: pl.DataFrame
    """See `terrafusion.analysis.periods.calendar`."""

    @property
    def level(self) -> str:
        """How the groups are told apart, in a word."""
        return level_name(self.group_by)

    @property
    def full(self) -> frozenset[int]:
        """The numbers of the periods that are not partial."""
        return frozenset(self.calendar.filter(~pl.col("partial"))["ordinal"])


def selected(
    read: Callable[[Records, Parameters], pl.DataFrame],
    records: Records,
    parameters: Parameters,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[Account, Market]:
    """Select from the sales that ``read`` returns, and keep those used, which are as large as the file, in the market alone.

    The column ``group`` is made of ``groups``; None is what ``group_by`` names.
    """
    groups = columns_of(parameters.group_by) if groups is None else groups
    selection = select(read(records, parameters), parameters, records.profile, groups=groups)
    market = market_of(selection.used, parameters, recorded=selection.recorded)
    return selection.account(), market


def market_of(used: pl.DataFrame, parameters: SharedParameters, *, recorded: pl.Series) -> Market:
    """Tell sales of a ``group`` apart by code and period; ``recorded`` are the days of all the county's sales, which say what period is partial."""
    group_by = tuple(name for name in parameters.group_by if name != COUNTY)
    coded, labels = with_codes(used.with_columns(unit_price().alias("unit_price")))
    period = _auto(coded, parameters) if parameters.period == "auto" else parameters.period
    sales = coded.with_columns(periods.numbers(coded["sale_date"], period).alias("ordinal"))
    calendar = _calendar(sales["ordinal"], period, covered=_covered(recorded, parameters))
    return Market(sales, labels, group_by, period, calendar)


def _auto(sales: pl.DataFrame, parameters: SharedParameters) -> str:
    """Choose the finest period, months to years, whose typical cell has ``fallback_min_sales``."""
    if sales["year_only"].any():
        return "year"
    for period in ("month", "quarter"):
        cells = sales.select("group_code", periods.numbers(sales["sale_date"], period).alias("ordinal"))
        counts = cells.group_by("group_code", "ordinal").len()
        if counts.filter(pl.col("len") >= parameters.fallback_min_sales).height * 2 >= max(counts.height, 1):
            return period
    return "year"


def _covered(recorded: pl.Series, parameters: SharedParameters) -> tuple[date, date]:
    first, last = periods.coverage(recorded) or (date.min, date.max)
    return max(parameters.start_date or first, first), min(parameters.end_date or last, last)


def _calendar(ordinals: pl.Series, period: str, *, covered: tuple[date, date]) -> pl.DataFrame:
    numbers = ordinals.to_numpy()
    first, last = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, -1)
    return periods.calendar(first, last, period, covered=covered)
