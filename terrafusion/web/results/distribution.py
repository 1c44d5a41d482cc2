"""The distribution of prices: quantiles and their concentration over time, and the middle price of every group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from terrafusion.web.charts.lines import Series, Strip, over_time, series_of
from terrafusion.web.charts.scale import number, plain, short_dollars
from terrafusion.web.results.groups import Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Result, Row, Section, View, picture, sections, table
from terrafusion.wording import dollars, label

TIERS: Final = "_dollar_share"


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="distribution", size="sales_volume")
    return sections(None if group is None else _spread(group), _groups(result))


def _quantiles(row: Row) -> Sequence[str]:
    """Name the quantiles of a row, the highest first."""
    names = [name for name in row if name.startswith("p") and name[1:].replace("_", "").isdigit()]
    return sorted(names, key=lambda name: -float(name[1:].replace("_", ".")))


def _spread(group: Group) -> Section:
    names = _quantiles(group.rows[0])
    lines = [_line(group, name, f"c{place}", label(name)) for place, name in enumerate(names)]
    gini = _line(group, "gini", "c0", "Gini coefficient")
    check = series_of(group.rows, "gini_lognormal", kind="raw", says="of a lognormal distribution, the check")
    tiers = [name for name in group.rows[0] if name.endswith(TIERS)]
    shares = [
        _percent(_line(group, name, f"c{place}", f"{label(name.removesuffix(TIERS))} of prices"))
        for place, name in enumerate(tiers)
    ]
    quantiles = Strip(
        title="Quantiles of prices, with their intervals",
        series=lines,
        words=dollars,
        marks=short_dollars,
        height=230,
        logs=True,
    )
    drawing = over_time(f"Quantiles of the prices of {group.title}", [quantiles])
    concentrated = Strip(title="Gini coefficient: 0 all prices equal", series=[gini, check], words=plain)
    shared = Strip(title="Share of all dollars by tier of price, per cent", series=shares, words=plain)
    columns = [
        "period",
        "sales_volume",
        *(f"{name}{end}" for name in (*names[::-1], "gini") for end in ("", "_ci_low", "_ci_high")),
    ]
    points = table(f"Quantiles of {group.title}", group.rows[::-1], columns, folded=drawing is not None)
    parts = [
        *picture(drawing, points),
        *picture(over_time(f"Concentration of the prices of {group.title}", [concentrated])),
        *picture(over_time(f"Tiers of the prices of {group.title}", [shared] if shares else [])),
    ]
    return Section(id="distribution", title=f"Prices of {group.title}", parts=parts, choices=group.choices)


def _line(group: Group, name: str, kind: str, says: str) -> Series:
    return series_of(group.rows, name, kind=kind, says=says, ends=(f"{name}_ci_low", f"{name}_ci_high"))


def _percent(one: Series) -> Series:
    hundred = [
        [None if value is None else 100 * value for value in values] for values in (one.values, one.low, one.high)
    ]
    return replace(one, values=hundred[0], low=hundred[1], high=hundred[2])


def _groups(result: Result) -> Section:
    last = [_last(rows) for rows in grouped(result.rows).values()]
    told = Compared(
        name="p50",
        says="Median price in the last period",
        words=dollars,
        low="p50_ci_low",
        high="p50_ci_high",
        size="sales_volume",
    )
    columns = (
        "group",
        "period",
        "sales_volume",
        "p10",
        "p25",
        "p50",
        "p50_ci_low",
        "p50_ci_high",
        "p75",
        "p90",
        "gini",
    )
    return Section(id="groups", title="Groups side by side", parts=compare(result, last, told, columns))


def _last(rows: Sequence[Row]) -> Row:
    there = [row for row in rows if number(row.get("p50")) is not None]
    return there[-1] if there else rows[-1]


VIEW: Final = View(
    headline=("p10_change_pct", "p50_change_pct", "p90_change_pct", "latest_gini", "gini_difference"),
    sections=_sections,
)
