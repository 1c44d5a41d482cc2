"""Each sale's price beside those of its group in a rolling window, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cascade import levels
from terrafusion.analysis.groups import coded, label_of, level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.validation.history import History
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.windows import ROUNDING, Cells, Spread, cells_of, spread, z_scores

_YEAR = 12


class Window(NamedTuple):
    """How time is cut for some of the sales: ``length`` periods, the sale's own the last."""

    period: str
    length: int
    ordinal: Codes
    """Of each sale."""
    judges: Flags
    """The sales that are judged in it."""
    holds: Flags
    """The sales that it may rest on: those of which it is known that they lie in it."""


@dataclass(slots=True)
class Context:
    """What each sale was judged by; nan and null where by nothing."""

    judged: pl.Series
    """The label of the group."""
    level: pl.Series
    """How that group is told apart from others."""
    price: Spread
    unit: Spread
    z_price: Floats
    z_unit: Floats


def windows_of(sales: pl.DataFrame, parameters: ValidationParameters) -> list[Window]:
    """Cut time into months, and beside these into years for the sales of which only the year is known.

    Such a sale is judged in as many whole years as hold ``rolling_months``, among all sales; the others among those of
    which the month is known.
    """
    vague = sales["year_only"].fill_null(value=False).to_numpy()
    months, every = parameters.rolling_months, np.ones(sales.height, dtype=bool)
    cuts = [("month", months, ~vague, ~vague), ("year", years_of(months), vague, every)]
    return [
        Window(period, length, _ordinal(sales, period), judges, holds)
        for period, length, judges, holds in cuts[: 1 + bool(vague.any())]
    ]


def years_of(months: int) -> int:
    """Return how many whole years hold so many months."""
    return -(-months // _YEAR)


def _ordinal(sales: pl.DataFrame, period: str) -> Codes:
    return periods.numbers(sales["sale_date"], period).to_numpy().astype(np.int64)


def context(
    sales: pl.DataFrame, counted: Flags, windows: Sequence[Window], parameters: ValidationParameters
) -> Context:
    """Judge each sale in its group; with ``fallback`` those of small groups in the first wider area that is not small.

    ``counted`` are the sales that windows rest on.
    """
    first, *others = (_judged(sales, _Rules(counted & window.holds, window, parameters)) for window in windows)
    for window, found in zip(windows[1:], others, strict=True):
        first = _joined(window.judges, found, first)
    return first


def _judged(sales: pl.DataFrame, rules: _Rules) -> Context:
    logs = np.log(sales["sale_price"].to_numpy()), _log_unit_price(sales)
    own, *wider = (_at(sales, level, logs, rules) for level in _levels(rules.parameters))
    for found in wider:
        own = _joined(own.judged.is_null().to_numpy() & found.judged.is_not_null().to_numpy(), found, own)
    return own


class _Rules(NamedTuple):
    counted: Flags
    window: Window
    parameters: ValidationParameters


def _log_unit_price(sales: pl.DataFrame) -> Floats:
    return sales["unit_price"].log().fill_null(np.nan).to_numpy()


def _levels(parameters: ValidationParameters) -> Iterator[tuple[str, ...]]:
    group_by = tuple(name for name in parameters.group_by if name != COUNTY)
    yield group_by
    if parameters.fallback == "cascade":
        yield from levels(group_by)


def _at(sales: pl.DataFrame, level: tuple[str, ...], logs: tuple[Floats, Floats], rules: _Rules) -> Context:
    """Judge every sale in its group of one level."""
    group = sales.with_columns(label_of(level).alias("group"))["group"]
    code = coded(group)[0].fill_null(-1).to_numpy().astype(np.int64)
    cells = cells_of(code, rules.window.ordinal, months=rules.window.length)
    known = cells.hold(code >= 0)
    told = [_in_window(cells, value, known, rules) for value in logs]
    (price, z_price), (unit, z_unit) = told
    large = price.n >= rules.parameters.min_group
    return Context(
        judged=_where(large, group),
        level=_where(large, pl.repeat(level_name(level), sales.height, eager=True)),
        price=price,
        unit=unit,
        z_price=z_price,
        z_unit=np.where(large, z_unit, np.nan),
    )


def _where(large: Flags, names: pl.Series) -> pl.Series:
    return names.zip_with(pl.Series(large), pl.repeat(None, len(names), dtype=pl.String, eager=True))


def _in_window(cells: Cells, value: Floats, known: Flags, rules: _Rules) -> tuple[Spread, Floats]:
    """Return each sale's window and its z in it; of a sale whose cell is not ``known``, having no group, nothing."""
    sample = rules.parameters.standard_deviation == "sample"
    by_cell = spread(cells, value, rules.counted, sample=sample).where(known)
    of_sale = Spread(by_cell.n[cells.of_sale], by_cell.mean[cells.of_sale], by_cell.sd[cells.of_sale])
    return of_sale, z_scores(value, of_sale, least=rules.parameters.min_group)


def _joined(take: Flags, these: Context, those: Context) -> Context:
    """Return these where they are to be taken, else those."""
    taken = pl.Series(take)
    return Context(
        judged=these.judged.zip_with(taken, those.judged),
        level=these.level.zip_with(taken, those.level),
        price=_spread(take, these.price, those.price),
        unit=_spread(take, these.unit, those.unit),
        z_price=np.where(take, these.z_price, those.z_price),
        z_unit=np.where(take, these.z_unit, those.z_unit),
    )


def _spread(take: Flags, these: Spread, those: Spread) -> Spread:
    n = np.where(take, these.n, those.n)
    return Spread(n, np.where(take, these.mean, those.mean), np.where(take, these.sd, those.sd))


def by_statistics(
    judged: Context, past: History, parameters: ValidationParameters, checks: frozenset[str]
) -> Mapping[str, Flags]:
    """Return the reasons that follow from z: beyond the bounds, which are inclusive."""
    found: dict[str, Flags] = {}
    for check, z in (("price", judged.z_price), ("unit_price", judged.z_unit)):
        if check in checks:
            found[f"high_{check}"] = z > parameters.sd_high + ROUNDING
            found[f"low_{check}"] = z < -parameters.sd_low - ROUNDING
    if "short_hold" in checks and found:
        beyond = np.logical_or.reduce(list(found.values()))
        found["home_flip"] = beyond & (past.days_held < parameters.hold_days) & _moved_away(judged, past)
    return found


def _moved_away(judged: Context, past: History) -> Flags:
    """Say whether the price lies farther from its group's mean than the parcel's price before it did."""
    before = np.abs(np.log(past.previous_price) - judged.price.mean)
    return np.abs(judged.z_price) * judged.price.sd > before
