"""A forecast: the index, its next periods in a fan of what past forecasts missed by, and those errors by distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from terrafusion.web.charts.lines import Series, Strip, over_time, series_of
from terrafusion.web.charts.points import Estimate, Look, upright
from terrafusion.web.charts.scale import day_of, number, plain
from terrafusion.web.charts.shapes import Drawing, Key
from terrafusion.web.results.groups import Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Part, Result, Row, Rows, Section, View, picture, rows_in, sections, table
from terrafusion.wording import change, per_cent

POINTS: Final = (
    "period",
    "index",
    "ci_low",
    "ci_high",
    "change_pct",
    "change_ci_low_pct",
    "change_ci_high_pct",
    "interval_level",
    "method",
    "errors",
    "mape",
    "naive_mape",
    "seasonal_naive_mape",
)


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="forecast", size="errors")
    return sections(
        None if group is None else _fan(result, group),
        None if group is None else Section(id="errors", title="How far past forecasts missed", parts=_errors(group)),
        _groups(result),
    )


def _of(group: Group, rows: Rows) -> Rows:
    return [row for row in rows if row.get("group") == group.name]


def _fan(result: Result, group: Group) -> Section:
    history = _of(group, rows_in(result.pictures.get("history")))
    fan = _of(group, rows_in(result.pictures.get("fan")))
    known = series_of(history, "index", kind="dark", says="Index")
    levels = sorted({number(row.get("level")) or 0 for row in fan}, reverse=True)
    bands = [_band(group, [row for row in fan if row.get("level") == level], history, level) for level in levels]
    path = _joined(group, history)
    title = "Index, and what it may be"
    drawing = over_time(
        f"Forecast of {group.title}",
        [Strip(title=title, series=[known, path, *bands], words=plain, height=260)],
        also=[
            Key(f"band f{100 * level:.0f}", f"{100 * level:g} of 100 past forecasts kept to it")
            for level in levels[::-1]
        ],
    )
    if drawing is None:
        drawing = _plain(group)
    points = table(f"Forecast of {group.title}", group.rows, POINTS)
    return Section(
        id="forecast", title=f"Forecast of {group.title}", parts=picture(drawing, points), choices=group.choices
    )


def _plain(group: Group) -> Drawing | None:
    """Draw the forecast alone, of a document that has no history."""
    line = series_of(group.rows, "index", kind="c0", says="Forecast", ends=("ci_low", "ci_high"))
    return over_time(f"Forecast of {group.title}", [Strip(title="Index", series=[line], words=plain, height=230)])


def _joined(group: Group, history: Rows) -> Series:
    """Return the forecast, begun where the index ends."""
    return series_of([*history[-1:], *group.rows], "index", kind="c0", says="Forecast")


def _band(group: Group, fan: Rows, history: Rows, level: float) -> Series:
    ends: Mapping[int, Row] = {int(number(row.get("horizon")) or 0): row for row in fan}
    rows = [{**row, **ends.get(int(number(row.get("horizon")) or 0), {}), "mid": None} for row in group.rows]
    last = [{**row, "low": row.get("index"), "high": row.get("index"), "mid": None} for row in history[-1:]]
    return series_of([*last, *rows], "mid", kind=f"f{100 * level:.0f}", says="", ends=("low", "high"))


def _errors(group: Group) -> list[Part]:
    """Put the mean error of forecasts so far ahead beside that of the last value carried on."""
    marks = [
        Estimate(name=str(row.get("horizon")), value=number(row.get("mape")), beside=number(row.get("naive_mape")))
        for row in group.rows
        if day_of(row.get("period_start"))
    ]
    legend = [Key("dot c0", "Forecast"), Key("dot beside", "The last value carried on")]
    look = Look(words=per_cent, legend=legend, axis="Mean error of past forecasts, by periods ahead", reach=(0, 1000))
    return picture(upright("Mean error of past forecasts", marks, look))


def _groups(result: Result) -> Section:
    last = [rows[-1] for rows in grouped(result.rows).values()]
    told = Compared(
        name="change_pct",
        says="Forecast change to the last period",
        words=change,
        low="change_ci_low_pct",
        high="change_ci_high_pct",
        size="errors",
    )
    return Section(id="groups", title="Groups side by side", parts=compare(result, last, told, ("group", *POINTS)))


VIEW: Final = View(
    headline=("change_pct", "horizon", "interval_level", "mean_mape", "mean_naive_mape", "backtest_origins"),
    sections=_sections,
)
