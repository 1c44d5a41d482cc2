"""Each sale's price beside those of its group in a rolling window, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis import periods
from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cascade import levels
from terrafusion.analysis.groups import coded, label_of, level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.validation.history import History
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.windows import ROUNDING, Spread, cells_of, spread, z_scores

_YEAR = 12
_PRICES: Final = ("price", "unit_price")
"""What is judged of a sale, each by its logarithm."""


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


class Judges(NamedTuple):
    """The groups that judge sales, each in one window, and which of them judges each sale."""

    groups: pl.DataFrame
    """A row each; null is what rests on too few sales."""
    of_sale: NDArray[np.uint32]

    @property
    def small(self) -> Flags:
        """Say of each sale whether its group is too small to judge it."""
        return self.groups["group_judged"].is_null().to_numpy()[self.of_sale]

    def spread(self, name: str) -> Iterator[Floats]:
        """Yield mean and standard deviation of the group that judges each sale; nan where it is too small."""
        for what in ("mean", "sd"):
            yield self.groups[f"{what}_log_{name}"].to_numpy()[self.of_sale]

    def but(self, these: Flags, others: Judges) -> Judges:
        """Return the same, but ``these`` sales are judged by the others."""
        of_sale = np.where(these, others.of_sale + self.groups.height, self.of_sale)
        return Judges(pl.concat([self.groups, others.groups]), of_sale)


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


def judge(
    sales: pl.DataFrame, counted: Flags, windows: Sequence[Window], parameters: ValidationParameters
) -> tuple[Judges, pl.DataFrame]:
    """Judge each sale in its group; with ``fallback`` those of small groups in the first wider area that is not small.

    ``counted`` are the sales that windows rest on. Also returns ``z_price`` and ``z_unit_price``, null where there is none.
    """
    logs = np.log(sales["sale_price"].to_numpy()), sales["unit_price"].log().fill_null(np.nan).to_numpy()
    found, *others = (_judges(sales, logs, _Rules(counted & window.holds, window, parameters)) for window in windows)
    for window, other in zip(windows[1:], others, strict=True):
        found = found.but(window.judges, other)
    z = {f"z_{name}": z_scores(log, *found.spread(name)) for name, log in zip(_PRICES, logs, strict=True)}
    return found, pl.DataFrame(z, nan_to_null=True)


class _Rules(NamedTuple):
    counted: Flags
    window: Window
    parameters: ValidationParameters


def _judges(sales: pl.DataFrame, logs: Sequence[Floats], rules: _Rules) -> Judges:
    found, *wider = (_at(sales, level, logs, rules) for level in levels_of(rules.parameters))
    for other in wider:
        found = found.but(found.small & ~other.small, other)
    return found


def levels_of(parameters: ValidationParameters) -> Iterator[tuple[str, ...]]:
    """Yield how groups are told apart: as asked, and with ``fallback`` ever wider."""
    group_by = tuple(name for name in parameters.group_by if name != COUNTY)
    yield group_by
    if parameters.fallback == "cascade":
        yield from levels(group_by)


def _at(sales: pl.DataFrame, level: tuple[str, ...], logs: Sequence[Floats], rules: _Rules) -> Judges:
    """Let the groups of one level judge. A sale without one is in a last one, without a name, in which nothing counts."""
    code, labels = coded(sales.with_columns(label_of(level).alias("group"))["group"])
    group = code.fill_null(len(labels)).to_numpy().astype(np.int64)
    cells = cells_of(group, rules.window.ordinal, months=rules.window.length)
    counted, sample = rules.counted & (group < len(labels)), rules.parameters.standard_deviation == "sample"
    price, unit = (spread(cells, log, counted, sample=sample) for log in logs)
    groups = pl.DataFrame(
        {
            "group_judged": labels.extend_constant(None, 1).gather(cells.group),
            "level_judged": pl.repeat(level_name(level), cells.size, eager=True),
            **_days(rules.window, cells.month),
            **_told(price, unit, rules.parameters),
        },
        nan_to_null=True,
    )
    return Judges(_of_enough(groups, rules.parameters.min_group), cells.of_sale)


def _told(price: Spread, unit: Spread, parameters: ValidationParameters) -> Mapping[str, Codes | Floats]:
    return {
        "group_n": price.n,
        "mean_log_price": price.mean,
        "sd_log_price": price.sd,
        "lowest_price": np.exp(price.mean - parameters.sd_low * price.sd),
        "highest_price": np.exp(price.mean + parameters.sd_high * price.sd),
        "unit_price_n": unit.n,
        "mean_log_unit_price": unit.mean,
        "sd_log_unit_price": unit.sd,
    }


def _of_enough(groups: pl.DataFrame, least: int) -> pl.DataFrame:
    """Return the same without what is told of fewer sales."""
    enough, enough_units = (pl.col(n) >= least for n in ("group_n", "unit_price_n"))
    unit = pl.col("mean_log_unit_price", "sd_log_unit_price")
    price = pl.col("group_judged", "level_judged", "mean_log_price", "sd_log_price", "lowest_price", "highest_price")
    return groups.with_columns(pl.when(enough).then(price), pl.when(enough & enough_units).then(unit))


def _days(window: Window, last: Codes) -> dict[str, pl.Series]:
    """Return the first and the last day of the windows that end with these periods."""
    distinct, place = np.unique(last, return_inverse=True)
    starts = [periods.start(int(end) - window.length + 1, window.period) for end in distinct]
    ends = [periods.start(int(end) + 1, window.period) - timedelta(days=1) for end in distinct]
    days = {"window_start": starts, "window_end": ends}
    return {name: pl.Series(each, dtype=pl.Date).gather(place) for name, each in days.items()}


def by_statistics(
    judges: Judges, scores: pl.DataFrame, past: History, parameters: ValidationParameters, checks: frozenset[str]
) -> Mapping[str, Flags]:
    """Return the reasons that follow from z: beyond the bounds, which are inclusive."""
    found: dict[str, Flags] = {}
    for check in _PRICES:
        if check in checks:
            z = scores[f"z_{check}"].to_numpy()
            found[f"high_{check}"] = z > parameters.sd_high + ROUNDING
            found[f"low_{check}"] = z < -parameters.sd_low - ROUNDING
    if "short_hold" in checks and found:
        beyond = np.logical_or.reduce(list(found.values()))
        moved = _moved_away(judges, scores["z_price"].to_numpy(), past)
        found["home_flip"] = beyond & (past.days_held < parameters.hold_days) & moved
    return found


def _moved_away(judges: Judges, z: Floats, past: History) -> Flags:
    """Say whether the price lies farther from its group's mean than the parcel's price before it did."""
    mean, sd = judges.spread("price")
    return np.abs(z) * sd > np.abs(np.log(past.previous_price) - mean)
