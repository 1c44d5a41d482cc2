"""The headline of a price distribution: one true sentence made from the figures of all sales together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from terrafusion.analysis.distribution.points import names_of
from terrafusion.analysis.findings import counted, interval_of, no_full_period, nothing_selected, said_of

_HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sentence is made from."""

    county_id: str
    sales: int
    min_sales: int
    confidence_level: float
    quantiles: Sequence[float]
    latest: Mapping[str, Any] | None
    """The point of the last full period that is not suppressed."""
    moved: Mapping[str, Any]
    """The changes from the first to it."""


def key_finding(told: Told) -> str:
    """Put the movement of low, middle and high prices, and their concentration, into one sentence."""
    if not told.sales:
        return nothing_selected(told.county_id)
    found = counted(told.sales, "sale")
    if told.latest is None:
        return no_full_period(told.county_id, found, told.min_sales)
    return f"In {told.county_id} ({found}) {'; '.join([*_moves(told), *_levels(told.latest, told)])}."


def _chosen(quantiles: Sequence[float]) -> list[float]:
    """Name the lowest, the median where it is asked for, and the highest."""
    return sorted({quantiles[0], quantiles[-1], *(share for share in quantiles if share == _HALF)})


def title(share: float) -> str:
    """Put a quantile into words: the 10th percentile, the median."""
    if share == _HALF:
        return "the median price"
    number = f"{100 * share:.10g}"
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th")
    return f"the {number}{'th' if number in ('11', '12', '13') or '.' in number else ending} percentile"


def _moves(told: Told) -> Iterator[str]:
    if told.moved.get("first_period") is None:
        return
    span = f"from {told.moved['first_period']} to {told.moved['last_period']} "
    for share in _chosen(told.quantiles):
        name = f"{names_of([share])[share]}_change"
        change = (told.moved[f"{name}_pct"], told.moved[f"{name}_ci_low_pct"], told.moved[f"{name}_ci_high_pct"])
        yield said_of(f"{span}{title(share)}", change, told.confidence_level)
        span = ""


def _levels(latest: Mapping[str, Any], told: Told) -> Iterator[str]:
    if latest["gini"] is None:
        return
    sure = ""
    if latest["gini_ci_low"] is not None:
        ends = (f"{latest[f'gini_ci_{end}']:.3f}" for end in ("low", "high"))
        sure = f" ({interval_of(told.confidence_level, *ends)})"
    yield f"the Gini coefficient was {latest['gini']:.3f} in {latest['period']}{sure}{_since(told)}"


def _since(told: Told) -> str:
    """Say how the Gini coefficient moved: up or down only where the interval, as it is printed, leaves zero out."""
    change, low, high = (told.moved[f"gini_difference{end}"] for end in ("", "_ci_low", "_ci_high"))
    if change is None or low is None:
        return ""
    sure = interval_of(told.confidence_level, f"{low:+.3f}", f"{high:+.3f}")
    if round(low, 3) <= 0 <= round(high, 3):
        return f", with no clear change since {told.moved['first_period']} ({change + 0.0:+.3f}, {sure})"
    way = "up" if change > 0 else "down"
    return f", {way} by {abs(change):.3f} since {told.moved['first_period']} ({sure})"
