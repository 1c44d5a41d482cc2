"""Prices per square foot: over time by band of sizes, and each band's level and change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.lines import Strip, by_name, over_time, series_of
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import WHOLE, Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Part, Result, Row, Rows, Section, View, picture, rows_in, sections, table
from terrafusion.wording import change, dollars

UNIT: Final = "median_price_per_sqft"
ENDS: Final = (f"{UNIT}_ci_low", f"{UNIT}_ci_high")
POINTS: Final = ("period", "band", "sales_volume", UNIT, *ENDS, "price_per_sqft_p25", "price_per_sqft_p75", "yoy")
BANDS: Final = ("band", "sales_volume", UNIT, *ENDS, "price_per_sqft_p25", "price_per_sqft_p75", f"{UNIT}_change_pct", f"{UNIT}_change_ci_low_pct", f"{UNIT}_change_ci_high_pct", "size_elasticity", "size_elasticity_ci_low", "size_elasticity_ci_high")  # fmt: skip


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="unit-prices", size="sales_volume")
    return sections(
        None if group is None else _over_time(group),
        Section(id="bands", title="Bands of sizes side by side", parts=_bands(rows_in(result.summary.get("bands")))),
        _groups(result),
    )


def _over_time(group: Group) -> Section:
    bands = by_name(group.rows, "band")
    order = list(dict.fromkeys(str(row.get("band")) for row in sorted(group.rows, key=_low)))
    sized = [name for name in order if name != WHOLE]
    whole = bands.get(WHOLE, [])
    lines = [
        series_of(bands[name], UNIT, kind=f"c{place}", says=f"{name} sq ft")
        for place, name in enumerate(sized, start=1)
    ]
    lines.append(series_of(whole, UNIT, kind="c0", says="all sizes", ends=ENDS))
    volume = series_of(whole, "sales_volume", kind="soft", says="Sales")
    drawing = over_time(
        f"Price per square foot of {group.title}",
        [
            Strip(title="Median price per square foot", series=lines, words=dollars, height=240),
            Strip(title="Sales", series=[volume], height=60, as_columns=True, unit=" sales"),
        ],
    )
    points = table(
        f"Prices per square foot of {group.title}", whole[::-1] or group.rows, POINTS, folded=drawing is not None
    )
    return Section(
        id="unit-prices",
        title=f"Price per square foot of {group.title}",
        parts=picture(drawing, points),
        choices=group.choices,
    )


def _low(row: Row) -> float:
    return number(row.get("band_low")) or -1.0


def _bands(rows: Rows) -> list[Part]:
    marks = [_estimate(row, UNIT, *ENDS) for row in rows]
    legend = [Key("dot c0", "Median price per square foot"), Key("whisker c0", "its interval")]
    level = forest("Median price per square foot, by size", marks, Look(words=dollars, legend=legend))
    ends = (f"{UNIT}_change_ci_low_pct", f"{UNIT}_change_ci_high_pct")
    moved = [_estimate(row, f"{UNIT}_change_pct", *ends) for row in rows]
    legend = [Key("dot c0", "Change"), Key("whisker c0", "its interval")]
    moves = forest("Change from the first to the last period, by size", moved, Look(words=change, legend=legend))
    return [*picture(level), *picture(moves, table("Bands of sizes", rows, BANDS))]


def _estimate(row: Row, name: str, low: str, high: str) -> Estimate:
    band = str(row.get("band"))
    ends = (number(row.get(low)), number(row.get(high)))
    return Estimate(
        name="all sizes" if band == WHOLE else f"{band} sq ft", value=number(row.get(name)), low=ends[0], high=ends[1]
    )


def _groups(result: Result) -> Section:
    whole = [row for row in result.rows if row.get("band") == WHOLE and number(row.get(UNIT)) is not None]
    last = [rows[-1] for rows in grouped(whole).values()]
    told = Compared(
        name=UNIT,
        says="Price per square foot in the last period",
        words=dollars,
        low=ENDS[0],
        high=ENDS[1],
        size="sales_volume",
    )
    columns = ("group", "period", "sales_volume", UNIT, *ENDS, "yoy")
    return Section(id="groups", title="Groups side by side", parts=compare(result, last, told, columns))


VIEW: Final = View(
    headline=(f"latest_{UNIT}", f"{UNIT}_change_pct", "size_elasticity", "largest_to_smallest_pct"),
    sections=_sections,
)
