"""Time adjustment: what a price of each period is multiplied by, in the county and in every group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.analysis.findings import a_year
from terrafusion.web.charts.lines import Strip, over_time, series_of
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import WHOLE, Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Part, Result, Section, View, picture, sections, table
from terrafusion.wording import change

POINTS: Final = (
    "period",
    "factor",
    "ci_low",
    "ci_high",
    "own_factor",
    "county_factor",
    "weight",
    "observations",
    "imputed",
)
GROUPS: Final = (
    "group",
    "period",
    "factor",
    "ci_low",
    "ci_high",
    "own_factor",
    "county_factor",
    "weight",
    "group_observations",
)


def factor(value: float) -> str:
    """Write a factor."""
    return f"{value:.2f}"


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="factors", size="observations")
    return sections(
        None if group is None else _factors(result, group),
        Section(id="check", title="Against another method, and against assessments", parts=_check(result)),
        _groups(result),
    )


def _factors(result: Result, group: Group) -> Section:
    lines = [series_of(group.rows, "factor", kind="c0", says="Factor", ends=("ci_low", "ci_high"))]
    if group.name != WHOLE:
        lines += [
            series_of(group.rows, "county_factor", kind="raw", says="County"),
            series_of(group.rows, "own_factor", kind="c1", says="By its own sales alone"),
        ]
    volume = series_of(group.rows, "observations", kind="soft", says="Sales")
    title = f"Factor to {result.summary.get('valuation_period')}: 1 leaves a price as it is"
    drawing = over_time(
        f"What a price of {group.title} is multiplied by",
        [
            Strip(title=title, series=lines, words=factor, height=210, level=1.0),
            Strip(title="Sales", series=[volume], height=60, as_columns=True, unit=" sales"),
        ],
    )
    points = table(f"Factors of {group.title}", group.rows[::-1], POINTS, folded=drawing is not None)
    return Section(
        id="factors", title=f"Factors of {group.title}", parts=picture(drawing, points), choices=group.choices
    )


def _check(result: Result) -> list[Part]:
    """Put the change beside that of the cross-check, and the slope of ratios on time before and after."""
    told = result.summary
    method = str(told.get("cross_check") or "cross-check")
    marks = [_estimate(result, "This method", "change"), _estimate(result, "Cross-check", "cross_check_change")]
    legend = [Key("dot c0", "Change since the first period"), Key("whisker c0", "its interval")]
    drawing = forest(
        "Change since the first period",
        [one for one in marks if one.value is not None],
        Look(words=change, legend=legend),
    )
    slopes = [
        Estimate(
            name=says,
            value=_a_year(told.get(name)),
            low=_a_year(told.get(f"{name}_ci_low")),
            high=_a_year(told.get(f"{name}_ci_high")),
        )
        for name, says in (("time_slope", "Before the adjustment"), ("adjusted_time_slope", "After it"))
    ]
    look = Look(
        words=change,
        legend=[Key("dot c0", "Move of ratios a year; 0 is best"), Key("whisker c0", "its interval")],
    )
    known = [one for one in slopes if one.value is not None]
    note = f"Cross-check: {method}."
    return [*picture(drawing, note=note), *picture(forest("Move of the ratio of value to price, a year", known, look))]


def _a_year(slope: object) -> float | None:
    known = number(slope)
    return None if known is None else number(a_year(known))


def _estimate(result: Result, says: str, name: str) -> Estimate:
    value, low, high = (number(result.summary.get(f"{name}{end}")) for end in ("_pct", "_ci_low_pct", "_ci_high_pct"))
    return Estimate(name=says, value=value, low=low, high=high)


def _groups(result: Result) -> Section:
    first = [rows[0] for rows in grouped(result.rows).values()]
    told = Compared(
        name="factor",
        says=f"Factor of {result.summary.get('first_period')}",
        words=factor,
        low="ci_low",
        high="ci_high",
        beside="own_factor",
        beside_says="By its own sales alone",
        size="group_observations",
    )
    return Section(id="groups", title="Groups side by side", parts=compare(result, first, told, GROUPS))


VIEW: Final = View(
    headline=(
        "factor",
        "change_pct",
        "cross_check_change_pct",
        "time_slope",
        "adjusted_time_slope",
        "groups_with_own_factors",
        "observations",
    ),
    sections=_sections,
)
