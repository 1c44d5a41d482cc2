"""The figures of one group of sales, as a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.cells import smallest_for_interval
from terrafusion.analysis.outliers import SMALLEST_GROUP
from terrafusion.analysis.ratios.bootstrap import RESAMPLED, Intervals, bootstrap
from terrafusion.analysis.ratios.chasing import chasing_suspected
from terrafusion.analysis.ratios.measures import MEASURES, analytic_intervals, measures, slope
from terrafusion.analysis.ratios.sample import ROUNDING, Estimate, Floats, Ratios, quantile
from terrafusion.analysis.ratios.standard import JUDGED, bands, verdict

TRIMMED: Final = "trimmed_"


def figures(prefix: str) -> Iterator[tuple[str, pl.DataType]]:
    """Name the columns of the measures, with their intervals and verdicts, and their kinds."""
    for name in MEASURES:
        yield from ((f"{prefix}{name}{end}", pl.Float64()) for end in ("", "_ci_low", "_ci_high"))
        if name in JUDGED:
            yield f"{prefix}{name}_verdict", pl.String()
    yield f"{prefix}vei_significance", pl.Float64()


SCHEMA: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),
    "n": pl.Int64(),
    "suppressed": pl.Boolean(),
    "property_class": pl.String(),
    "interval_method": pl.String(),
    **dict(figures("")),
    "chasing_suspected": pl.Boolean(),
    "time_slope": pl.Float64(),
    "time_slope_ci_low": pl.Float64(),
    "time_slope_ci_high": pl.Float64(),
    "adjusted_time_slope": pl.Float64(),
    "adjusted_time_slope_ci_low": pl.Float64(),
    "adjusted_time_slope_ci_high": pl.Float64(),
    "outliers_excluded": pl.Int64(),
    "outliers_kept": pl.Int64(),
    f"{TRIMMED}n": pl.Int64(),
    **dict(figures(TRIMMED)),
}
"""The columns of a row, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group's sales by ascending ratio of value to (adjusted) price."""

    ratios: Ratios
    recorded: Floats
    """The ratios to the prices as recorded, in the same order."""
    years: Floats
    """When each was sold, in years."""
    property_class: str | None
    """In the standard's words; None where there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How every group is judged."""

    confidence_level: float
    min_sales: int
    level: float
    jurisdiction_size: str
    trim: float | None
    """Multiple of the quartiles' distance; None trims nothing."""
    iterations: int | None
    """Draws of the bootstrap; None asks for analytic intervals."""
    seed: int
    adjusted: bool
    """Whether prices were brought to one date."""


def row_of(group: Group, rules: Rules) -> dict[str, Any]:
    """Return a row of `SCHEMA` but its ``group``; below ``min_sales`` there is only the count."""
    ratios = group.ratios
    known: dict[str, Any] = {"n": len(ratios), "suppressed": len(ratios) < rules.min_sales}
    if known["suppressed"]:
        return known
    kept, spared = kept_of(ratios.ratio, rules.trim)
    fewer = ratios if kept == (0, len(ratios)) else ratios.between(*kept)
    whole, some = _intervals(ratios, fewer, kept, rules)
    judged = bands(group.property_class, rules.jurisdiction_size, level=rules.level)
    told = _told(ratios, whole, rules)
    return {
        **known,
        "property_class": group.property_class,
        "interval_method": _method(rules),
        **_named(told, judged, ""),
        "chasing_suspected": chasing_suspected(ratios.ratio, level=rules.level),
        **_slopes(group, rules),
        "outliers_excluded": len(ratios) - (kept[1] - kept[0]),
        "outliers_kept": spared,
        "trimmed_n": kept[1] - kept[0],
        **_named(told if fewer is ratios else _told(fewer, some, rules), judged, TRIMMED),
    }


def _method(rules: Rules) -> str:
    return "analytic" if rules.iterations is None else "bootstrap"


def kept_of(ratio: Floats, multiple: float | None) -> tuple[tuple[int, int], int]:
    """Say from where to where sorted ratios lie within the bounds, and how many do not but are spared.

    Groups below `SMALLEST_GROUP` are not trimmed: their quartiles are too uncertain to judge by.
    """
    n = len(ratio)
    if multiple is None:
        return (0, n), 0
    first, third = quantile(ratio, 1, 4), quantile(ratio, 3, 4)
    reach = multiple * (third - first) + ROUNDING * third
    begin = int(np.searchsorted(ratio, first - reach))
    end = int(np.searchsorted(ratio, third + reach, side="right"))
    return ((begin, end), 0) if n >= SMALLEST_GROUP else ((0, n), n - (end - begin))


def _intervals(ratios: Ratios, fewer: Ratios, kept: tuple[int, int], rules: Rules) -> tuple[Intervals, Intervals]:
    """Return the resampled or analytic intervals of all ratios, and of those ``fewer`` that are ``kept``."""
    if len(ratios) < smallest_for_interval(rules.confidence_level):
        return {}, {}
    if rules.iterations is not None:
        return bootstrap(
            ratios, kept, iterations=rules.iterations, seed=rules.seed, confidence_level=rules.confidence_level
        )
    whole = analytic_intervals(ratios, rules.confidence_level)
    return whole, whole if fewer is ratios else analytic_intervals(fewer, rules.confidence_level)


def _told(ratios: Ratios, intervals: Intervals, rules: Rules) -> dict[str, Estimate]:
    found = measures(ratios, rules.confidence_level)
    for name in RESAMPLED:
        if name in intervals and np.isfinite(found[name].value):
            found[name] = Estimate(found[name].value, *intervals[name])
    return found


def _named(told: Mapping[str, Estimate], judged: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    named: dict[str, Any] = {f"{prefix}vei_significance": told["vei_significance"].value}
    for name in MEASURES:
        named |= spread(prefix + name, told[name])
        if name in JUDGED:
            named[f"{prefix}{name}_verdict"] = verdict(told[name], judged.get(name))
    return named


def spread(name: str, estimate: Estimate) -> dict[str, float]:
    """Name a figure and the ends of its interval."""
    return dict(zip((name, f"{name}_ci_low", f"{name}_ci_high"), estimate, strict=True))


def _slopes(group: Group, rules: Rules) -> dict[str, float]:
    """Slope of ln r on time, a year: with prices as recorded, and, where they were adjusted, after that."""
    before = slope(group.years, np.log(group.recorded), rules.confidence_level)
    found = spread("time_slope", before)
    if rules.adjusted:
        after = slope(group.years, np.log(group.ratios.ratio), rules.confidence_level)
        found |= spread("adjusted_time_slope", after)
    return found


def to_rows(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make one frame of rows; what is no number is null."""
    frame = pl.DataFrame(rows, schema=SCHEMA)
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    return frame.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))
