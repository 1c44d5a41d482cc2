"""The headline: one true sentence made from the numbers, and the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.comparison import COLUMNS

_QUALITY: Final = "constant_quality_change_pct"
_RAW: Final = "raw_change_pct"
_CHECK: Final = "cross_check_change_pct"
_BOUNDS: Final = {
    _QUALITY: ("constant_quality_ci_low_pct", "constant_quality_ci_high_pct"),
    _RAW: ("raw_change_ci_low_pct", "raw_change_ci_high_pct"),
    _CHECK: ("cross_check_change_ci_low_pct", "cross_check_change_ci_high_pct"),
}

_PLURAL: Final = {"zip_code": "ZIP codes", "neighborhood": "neighborhoods", "property_type": "property types"}

_STEEPEST: Final = 100.0
"""Of logs a year: steeper ones come of absurd sales alone, and have no number in per cent."""

AT_CONSTANT_QUALITY: Final = "prices at constant quality"

ROSE, FELL, UNCLEAR, UNKNOWN = "rose", "fell", "unclear", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What is told at the top: the whole selection's comparison, and that of its groups."""

    county_id: str
    sales: int
    min_sales: int
    confidence_level: float
    group_name: str
    overall: Mapping[str, Any]
    """A row of `terrafusion.analysis.comparison.compare`; empty without sales."""
    groups: pl.DataFrame
    moves: str = AT_CONSTANT_QUALITY
    """What the index follows."""
    checked: Mapping[str, Any] | None = None
    """What `terrafusion.analysis.crosscheck.cross_check` tells; None where nothing was asked of it."""


def counted(count: int, what: str) -> str:
    """Write a number of things: ``1 sale``, ``1,204 sales``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def they_have(count: int, what: str, *, of: int | None = None) -> str:
    """Write a number of things that have something: ``1 sale has``, ``2 sales have``, ``1 of 24 areas has``."""
    things = counted(count, what) if of is None else f"{count:,} of {counted(of, what)}"
    return f"{things} {'has' if count == 1 else 'have'}"


def of_years(used: pl.DataFrame) -> Iterator[Caution]:
    """Tell of the sales used of which only the year is known, where there are any."""
    yield from of_year_only(int(used["year_only"].sum()))


def of_year_only(count: int) -> Iterator[Caution]:
    """Tell of so many sales of which only the year is known."""
    if count:
        yield Caution("year_only", f"Of {counted(count, 'sale')} only the year is known; counted as of 1 July")


def nothing_selected(county_id: str, what: str = "sales") -> str:
    """Say that there is nothing to answer from."""
    return f"In {county_id} no {what} were found that this request selects."


def no_full_period(county_id: str, found: str, least: int) -> str:
    """Say that ``found``, the sales in words, are too few in every full period."""
    return f"In {county_id} the request selects {found}; no full period has {least} or more."


def direction(change: float | None, low: float | None, high: float | None) -> str:
    """Say where prices went: up or down only if the interval, as it is printed, leaves zero out."""
    if change is None or low is None or high is None:
        return UNKNOWN
    if round(low, 1) > 0:
        return ROSE
    return FELL if round(high, 1) < 0 else UNCLEAR


def headline_numbers(told: Headline) -> dict[str, Any]:
    """Return the whole selection's changes, and how many groups rose, fell or are unclear."""
    numbers = {name: told.overall.get(name) for name in COLUMNS if name != "sales"}
    return {**numbers, "groups": told.groups.height, **_tally(told.groups)}


def key_finding(told: Headline) -> str:
    """Put the numbers into one sentence."""
    if told.sales == 0:
        return nothing_selected(told.county_id)
    found = counted(told.sales, "sale")
    if told.overall.get(_RAW) is None:
        least = f"{told.min_sales} or more"
        return f"In {told.county_id} the request selects {found}; no two full periods have {least} to compare."
    span = f"From {told.overall['first_period']} to {told.overall['last_period']}"
    return f"{span} {', and '.join(_clauses(told))} in {told.county_id} ({found}{_groups(told)})."


def _clauses(told: Headline) -> Iterator[str]:
    """Tell the raw change and what stands beside it."""
    checked, raw = told.checked or {}, _clause("the raw median price", _RAW, told, told.overall)
    if told.overall[_QUALITY] is not None:
        yield _clause(told.moves, _QUALITY, told, told.overall)
        yield raw
        return
    yield raw
    if checked.get("cross_check"):
        yield _clause(checked["cross_check"], _CHECK, told, checked)


def _clause(what: str, name: str, told: Headline, figures: Mapping[str, Any]) -> str:
    low, high = (figures[bound] for bound in _BOUNDS[name])
    return said_of(what, (figures[name], low, high), told.confidence_level)


def said_of(what: str, per_cent: tuple[float, float | None, float | None], confidence_level: float) -> str:
    """Say where something went: a change in per cent with its interval, which may be unknown."""
    change, low, high = per_cent
    moved = direction(change, low, high)
    if moved == UNKNOWN or low is None or high is None:
        return f"{what} changed by {_signed(change)} (too few sales for an interval)"
    interval = interval_of(confidence_level, _signed(low), _signed(high))
    if moved == UNCLEAR:
        return f"{what} showed no clear change ({_signed(change)}, {interval})"
    return f"{what} {moved} {abs(change):.1f}% ({interval})"


def followed_by(method: str) -> str:
    """Name what an index by this method follows: medians hold no more constant than areas and types."""
    return "prices" if method == "stratified_median" else AT_CONSTANT_QUALITY


def interval_of(confidence_level: float, low: str, high: str) -> str:
    """Put an interval into words: ``95% interval LOW to HIGH``."""
    return f"{confidence_level * 100:g}% interval {low} to {high}"


def a_year(slope: float) -> float:
    """Return in per cent what a slope of logs on time, a year, comes to in one."""
    return 100 * math.expm1(min(slope, _STEEPEST))


def _signed(per_cent: float) -> str:
    """Print a change to one decimal; what rounds to nothing has no minus."""
    return f"{round(per_cent, 1) + 0.0:+.1f}%"


def _tally(groups: pl.DataFrame) -> dict[str, int]:
    """Count groups by where their prices went: at constant quality if known, else by the raw median."""
    moves = [_move(row) for row in groups.iter_rows(named=True)]
    return {f"groups_{move}": moves.count(move) for move in (ROSE, FELL, UNCLEAR, UNKNOWN)}


def _move(row: Mapping[str, Any]) -> str:
    name = _RAW if row[_QUALITY] is None else _QUALITY
    low, high = _BOUNDS[name]
    return direction(row[name], row[low], row[high])


def _groups(told: Headline) -> str:
    if told.groups.height < 2:  # noqa: PLR2004 - one group is the whole
        return ""
    tally = _tally(told.groups)
    unknown = f", {tally['groups_unknown']} cannot be told" if tally["groups_unknown"] else ""
    counts = f"{tally['groups_rose']} rose, {tally['groups_fell']} fell, {tally['groups_unclear']} show no clear change"
    return f"; of {told.groups.height} {_PLURAL.get(told.group_name, 'groups')} {counts}{unknown}"
