"""Velocity: how much is sold over time, in which months, and how soon homes are sold again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.bars import Limit
from terrafusion.web.charts.lines import Strip, over_time, series_of
from terrafusion.web.charts.points import Estimate, Look, upright
from terrafusion.web.charts.scale import number, plain, short_dollars
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Part, Result, Row, Section, View, picture, rows_in, sections, table

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEARS: Final = (1, 2, 5, 10)
MEASURES: Final = {
    "median_hold_days": ("Days between two sales of a home, median", plain),
    "median_gain": ("Gain from one sale to the next, median", "{:+.0%}".format),
    "median_days_on_market": ("Days on the market, median", plain),
    "median_sale_to_list": ("Price over list price, median", "{:.2f}".format),
    "months_of_supply": ("Months of supply", plain),
    "turnover": ("Turnover: share of parcels sold", "{:.1%}".format),
}
POINTS: Final = ("period", "sales_volume", "dollar_volume", "volume_yoy", "turnover", *(f"{name}{end}" for name in ("median_hold_days", "median_gain", "median_days_on_market", "median_sale_to_list") for end in ("", "_ci_low", "_ci_high")), "active_listings", "months_of_supply")  # fmt: skip


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="volume", size="sales_volume")
    return sections(
        None if group is None else _volume(group),
        Section(id="seasons", title="Seasons", parts=_seasons(result)),
        Section(id="again", title="Sold again", parts=_again(result)),
        _groups(result),
    )


def _volume(group: Group) -> Section:
    rows = group.rows
    strips = [
        Strip(
            title="Sales",
            series=[series_of(rows, "sales_volume", kind="c0", says="")],
            height=130,
            as_columns=True,
            unit=" sales",
        ),
        Strip(
            title="Dollars",
            series=[series_of(rows, "dollar_volume", kind="soft", says="")],
            words=short_dollars,
            height=90,
            as_columns=True,
        ),
    ]
    for name, (title, words) in MEASURES.items():
        line = series_of(rows, name, kind="c0", says="", ends=(f"{name}_ci_low", f"{name}_ci_high"))
        strips.append(Strip(title=title, series=[line], words=words, height=110))
    drawing = over_time(f"Sales of {group.title}", strips)
    points = table(f"Sales of {group.title}", rows[::-1], POINTS, folded=drawing is not None)
    return Section(id="volume", title=f"Sales of {group.title}", parts=picture(drawing, points), choices=group.choices)


def _seasons(result: Result) -> list[Part]:
    rows = rows_in(result.summary.get("seasonality"))
    marks = [
        Estimate(
            name=MONTHS[int(number(row.get("month")) or 1) - 1],
            value=number(row.get("factor")),
            low=number(row.get("factor_ci_low")),
            high=number(row.get("factor_ci_high")),
        )
        for row in rows
    ]
    legend = [Key("dot c0", "Volume against the year's pace"), Key("whisker c0", "its interval")]
    look = Look(
        words="{:.2f}".format,
        limits=[Limit("soft", 1.0, "the year's pace")],
        legend=legend,
        axis="Volume of each month, 1 is the year's pace",
    )
    return picture(upright("Seasons of volume", marks, look), table("Seasons of volume", rows, folded=True))


def _again(result: Result) -> list[Part]:
    told = [{"years": years, **_share(result.summary, years)} for years in YEARS]
    known = [row for row in told if row.get("share") is not None]
    marks = [
        Estimate(
            name=f"{row['years']} {'year' if row['years'] == 1 else 'years'}",
            value=number(row.get("share")),
            low=number(row.get("share_ci_low")),
            high=number(row.get("share_ci_high")),
        )
        for row in known
        if row.get("share")
    ]
    legend = [Key("dot c0", "Share of homes sold again"), Key("whisker c0", "its interval")]
    look = Look(words="{:.0%}".format, legend=legend, axis="Share of homes sold again within", reach=(0, 1))
    return picture(upright("Sold again", marks, look), table("Sold again", known)) if marks else []


def _share(summary: Row, years: int) -> Row:
    return {f"share{end}": summary.get(f"resold_within_{years}y_share{end}") for end in ("", "_ci_low", "_ci_high")}


def _groups(result: Result) -> Section:
    totals = [
        {"group": name, "sales_volume": sum(int(number(row.get("sales_volume")) or 0) for row in rows)}
        for name, rows in grouped(result.rows).items()
    ]
    told = Compared(name="sales_volume", says="Sales in all", words="{:,.0f}".format, size="sales_volume")
    return Section(
        id="groups", title="Groups side by side", parts=compare(result, totals, told, ("group", "sales_volume"))
    )


VIEW: Final = View(
    headline=(
        "sales",
        "dollar_volume",
        "sales_per_year",
        "turnover",
        "resold_within_2y_share",
        "median_completed_hold_days",
        "median_gain",
        "months_of_supply",
        "median_days_on_market",
        "median_sale_to_list",
    ),
    sections=_sections,
)
