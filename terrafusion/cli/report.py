"""A job's answer for the eyes: tables of prices with counts and intervals, changes side by side, small charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from terrafusion.cli.output import stdout
from terrafusion.cli.tables import of_rows
from terrafusion.wording import estimates, figure, group_of, is_table, label

TICKS: Final = "▁▂▃▄▅▆▇█"
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
ROWS: Final = 12
"""Groups that are shown, those with the most sales first."""
BAR: Final = 24
CHART: Final = 20
GROUPS: Final = {"zip_code": "ZIP"}
NONE: Final = (None, None)
METHOD: Final = ("method", "index_method", "intervals", "interval_method", "cross_check")
MADE_FROM: Final = {
    "county_id": "county",
    "data_version": "data version",
    "rules_version": "rules",
    "parameter_hash": "parameters",
}
SHORT: Final = 12
"""Characters of a digest that tell it from others; the JSON has all."""
VERDICT: Final = "_verdict"
TRIMMED: Final = "trimmed_"

Row = Mapping[str, Any]


def report(job: Row, *, with_file: bool = True) -> RenderableType:
    """Return what a person wants to read of a finished job, which is a body of ``GET …/results/{job_id}``."""
    title = Rule(Text(f"{job['analysis_type']} · {job['county_id']}", "bold"), align="left", characters="─")
    result = job["result"]
    if result is None:
        reason = f" ({job['failure_reason']})" if job["failure_reason"] else ""
        style = "red" if job["failure_reason"] else ""
        return Group(title, Text(f"{job['status']}{reason}: {job['message']}", style), "")
    return Group(title, *facts(result), *provenance(result), *_file(result, wanted=with_file), "")


def facts(result: Row) -> Iterator[RenderableType]:
    """Return what a result found: the finding, its figures, rows or points, the sales used, and what to mind."""
    yield Text(result["result_summary"].get("key_finding", ""))
    yield ""
    yield from _parts(result)
    yield from _used(result["data_quality"])
    for warning in result["warnings"]:
        yield Text(f"Note: {warning['message'].rstrip('.')}.", "dim")


def _parts(result: Row) -> Iterator[RenderableType]:
    rows, trends = result["rows"], result["trends"]
    if not _of_trends(result):
        yield from _summary(result["result_summary"])
        yield ""
        yield from of_rows(rows, stdout.width) if rows else ()
    elif len(rows) > 1:
        yield _by_group(result, sorted(rows, key=lambda row: (-row["sales"], group_of(row)))[:ROWS])
    elif trends:
        yield _by_period(result)
    if _of_trends(result) and len(rows) > ROWS:
        yield Text(f"{len(rows) - ROWS} more groups with fewer sales are in the file.", "dim")


def _of_trends(result: Row) -> bool:
    """Say whether the rows, if any, are groups with their changes, and the trends those of each."""
    rows = result["rows"]
    return "group_by" in result["result_summary"] and (not rows or "raw_change_pct" in rows[0])


def provenance(result: Row) -> Iterator[RenderableType]:
    """Return how the figures came about, and in one line from which records, rules and parameters."""
    summary = result["result_summary"]
    for name in METHOD:
        if summary.get(name):
            yield Text(f"{label(name)}: {summary[name]}", "dim")
    told = [f"{what} {str(summary[name])[:SHORT]}" for name, what in MADE_FROM.items() if summary.get(name)]
    if told:
        yield Text(f"Made from {', '.join(told)}.", "dim")


def _summary(summary: Row) -> Iterator[RenderableType]:
    """Tell the figures that there are, each interval beside its estimate, then in words what they are of."""
    told = {name: value for name, value in summary.items() if _is_told(summary, name)}
    yield _figures({name: value for name, value in told.items() if _is_figure(name, value)}, summary)
    words = [
        f"{label(name).lower()} {figure(value, name)}" for name, value in told.items() if not _is_figure(name, value)
    ]
    if words:
        yield Text(f"\n{', '.join(words)}", "dim")
    for name, value in summary.items():
        if is_table(value):
            yield Text(f"\n{label(name)}", "bold")
            yield from of_rows(value, stdout.width)


def _is_told(summary: Row, name: str) -> bool:
    """Leave out what is not known, what is told elsewhere, and what repeats another figure."""
    value = summary[name]
    if value is None or isinstance(value, Mapping | list) or name in (*METHOD, *MADE_FROM, "key_finding"):
        return False
    if name.endswith(VERDICT):
        return name.removesuffix(VERDICT) not in summary
    if name.startswith(TRIMMED):
        return bool(value != summary.get(name.removeprefix(TRIMMED)))
    return name != "confidence_level" or bool(summary.get("interval_level") != value)


def _is_figure(name: str, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not name.endswith("_level")


def _figures(told: Row, summary: Row) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value, interval in estimates(told, told):
        verdict = summary.get(f"{name}{VERDICT}")
        table.add_row(label(name), f"{value} ({interval})" if interval else value, verdict)
    return table


def _used(quality: Row) -> Iterator[RenderableType]:
    """Say how many sales the answer rests on, and why others do not count."""
    if quality.get("excluded"):
        excluded = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in quality["excluded"].items())
        yield Text(f"Used {quality['used']:,} of {quality['read']:,} sales; not used: {excluded}.", "dim")


def _file(result: Row, *, wanted: bool) -> Iterator[RenderableType]:
    if wanted and result["result_data_location"]:
        yield Text(f"File: {result['result_data_location']}", "dim", overflow="fold")


def _by_group(result: Row, rows: Sequence[Row]) -> Table:
    points = {group: list(of) for group, of in groupby(result["trends"], group_of)}
    periods = _thinned(sorted({point["period"] for point in result["trends"]}))
    summary = result["result_summary"]
    first, last = summary["first_period"], summary["last_period"]
    table = _table(GROUPS.get(summary["group_by"], summary["group_by"]))
    for name in ("sales", f"n\n{last}", "median\nprice", _interval(summary), "raw\nmedian", "const.\nquality"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"{_measure(result)}\n{first} to {last}", no_wrap=True)
    for row in rows:
        mine = {point["period"]: point for point in points.get(group_of(row), [])}
        whole = (row["first_period"], row["last_period"]) in ((first, last), NONE)
        name = group_of(row) if whole else f"{group_of(row)} *"
        changes = (row["raw_change_pct"], row["constant_quality_change_pct"])
        chart = sparkline([_height(mine.get(period)) for period in periods])
        prices = _prices(mine.get(last)) if mine else ("", "", "")
        table.add_row(name, f"{row['sales']:,}", *prices, *map(_change, changes), chart)
    if any(row["first_period"] not in (first, None) or row["last_period"] not in (last, None) for row in rows):
        _caption(table, f"* changes not from {first} to {last}: too few sales at an end")
    return table


def _by_period(result: Row) -> Table:
    table = _table("period")
    for name in ("n", "median\nprice", _interval(result["result_summary"]), "index"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("median\nprice", no_wrap=True)
    points = result["trends"]
    largest = max((point["median_price"] or 0 for point in points), default=0)
    for point in points:
        index = "" if point["index"] is None else f"{point['index']:.1f}"
        name = point["period"] + (" *" if point["partial"] else "")
        table.add_row(name, *_prices(point), index, bar(point["median_price"] or 0, largest))
    if any(point["partial"] for point in points):
        _caption(table, "* not a full period")
    return table


def _table(first_column: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column(first_column, no_wrap=True)
    return table


def _caption(table: Table, text: str) -> None:
    table.caption = Text(text, "dim")


def _interval(summary: Row) -> str:
    return f"{summary['confidence_level'] * 100:g}%\ninterval"


def _thinned(periods: Sequence[str]) -> Sequence[str]:
    """Keep every n-th period, the last one among them, so that a chart is at most `CHART` characters wide."""
    step = -(-len(periods) // CHART)
    return periods[::-step][::-1]


def _measure(result: Row) -> str:
    return "index" if any(point["index"] for point in result["trends"]) else "median price"


def _height(point: Row | None) -> float | None:
    return None if point is None else point["index"] or point["median_price"]


def _prices(point: Row | None) -> tuple[str, str, str]:
    """Return count, median and interval of a point; a suppressed one has but its count."""
    if point is None:
        return "0", "", ""
    low, high = point["median_ci_low"], point["median_ci_high"]
    interval = "" if low is None or high is None else f"{low / 1000:,.0f}-{high / 1000:,.0f}k"
    median = point["median_price"]
    return f"{point['sales_volume']:,}", "" if median is None else f"${median:,.0f}", interval


def _change(change: float | None) -> str:
    return "" if change is None else f"{change:+.1f}%"


def sparkline(values: Sequence[float | None]) -> str:
    """Draw values as one character each, from the lowest to the highest; a gap where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    top = len(TICKS) - 1
    return "".join(" " if value is None else TICKS[round((value - low) / span * top)] for value in values)


def bar(value: float, largest: float, *, width: int = BAR) -> str:
    """Draw a value as a bar, ``width`` characters for the largest, exact to an eighth of a character."""
    eighths = round(value / largest * width * 8) if largest else 0
    whole, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * whole + EIGHTHS[rest]).rstrip()
