"""Sale validation: why sales are flagged, how far prices lie out, and each flagged sale with its reasons and its group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from terrafusion.errors import NotFound
from terrafusion.web.charts.bars import Bar, Histogram, Limit, Part, bars, histogram
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results import view
from terrafusion.web.results.counts import counts_of
from terrafusion.web.results.view import (
    Choice,
    Choices,
    Note,
    Result,
    Row,
    Rows,
    Section,
    Table,
    View,
    picture,
    sections,
    table,
)
from terrafusion.wording import dollars, figure, label

MOST_LISTED: Final = 60
SPREADS: Final = {"z_price": "Prices", "z_unit_price": "Prices per square foot"}


def words_of(reason: str) -> str:
    """Write a reason code as words."""
    return label(reason)


def _sections(result: Result) -> Sequence[Section]:
    return sections(
        Section(id="reasons", title="Why sales are flagged", parts=_reasons(result)),
        _flagged(result),
        Section(id="spread", title="How far prices lie from their group", parts=_spreads(result)),
        Section(id="checks", title="Checks that could not be run", parts=_not_run(result)),
    )


def _reasons(result: Result) -> list[view.Part]:
    """Draw how many sales have each reason, and for how many it is the first."""
    counted: Any = result.summary.get("reasons")
    first: Any = result.summary.get("first_reasons")
    if not isinstance(counted, Mapping):
        return []
    rows = [
        {"reason": words_of(str(code)), "sales": count, "told_first": _first(first, code)}
        for code, count in counted.items()
    ]
    drawn = [_bar(row) for row in rows if row["sales"]]
    legend = [Key("bar c0", "first reason"), Key("bar few", "further reason")]
    return picture(bars("Sales by reason", drawn, legend=legend), table("Sales by reason", rows, folded=True))


def _first(told: Any, code: Any) -> int:
    return int(number(told.get(code)) or 0) if isinstance(told, Mapping) else 0


def _bar(row: Row) -> Bar:
    name, sales, first = str(row["reason"]), int(row["sales"]), int(row["told_first"])
    parts = [
        Part("c0", first, f"{name}: first reason of {first:,}"),
        Part("few", sales - first, f"{name}: further reason of {sales - first:,}"),
    ]
    return Bar(name, parts, f"{sales:,}")


def _flagged(result: Result) -> Section:
    """List flagged sales, of one reason where one is chosen, with what they were judged against."""
    flagged = [row for row in result.rows if row.get("valid") is False]
    codes = sorted({code for row in flagged for code in _codes(row)})
    if result.chosen.reason is not None and result.chosen.reason not in codes:
        value = result.chosen.reason[:100]
        allowed = ", ".join(codes) or "none"
        raise NotFound(
            f"no flagged sale that is listed has the reason {value!r}; there are {allowed}",
            field="reason",
            value=value,
            allowed=allowed,
        )
    shown = [row for row in flagged if result.chosen.reason in (None, *_codes(row))]
    total = int(number(result.summary.get("invalid_sales")) or len(flagged))
    parts: list[view.Part] = [_list(result, shown)] if shown else []
    if total > len(flagged):
        parts.append(
            Note(f"Listed from the first {len(flagged):,} of {total:,} flagged sales by date; the downloads have all.")
        )
    every = [Choice("every reason", result.link("flagged"), result.chosen.reason is None)]
    picked = [
        Choice(words_of(code), result.link("flagged", reason=code), code == result.chosen.reason) for code in codes
    ]
    choices = Choices(title="Reasons", largest=[*every, *picked]) if len(codes) > 1 else None
    return Section(id="flagged", title="Flagged sales", parts=parts, choices=choices)


def _codes(row: Row) -> Sequence[str]:
    codes = row.get("reason_codes")
    return [str(code) for code in codes] if isinstance(codes, list) else []


def _list(result: Result, rows: Rows) -> Table:
    page = min(result.chosen.page, -(-len(rows) // MOST_LISTED))
    begin, end = (page - 1) * MOST_LISTED, page * MOST_LISTED
    return Table(
        caption="Flagged sales, by date",
        heads=[
            "Sale",
            "Parcel",
            "Date",
            "Price",
            "Why",
            "Price, z",
            "Per sq ft, z",
            "Judged among",
            "Usual prices there",
        ],
        rows=[_sale(row) for row in rows[begin:end]],
        total=len(rows),
        earlier=_page(result, page - 1) if begin else "",
        later=_page(result, page + 1) if end < len(rows) else "",
    )


def _page(result: Result, page: int) -> str:
    reason = {} if result.chosen.reason is None else {"reason": result.chosen.reason}
    return result.link("flagged", **reason, page=str(page))


def _sale(row: Row) -> Sequence[str]:
    return [
        figure(row.get("sale_id")),
        figure(row.get("parcel_number")),
        figure(row.get("sale_date")),
        figure(row.get("sale_price"), "sale_price"),
        _why(row),
        figure(row.get("z_price"), "z_price"),
        figure(row.get("z_unit_price"), "z_unit_price"),
        _context(row),
        _usual(row),
    ]


def _why(row: Row) -> str:
    reasons = ", ".join(words_of(code).lower() for code in _codes(row))
    override = row.get("override_reason")
    return f"{reasons}; decided: {override}" if override else reasons


def _context(row: Row) -> str:
    """Say which sales this one was judged among: the group, how many, and of what time."""
    group, n = row.get("group_judged"), number(row.get("group_n"))
    if group is None or n is None:
        return "nothing: too few sales"
    where = "the county" if group == "all" else str(group)
    return f"{n:,.0f} sales in {where}, {row.get('window_start')} to {row.get('window_end')}"


def _usual(row: Row) -> str:
    low, high = number(row.get("lowest_price")), number(row.get("highest_price"))
    return "" if low is None or high is None else f"{dollars(low)} to {dollars(high)}"


def _spreads(result: Result) -> list[view.Part]:
    parts: list[view.Part] = []
    low, high = number(result.summary.get("sd_low")), number(result.summary.get("sd_high"))
    limits = [Limit("c1", bound, "") for bound in ((-low) if low is not None else None, high) if bound is not None]
    limits = [
        Limit(limit.kind, limit.value, "flagged beyond" if place == 0 else "") for place, limit in enumerate(limits)
    ]
    for name, says in SPREADS.items():
        told = counts_of(result.pictures.get(name))
        if told is not None:
            title = f"{says}: standard deviations from the mean of the group's trailing months"
            curve = _normal(told.edges, told.total)
            drawn = Histogram(
                edges=told.edges, counts=told.counts, limits=limits, curve=curve, curve_says="Normal distribution"
            )
            listed = table(f"{says}, z", told.rows, folded=True)
            parts += picture(histogram(title, drawn), listed, note=told.beyond)
    return parts


def _normal(edges: Sequence[float], total: float) -> list[float]:
    """Return how many of ``total`` a normal distribution has in each bin."""
    below = [0.5 * (1 + math.erf(edge / math.sqrt(2))) for edge in edges]
    return [total * (right - left) for left, right in pairwise(below)]


def _not_run(result: Result) -> list[view.Part]:
    told: Any = result.summary.get("checks_not_run")
    rows = [{"check": label(str(name)), "why": why} for name, why in told.items()] if isinstance(told, Mapping) else []
    return [table("Checks that were not run", rows)] if rows else []


VIEW: Final = View(
    headline=("invalid_sales", "invalid_share", "valid_sales", "judged_by_statistics", "below_min_group"),
    sections=_sections,
)
