"""What a reader is told first: one true sentence, how many groups stand where, and what to beware of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.findings import (
    FELL,
    ROSE,
    a_year,
    counted,
    direction,
    interval_of,
    nothing_selected,
    of_year_only,
)
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.standard import JUDGED, MET, NOT_MET, STATISTICALLY_MET, bands, written

_TRIM_MUCH: Final = 0.10
_UNLIKELY: Final = (0.5, 2.0)
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """All that the sentence and the warnings are made from."""

    county_id: str
    parameters: RatioParameters
    level: float
    overall: Mapping[str, Any]
    """The row of all sales together."""
    rows: pl.DataFrame
    year_only: int
    """Of how many sales only the year is known."""
    advice: Callable[[], str]
    """What to do about ratios that move in time."""


def key_finding(told: Told) -> str:
    """Put level, uniformity and vertical equity into one sentence."""
    row = told.overall
    found = counted(row["n"], "sale")
    if not row["n"]:
        return nothing_selected(told.county_id, "sales with a value")
    if row["suppressed"]:
        least = told.parameters.min_sales
        return f"In {told.county_id} the request selects {found} with a value, too few to tell ({least} or more)."
    said = [_clause("median", "the median ratio", told, digits=3)]
    said.append(_clause("cod", "COD", told, digits=1))
    said.append(_clause("prd", "PRD", told, digits=3))
    said.append(_clause("prb", "PRB", told, digits=3))
    return f"In {told.county_id} ({found}) {'; '.join(said)}{_without(row)}."


def _clause(name: str, called: str, told: Told, *, digits: int) -> str:
    row = told.overall
    value, low, high = row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    if value is None:
        return f"{called} cannot be told"
    level = f"{told.parameters.confidence_level * 100:g}%"
    between = f"{level} interval {low:z.{digits}f} to {high:z.{digits}f}" if low is not None else "no interval"
    judged = row[f"{name}_verdict"]
    if judged is None:
        return f"{called} is {value:z.{digits}f} ({between})"
    band = bands(row["property_class"], told.parameters.jurisdiction_size, level=told.level)[name]
    return f"{called} is {written(value, digits, band)} ({between}), {judged} ({band.low:g} to {band.high:g})"


def _without(row: Mapping[str, Any]) -> str:
    if not row["outliers_excluded"]:
        return ""
    gone = counted(row["outliers_excluded"], "outlier")
    return f"; without {gone} COD is {row['trimmed_cod']:.1f}"


def tally(rows: pl.DataFrame) -> dict[str, Any]:
    """Count the groups by verdict, for every measure that has one."""
    counts = {
        name: {said: int((rows[f"{name}_verdict"] == said).sum()) for said in (MET, STATISTICALLY_MET, NOT_MET)}
        for name in JUDGED
    }
    return {"groups": rows.height, "group_verdicts": counts}


def cautions(told: Told) -> Iterator[Caution]:
    """Tell what the figures alone do not."""
    row, rows, least = told.overall, told.rows, told.parameters.trim_min_sales
    spared = rows.filter(pl.col("n") < least, pl.col("outliers_kept") > 0)
    if spared.height:
        ratios = counted(int(spared["outliers_kept"].sum()), "outlying ratio")
        groups = counted(spared.height, "group")
        message = f"Not trimmed: {ratios} in {groups} below {least} sales; quartiles of so few are uncertain"
        yield Caution("outliers_not_trimmed", message)
    yield from _listed(rows.filter(pl.col("outliers_excluded") > _TRIM_MUCH * pl.col("n")), "trimmed_much", _MUCH)
    yield from _listed(rows.filter(pl.col("chasing_suspected")), "chasing_suspected", _CHASING)
    yield from _listed(rows.filter(~pl.col("suppressed"), pl.col("property_class").is_null()), "mixed_classes", _MIXED)
    yield from _of_time(told)
    yield from of_year_only(told.year_only)
    if row["median"] is not None and not _UNLIKELY[0] <= row["median"] / told.level <= _UNLIKELY[1]:
        message = (
            f"The median ratio is {row['median']:.3f} where {told.level:g} is expected; is assessment_level right?"
        )
        yield Caution("assessment_level_unlikely", message)


def _of_time(told: Told) -> Iterator[Caution]:
    """Tell where ratios move with the date of sale, as far as the interval, as it is printed, leaves zero out."""
    adjusted = told.parameters.time_adjust != "none"
    name = "adjusted_time_slope" if adjusted else "time_slope"
    slopes = (told.overall[f"{name}{end}"] for end in ("", "_ci_low", "_ci_high"))
    change, low, high = (None if slope is None else a_year(slope) for slope in slopes)
    moved = direction(change, low, high)
    if change is None or moved not in (ROSE, FELL):
        return
    sure = interval_of(told.parameters.confidence_level, f"{low:+.1f}%", f"{high:+.1f}%")
    rate = f"{moved} by {abs(change):.1f}% a year ({sure})"
    if adjusted:
        message = f"Ratios still {rate} after the adjustment of prices: the index does not follow what these homes did"
        yield Caution("ratios_move_after_adjustment", message)
        return
    prices = ROSE if moved == FELL else FELL
    message = (
        f"Ratios {rate}: prices {prices} against values, and the figures mix sales of different dates; {told.advice()}"
    )
    yield Caution("ratios_move_in_time", message)


_MUCH: Final = "More than a tenth of the ratios were trimmed; COD and PRD without them flatter"
_CHASING: Final = "Ratios crowd at the level of assessment: values may have followed the prices of what was sold"
_MIXED: Final = "Sales of several property classes lie together, so COD has no bounds"


def _listed(rows: pl.DataFrame, code: str, message: str) -> Iterator[Caution]:
    if rows.height:
        named = ", ".join(rows["group"].head(_NAMED)) + (", ..." if rows.height > _NAMED else "")
        yield Caution(code, f"{message} ({counted(rows.height, 'group')}: {named})")
