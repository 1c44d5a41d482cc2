"""A result as its page shows it: the finding, its figures and how they came about, then the type's own sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from terrafusion.web.results import (
    adjustment,
    areas,
    comparables,
    coverage,
    distribution,
    equity,
    forecast,
    generic,
    price_index,
    ratio_study,
    trend,
    unit_prices,
    validation,
    valuation,
    velocity,
)
from terrafusion.web.results.ratios import JUDGED, judged
from terrafusion.web.results.view import Figure, Part, Picture, Result, Section, Table, View
from terrafusion.wording import estimates, facts, is_table, label, level

VIEWS: Final[Mapping[str, View]] = {
    "comparable_market_area": areas.VIEW,
    "comparable_sales": comparables.VIEW,
    "coverage_report": coverage.VIEW,
    "equity_study": equity.VIEW,
    "market_valuation": valuation.VIEW,
    "price_distribution": distribution.VIEW,
    "price_forecast": forecast.VIEW,
    "price_index": price_index.VIEW,
    "price_per_sqft": unit_prices.VIEW,
    "price_trend_by_zip": trend.VIEW,
    "ratio_study": ratio_study.VIEW,
    "sale_validation": validation.VIEW,
    "sales_velocity": velocity.VIEW,
    "time_adjustment": adjustment.VIEW,
    "trend_analysis": trend.VIEW,
}
"""By type; what is not here is shown as any result can be."""
MOST_ON_PAPER: Final = 36
SHORT: Final = 12
"""Characters of a digest that tell it from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a finished job found."""

    key_finding: str | None
    figures: Sequence[Figure]
    told: Sequence[tuple[str, str]]
    """How many sales, how sure, by which method, of which data."""
    warnings: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    quality: Sequence[tuple[str, str]]
    method: Sequence[tuple[str, str]]
    numbers: Sequence[tuple[str, str, str]]
    """Every number of the summary, with its interval."""


def findings(analysis_type: str, result: Result) -> Findings:
    """Lay out a result; raises NotFound for a group, subject or reason that it does not have."""
    summary, view = result.summary, VIEWS.get(analysis_type, generic.VIEW)
    names = [name for name, value in summary.items() if _is_number(value)]
    numbers = [(label(name), value, ends) for name, value, ends in estimates(summary, names)]
    return Findings(
        key_finding=summary.get("key_finding"),
        figures=[*_headline(result, view, names)],
        told=[*_told(result)],
        warnings=[_warning(warning) for warning in result.document.get("warnings") or []],
        sections=view.sections(result),
        quality=facts(result.document.get("data_quality") or {}),
        method=facts({name: value for name, value in summary.items() if _is_method(name, value, view)}),
        numbers=numbers if view.headline else [],
    )


def unfolded(found: Findings) -> Findings:
    """Open what is folded away, for paper; pictures there stand without a long table."""
    opened = [replace(one, parts=[*map(_open, one.parts)]) for one in found.sections]
    return replace(found, sections=opened, numbers=[])


def _open(part: Part) -> Part:
    if isinstance(part, Picture) and part.table is not None:
        is_short = len(part.table.rows) <= MOST_ON_PAPER
        return replace(part, table=replace(part.table, folded=False) if is_short else None)
    return replace(part, folded=False) if isinstance(part, Table) else part


def _headline(result: Result, view: View, names: Sequence[str]) -> Iterator[Figure]:
    """Tell the numbers that the type puts first, all of them where it says nothing."""
    judge = "bands" in result.summary and bool(view.headline)
    found = {name: (value, ends) for name, value, ends in estimates(result.summary, names)}
    for name in view.headline or found:
        if name in found:
            yield judged(result, name) if judge and name in JUDGED else Figure(label(name), *found[name])


def _told(result: Result) -> Iterator[tuple[str, str]]:
    summary: Mapping[str, Any] = result.summary
    quality: Any = result.document.get("data_quality") or {}
    read, used = quality.get("read"), quality.get("used")
    if isinstance(read, int) and isinstance(used, int):
        yield "Sales used", f"{used:,} of {read:,} read"
    for name, says in (("confidence_level", "Intervals"), ("interval_level", "Ranges")):
        if _is_number(summary.get(name)):
            yield says, level(summary[name])
    for name in ("method", "index_method", "intervals", "cross_check"):
        if isinstance(summary.get(name), str):
            yield label(name), summary[name]
    for name, says in (("data_version", "Data version"), ("rules_version", "Rules"), ("parameter_hash", "Parameters")):
        if summary.get(name):
            yield says, str(summary[name])[:SHORT]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_method(name: str, value: Any, view: View) -> bool:
    """Leave out what stands elsewhere; and of a type that has its own sections what they tell."""
    if name == "key_finding" or name.endswith("_verdict") or value is None or _is_number(value) or is_table(value):
        return False
    return not (view.headline and isinstance(value, Mapping))


def _warning(warning: Any) -> tuple[str, str]:
    if isinstance(warning, Mapping):
        return str(warning.get("code", "")), str(warning.get("message", ""))
    return "", str(warning)
