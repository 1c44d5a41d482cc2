"""A ratio study: the measures against the standard, how ratios are spread, how they go with value, and every group's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from terrafusion.web.charts.bars import Histogram, Limit, histogram
from terrafusion.web.charts.points import Estimate, Plane, density
from terrafusion.web.charts.scale import Marked, exact, number, short_dollars
from terrafusion.web.charts.shapes import Drawing, Key
from terrafusion.web.results.counts import counts_of, numbers_in
from terrafusion.web.results.groups import Compared, compare
from terrafusion.web.results.ratios import band_of, by_value, ratio, said, standard
from terrafusion.web.results.view import Note, Part, Result, Row, Section, View, picture, rows_in, sections, table

VALUE_GROUPS: Final = ("value_group", "n", "median_value", "median", "median_ci_low", "median_ci_high")
ALSO: Final = {
    "median": ("prd", "prd_verdict", "prb", "prb_verdict", "vei", "vei_verdict"),
    "cod": ("cov", "outliers_excluded"),
}


def _sections(result: Result) -> Sequence[Section]:
    return sections(
        Section(id="standard", title="Against the standard", parts=standard(result, result.rows)),
        Section(id="ratios", title="How ratios are spread", parts=_spread(result)),
        Section(id="value", title="Ratios by value: is it fair to cheap and dear homes?", parts=[*_vertical(result)]),
        Section(id="groups", title="Level by group", parts=_groups(result, "median", "Median ratio")),
        Section(id="uniformity", title="Uniformity by group", parts=_groups(result, "cod", "COD")[-1:]),
    )


def _spread(result: Result) -> list[Part]:
    told = counts_of(result.pictures.get("ratios"))
    if told is None:
        return []
    median, zone = number(result.summary.get("median")), band_of(result, "median")
    limits = [] if median is None else [Limit("c1", median, f"Median {ratio(median)}")]
    says = f"Acceptable level {said(zone)}"
    drawn = Histogram(edges=told.edges, counts=told.counts, words=ratio, zone=zone, zone_says=says, limits=limits)
    drawing = histogram("Assessment ratios: assessed value over price", drawn)
    return picture(drawing, table("Sales by ratio", told.rows, folded=True), note=told.beyond)


def _vertical(result: Result) -> Iterator[Part]:
    """Show ratios against value, the line that PRB draws through them, and VEI's groups of value."""
    groups = rows_in(result.pictures.get("value_groups"))
    drawing = _plane(result)
    if drawing is not None:
        slope = number(result.summary.get("prb"))
        note = "The stronger the colour of a cell, the more sales lie in it." if slope is None else (
            f"The stronger the colour of a cell, the more sales lie in it. PRB is {slope:+.3f}: "
            f"where the value doubles, the level {'falls' if slope < 0 else 'rises'} by {abs(100 * slope):.1f}%."
        )  # fmt: skip
        yield from picture(drawing, note=note)
    yield from by_value(result, groups, "Median ratio by tenth of value", VALUE_GROUPS)
    vei = number(result.summary.get("vei"))
    if groups and vei is not None:
        yield Note(
            f"VEI is {vei:.1f}: the level of the dearest group of homes less that of the cheapest, in per cent of the median."
        )


def _plane(result: Result) -> Drawing | None:
    given: Any = result.pictures.get("by_value")
    told = given if isinstance(given, Mapping) else {}
    values, ratios, steps = (numbers_in(told.get(name)) for name in ("log2_value", "ratio", "steps"))
    if not len(values) == len(ratios) == len(steps) == 2 or values[0] >= values[1] or ratios[0] >= ratios[1]:  # noqa: PLR2004
        return None
    line = _line(result, values)
    plane = Plane(
        x=partial(_in_dollars, values),
        y=lambda start, end: exact(ratios[0], ratios[1], start, end, ratio),
        steps=(int(steps[0]), int(steps[1])),
        cells=_cells(told.get("cells")),
        title="Ratio, by value (half the price, half what the assessment comes to at the median)",
        zone=band_of(result, "median"),
        over=[("dark", values, line)] if line else [],
        marked=[_marked(row) for row in rows_in(result.pictures.get("value_groups"))],
        legend=[
            Key("cell s4", "Sales"),
            Key("level ok", "Acceptable level"),
            Key("dot c1", "Median of a tenth by value, with its interval"),
            *([Key("line dark", "PRB")] if line else []),
        ],
    )
    return density("Ratios against value", plane)


def _cells(given: Any) -> Sequence[tuple[int, int, int]]:
    cells = [numbers_in(cell) for cell in given] if isinstance(given, list) else []
    return [(int(column), int(row), int(count)) for column, row, count in (cell for cell in cells if len(cell) == 3)]  # noqa: PLR2004


def _in_dollars(values: Sequence[float], start: float, end: float) -> Marked:
    """Make an axis of log2 values, marked in dollars."""
    marked = exact(2.0 ** values[0], 2.0 ** values[1], start, end, short_dollars, logs=True)
    return Marked(exact(values[0], values[1], start, end, ratio).axis, marked.ticks)


def _line(result: Result, values: Sequence[float]) -> list[float | None]:
    """Return PRB's line at both ends of the axis: it goes through the means, its slope is in parts of the median."""
    given: Any = result.pictures.get("line")
    middle = given if isinstance(given, Mapping) else {}
    at, mean = number(middle.get("log2_value")), number(middle.get("ratio"))
    slope, median = number(result.summary.get("prb")), number(result.summary.get("median"))
    if at is None or mean is None or slope is None or median is None:
        return []
    return [mean + slope * median * (value - at) for value in values]


def _marked(row: Row) -> Estimate:
    value = number(row.get("median_value"))
    return Estimate(
        name=f"Tenth {row.get('value_group')}",
        value=number(row.get("median")),
        low=number(row.get("median_ci_low")),
        high=number(row.get("median_ci_high")),
        beside=None if value is None or value <= 0 else math.log2(value),
        kind="c1",
    )


def _groups(result: Result, name: str, says: str) -> list[Part]:
    told = Compared(
        name=name,
        says=says,
        words=ratio if name == "median" else "{:.1f}".format,
        low=f"{name}_ci_low",
        high=f"{name}_ci_high",
        size="n",
        zone=band_of(result, name),
        zone_says=f"Acceptable {said(band_of(result, name))}",
    )
    columns = ("group", "n", *(f"{name}{end}" for end in ("", "_ci_low", "_ci_high", "_verdict")), *ALSO[name])
    return compare(result, result.rows, told, columns)


VIEW: Final = View(headline=("median", "cod", "prd", "prb", "mki", "vei", "n", "outliers_excluded"), sections=_sections)
