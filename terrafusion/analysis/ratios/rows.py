"""The figures of groups of sales, as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cells import smallest_for_interval
from terrafusion.analysis.ratios.bootstrap import RESAMPLED, Intervals, bootstrap
from terrafusion.analysis.ratios.chasing import chasing_suspected
from terrafusion.analysis.ratios.measures import MEASURES, analytic_intervals, measures, slope
from terrafusion.analysis.ratios.sample import ROUNDING, Ratios
from terrafusion.analysis.ratios.segments import Estimate, Estimates, Segments
from terrafusion.analysis.ratios.standard import CLASSES, JUDGED, bounds, verdicts

TRIMMED: Final = "trimmed_"

Told = dict[str, Estimates]
Columns = dict[str, NDArray[Any]]


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
class Block:
    """The sales of several groups, in each by ascending ratio of value to (adjusted) price."""

    ratios: Ratios
    recorded: Floats
    """The ratios to the prices as recorded, in the same order."""
    years: Floats
    """When each was sold, in years."""
    dated: Flags
    """Which of them tell how ratios move in time."""
    classes: Codes
    """Of each group its sales' class, as a place in `CLASSES`; as many as there are where it has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How every group is judged."""

    confidence_level: float
    min_sales: int
    level: float
    jurisdiction_size: str
    trim: float | None
    """Multiple of the quartiles' distance; None trims nothing."""
    trim_min_sales: int
    """Sales of the groups that are trimmed."""
    iterations: int | None
    """Draws of the bootstrap; None asks for analytic intervals."""
    seed: int
    adjusted: bool
    """Whether prices were brought to one date."""


def to_rows(names: pl.Series, blocks: Sequence[Columns]) -> pl.DataFrame:
    """Make one frame of blocks' columns: what is no number is null, and of a suppressed group all but the count."""
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    columns = {name: values.tolist() if values.dtype == object else values for name, values in joined.items()}
    frame = pl.DataFrame({"group": names} | {name: columns.get(name) for name in [*SCHEMA][1:]}, schema=SCHEMA)
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    told = frame.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))
    return told.with_columns(pl.when(~pl.col("suppressed")).then(pl.exclude("group", "n", "suppressed")))


def columns_of(block: Block, rules: Rules) -> Columns:
    """Return the columns of `SCHEMA` but ``group``, of each group in the block; nan is what cannot be told."""
    ratios = block.ratios
    begins, ends, spared = kept_of(ratios, rules.trim, rules.trim_min_sales)
    kept = ends - begins
    fewer = ratios if np.array_equal(kept, ratios.n) else ratios.between(begins, ends)
    whole = _told(ratios, rules)
    some = whole if fewer is ratios else _told(fewer, rules)
    if rules.iterations is not None:
        drawn = zip(*_drawn(ratios, begins, ends, rules), strict=True)
        whole, some = (_with(told, each) for told, each in zip((whole, some), drawn, strict=True))
    judged = bounds(block.classes, rules.jurisdiction_size, level=rules.level)
    return {
        "n": ratios.n,
        "suppressed": ratios.n < rules.min_sales,
        "property_class": np.array([*CLASSES, None], dtype=object)[block.classes],
        "interval_method": np.full(len(ratios.n), "analytic" if rules.iterations is None else "bootstrap"),
        **_named(whole, judged, ""),
        "chasing_suspected": chasing_suspected(ratios, level=rules.level),
        **_slopes(block, rules),
        "outliers_excluded": ratios.n - kept,
        "outliers_kept": spared,
        "trimmed_n": kept,
        **_named(some, judged, TRIMMED),
    }


def kept_of(ratios: Ratios, multiple: float | None, least: int) -> tuple[Codes, Codes, Codes]:
    """Say from where to where each group's ratios lie within its bounds, and how many do not but are spared.

    Groups of fewer than ``least`` sales are not trimmed: their quartiles are too uncertain to judge by.
    """
    n, segments = ratios.n, ratios.segments
    if multiple is None:
        return np.zeros_like(n), n, np.zeros_like(n)
    first, third = (segments.quantile(ratios.ratio, part, 4) for part in (1, 3))
    reach = multiple * (third - first) + ROUNDING * third
    below = segments.counts(ratios.ratio < segments.each(first - reach))
    above = segments.counts(ratios.ratio > segments.each(third + reach))
    trimmed = n >= least
    return np.where(trimmed, below, 0), np.where(trimmed, n - above, n), np.where(trimmed, 0, below + above)


def _told(ratios: Ratios, rules: Rules) -> Told:
    found = measures(ratios, rules.confidence_level)
    if rules.iterations is None:
        enough = ratios.n >= smallest_for_interval(rules.confidence_level)
        intervals = analytic_intervals(ratios, rules.confidence_level)
        found |= {name: told.told_where(enough) for name, told in intervals.items()}
    return found


def _drawn(ratios: Ratios, begins: Codes, ends: Codes, rules: Rules) -> Iterator[tuple[Intervals, Intervals]]:
    """Yield each group's resampled intervals, of all its sales and of those that are kept; none of too few."""
    least = max(smallest_for_interval(rules.confidence_level), rules.min_sales)
    for one, *kept in zip(ratios.each(), begins.tolist(), ends.tolist(), strict=True):
        if rules.iterations is None or len(one) < least:
            yield {}, {}
        else:
            yield bootstrap(
                one, kept, iterations=rules.iterations, seed=rules.seed, confidence_level=rules.confidence_level
            )


def _with(told: Told, drawn: Sequence[Intervals]) -> Told:
    """Give measures the intervals that were drawn for each group."""
    found = dict(told)
    for name in RESAMPLED:
        ends = np.array([one.get(name, (math.nan, math.nan)) for one in drawn])
        value = told[name].value
        found[name] = Estimates(value, ends[:, 0], ends[:, 1]).told_where(np.isfinite(value))
    return found


def _named(told: Told, judged: Mapping[str, tuple[Floats, Floats]], prefix: str) -> Columns:
    named: Columns = {f"{prefix}vei_significance": told["vei_significance"].value}
    for name in MEASURES:
        named |= spread(prefix + name, told[name])
        if name in JUDGED:
            named[f"{prefix}{name}_verdict"] = verdicts(told[name], *judged[name])
    return named


def spread(name: str, told: Estimate | Estimates) -> dict[str, Any]:
    """Name figures and the ends of their intervals."""
    return dict(zip((name, f"{name}_ci_low", f"{name}_ci_high"), told, strict=True))


def _slopes(block: Block, rules: Rules) -> Columns:
    """Slope of ln r on time, a year: with prices as recorded, and, where they were adjusted, after that."""
    dated, level = block.dated, rules.confidence_level
    segments = Segments.of(block.ratios.segments.counts(dated))
    years = block.years[dated]
    found = spread("time_slope", slope(years, np.log(block.recorded[dated]), segments, level))
    if rules.adjusted:
        found |= spread("adjusted_time_slope", slope(years, np.log(block.ratios.ratio[dated]), segments, level))
    return found
