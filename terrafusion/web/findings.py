"""A result document as a page shows it: the finding, the figures, one group's chart and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from terrafusion.errors import NotFound
from terrafusion.web.charts import Chart, price_chart
from terrafusion.wording import estimates, facts, group_of, is_table, label

COLUMNS: Final = (
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
)
MOST_GROUPS: Final = 12
MOST_LISTED: Final = 300
MOST_POINTS: Final = 400
MOST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Group:
    """One of the areas a trend is told for."""

    name: str
    sales: float
    link: str


@dataclass(frozen=True, slots=True)
class Cells:
    """A table: column names, rows of text, and how many rows there are in all."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int

    @property
    def heads(self) -> Sequence[str]:
        """Return the columns' headings."""
        return [label(name) for name in self.names]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One group's points, and the groups one may choose."""

    group: str
    largest: Sequence[Group]
    others: Sequence[Group]
    unlisted: int
    chart: Chart | None
    points: Cells
    suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a finished job found."""

    key_finding: str | None
    headline: Sequence[tuple[str, str, str]]
    method: Sequence[tuple[str, str]]
    quality: Sequence[tuple[str, str]]
    warnings: Sequence[tuple[str, str]]
    tables: Sequence[tuple[str, Cells]]
    """What the summary tells in rows of its own, by its title."""
    trend: Trend | None
    rows: Cells | None


def findings(document: Mapping[str, Any], group: str | None, address: str) -> Findings:
    """Choose what a page shows of a document; raises NotFound for a group it does not have."""
    summary = document.get("result_summary") or {}
    rows = document.get("rows") or []
    return Findings(
        key_finding=summary.get("key_finding"),
        headline=_headline(summary),
        method=facts({name: value for name, value in summary.items() if _is_method(name, value)}),
        quality=facts(document.get("data_quality") or {}),
        warnings=[_warning(warning) for warning in document.get("warnings") or []],
        tables=[(label(name), _whole(value)) for name, value in summary.items() if is_table(value)],
        trend=_trend(document, group, address),
        rows=_whole(rows) if rows else None,
    )


def _whole(rows: Sequence[Mapping[str, Any]]) -> Cells:
    return cells(rows, list(rows[0]), MOST_ROWS)


def _headline(summary: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    numbers = [name for name, value in summary.items() if _is_number(value)]
    return [(label(name), value, interval) for name, value, interval in estimates(summary, numbers)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_method(name: str, value: Any) -> bool:
    return name != "key_finding" and value is not None and not _is_number(value) and not is_table(value)


def _warning(warning: Any) -> tuple[str, str]:
    if isinstance(warning, Mapping):
        return str(warning.get("code", "")), str(warning.get("message", ""))
    return "", str(warning)


def _trend(document: Mapping[str, Any], group: str | None, address: str) -> Trend | None:
    points = document.get("trends") or []
    if not points:
        return None
    by_group = _grouped(points)
    groups = _groups(by_group, address)
    chosen = groups[0].name if group is None else group
    if chosen not in by_group:
        raise _without(chosen[:100], cut="trends_total" in (document.get("result_summary") or {}))
    rows = by_group[chosen]
    return Trend(
        group=chosen,
        largest=groups[:MOST_GROUPS],
        others=sorted(groups[MOST_GROUPS:MOST_LISTED], key=lambda other: other.name),
        unlisted=max(0, len(groups) - MOST_LISTED),
        chart=price_chart(rows[-MOST_POINTS:]),
        points=cells(rows[-MOST_POINTS:], _columns(rows), MOST_POINTS, total=len(rows)),
        suppressed=sum(bool(row.get("suppressed")) for row in rows),
    )


def _without(group: str, *, cut: bool) -> NotFound:
    """Refuse a group; where the document is ``cut`` it may be one whose points are in the file alone."""
    if not cut:
        return NotFound(f"the result has no group {group!r}", field="group", value=group)
    message = f"the document holds no points of group {group!r}, but those of the groups with the most sales; the file holds all"
    return NotFound(message, field="group", value=group)


def _grouped(points: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    ordered = sorted(points, key=lambda row: (group_of(row), str(row.get("period_start", ""))))
    return {name: list(rows) for name, rows in groupby(ordered, key=group_of)}


def _groups(by_group: Mapping[str, Sequence[Mapping[str, Any]]], address: str) -> Sequence[Group]:
    groups = [
        Group(name, sum(row.get("sales_volume") or 0 for row in rows), f"{address}?{urlencode({'group': name})}")
        for name, rows in by_group.items()
    ]
    return sorted(groups, key=lambda group: (-group.sales, group.name))


def _columns(rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    return [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]


def cells(rows: Sequence[Mapping[str, Any]], names: Sequence[str], most: int, *, total: int | None = None) -> Cells:
    """Write rows as text, an estimate's interval beside it."""
    shown = [name for name, _, _ in estimates({}, names)]
    written = [[_cell(value, interval) for _, value, interval in estimates(row, names)] for row in rows[:most]]
    return Cells(shown, written, len(rows) if total is None else total)


def _cell(value: str, interval: str) -> str:
    return f"{value} ({interval})" if interval else value
