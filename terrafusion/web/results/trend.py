"""Trends: the raw median with its interval beside the constant-quality index, and the groups' changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from terrafusion.web.charts.lines import Series, Strip, has_numbers, over_time, rebased, series_of
from terrafusion.web.charts.scale import plain, short_dollars
from terrafusion.web.results.groups import Compared, Group, choose, compare
from terrafusion.web.results.view import Note, Part, Result, Rows, Section, View, picture, sections, table
from terrafusion.wording import change, dollars

MOST_POINTS: Final = 400
POINTS: Final = (
    "period",
    "sales_volume",
    "median_price",
    "median_ci_low",
    "median_ci_high",
    "index",
    "index_ci_low",
    "index_ci_high",
    "mom",
    "yoy",
    "median_price_per_sqft",
    "price_per_sqft_n",
)
GROUPS: Final = (
    "group",
    "tier",
    "sales",
    "constant_quality_change_pct",
    "constant_quality_ci_low_pct",
    "constant_quality_ci_high_pct",
    "raw_change_pct",
    "raw_change_ci_low_pct",
    "raw_change_ci_high_pct",
    "difference_pct_points",
)


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.trends, anchor="trend", size="sales_volume")
    return sections(None if group is None else _trend(group), _groups(result))


def _trend(group: Group) -> Section:
    rows = group.rows[-MOST_POINTS:]
    drawing = over_time(f"Prices over time: {group.name}", strips(rows))
    points = table(f"Points of {group.title}", rows[::-1], POINTS, folded=drawing is not None, total=len(group.rows))
    parts: list[Part] = picture(drawing, points)
    if drawing is None:
        parts.insert(0, Note("Too few periods have enough sales for a price to be drawn."))
    suppressed = sum(bool(row.get("suppressed")) for row in group.rows)
    if suppressed:
        parts.append(Note(f"{suppressed:,} of {len(group.rows):,} periods have too few sales to publish a price."))
    return Section(id="trend", title=f"Trend of {group.title}", parts=parts, choices=group.choices)


def strips(rows: Rows) -> Sequence[Strip]:
    """Lay out medians with their interval, the index beside the raw median, and the volume."""
    median = series_of(
        rows, "median_price", kind="raw", says="Raw median price", ends=("median_ci_low", "median_ci_high")
    )
    index = series_of(rows, "index", kind="c0", says="Constant-quality index", ends=("index_ci_low", "index_ci_high"))
    raw = replace(median, values=rebased(median.values, index.values), low=(), high=())
    volume = series_of(rows, "sales_volume", kind="soft", says="Sales")
    seasonal = [_adjusted(rows, "median_price_sa"), _adjusted(rows, "index_sa")]
    found = [
        Strip(
            title="Median price, with its interval",
            series=[median, *(seasonal[0] or ())],
            words=dollars,
            marks=short_dollars,
            height=190,
        ),
        Strip(
            title="Constant-quality index beside the raw median, 100 at the start",
            series=[raw, index, *(seasonal[1] or ())],
            words=plain,
            height=150,
        ),
        Strip(title="Sales", series=[volume], words=plain, height=60, as_columns=True, unit=" sales"),
    ]
    return found if index.is_line else [found[0], found[2]]


def _adjusted(rows: Rows, name: str) -> Sequence[Series]:
    """Return the line without seasons, where there is one."""
    return [series_of(rows, name, kind="c1", says="Seasonally adjusted")] if has_numbers(rows, name) else []


def _groups(result: Result) -> Section | None:
    quality = has_numbers(result.rows, "constant_quality_change_pct")
    name, ends = ("constant_quality_change_pct", "constant_quality") if quality else ("raw_change_pct", "raw_change")
    told = Compared(
        name=name,
        says="Change at constant quality" if quality else "Change of the raw median",
        words=change,
        low=f"{ends}_ci_low_pct",
        high=f"{ends}_ci_high_pct",
        beside="raw_change_pct" if quality else "",
        beside_says="Change of the raw median",
        size="sales",
    )
    return Section(id="groups", title="Groups side by side", parts=compare(result, result.rows, told, GROUPS))


VIEW: Final = View(
    headline=("constant_quality_change_pct", "raw_change_pct", "difference_pct_points"),
    sections=_sections,
)
