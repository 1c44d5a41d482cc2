"""What a reader is told first of areas that behave alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from terrafusion.analysis.areas.parameters import AreaParameters
from terrafusion.analysis.findings import counted, nothing_selected

_UNITS = {"zip": "ZIP codes", "neighborhood": "neighborhoods"}
_SHOWN = 3


class TooFew(NamedTuple):
    """Why there is nothing to compare."""

    county_id: str
    sales: int
    areas: tuple[int, int]
    """All, and those with enough sales."""
    least: int
    """Sales that an area needs."""
    enough: tuple[int, int]
    """Sales of areas with enough, and how many it takes to estimate them."""


def too_few(told: TooFew, parameters: AreaParameters) -> str:
    """Say that there is nothing to compare, with the counts there are and those needed."""
    if not told.sales:
        return nothing_selected(told.county_id)
    all_, known = told.areas
    units = _UNITS[parameters.unit]
    found = f"{all_} {units if all_ != 1 else units[:-1]}, of which {known} {'has' if known == 1 else 'have'} {told.least} or more"
    wanted = "two are needed to compare"
    if known > 1:
        wanted = f"these {told.enough[0]:,} sales are too few to compare them, {told.enough[1]:,} are needed"
    return f"In {told.county_id} the request selects {counted(told.sales, 'sale')} in {found}; {wanted}."


def of_subject(
    county_id: str, sales: int, likes: pl.DataFrame, features: Sequence[str], parameters: AreaParameters
) -> str:
    """Name the areas most like the subject; ``likes`` is all others, the most alike first."""
    shown = likes.head(min(_SHOWN, parameters.top_n))
    named = ", ".join(f"{row['area']} ({row['similarity']:.2f})" for row in shown.iter_rows(named=True))
    what = f"the {_UNITS[parameters.unit] if shown.height > 1 else _UNITS[parameters.unit][:-1]} most like"
    verb = "are" if shown.height > 1 else "is"
    return (
        f"In {county_id} ({sales:,} sales) {what} {parameters.subject_area} {verb} {named}, where 1 is alike in all, "
        f"of {likes.height} compared by {', '.join(name.replace('_', ' ') for name in features)}."
    )


def of_market_areas(
    county_id: str, sales: int, counts: tuple[int, int], within: Sequence[Mapping[str, Any]], parameters: AreaParameters
) -> str:
    """Say into how many market areas how many areas fall, and what that does to the variance inside."""
    told = f"In {county_id} ({sales:,} sales) {counts[0]} {_UNITS[parameters.unit]} are joined into {counts[1]} market areas"
    quality = next((row for row in within if row["measure"] == "quality"), None)
    if quality is None or quality["ratio"] is None:
        return f"{told}."
    low, high = quality["ratio_ci_low"], quality["ratio_ci_high"]
    level = f"{parameters.confidence_level * 100:g}% interval {low:.3f} to {high:.3f}"
    if round(low, 3) <= 1 <= round(high, 3):
        return f"{told}; inside them prices at constant quality vary about as much as inside ZIPs ({level} of it)."
    return f"{told}; inside them prices at constant quality vary {quality['ratio']:.3f} times as much as inside ZIPs ({level})."
