"""What is told of the values: one sentence, counts, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.comps.homes import on_the_map
from terrafusion.analysis.comps.model import LEAST_SALES, Model
from terrafusion.analysis.comps.parameters import ComparableParameters
from terrafusion.analysis.comps.rows import FEW_COMPS, FEW_SALES, NO_COMPS, NO_LOCATION
from terrafusion.analysis.findings import counted, of_years, they_have
from terrafusion.analysis.indexes import CHARACTERISTICS

_BEYOND_DAYS: Final = 31
_WHY: Final = {
    FEW_SALES: f"a price model needs {LEAST_SALES} of other parcels",
    NO_LOCATION: "neither coordinates nor a known area of it are recorded",
    NO_COMPS: "no sale lies within the limits of distance and age",
    FEW_COMPS: "too few sales lie within the limits of distance and age",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentence is made of."""

    county_id: str
    parameters: ComparableParameters
    sales: int
    others: int
    """Of these, those that are of other parcels."""
    day: date | None
    subjects: pl.DataFrame


def tally(told: Told) -> dict[str, Any]:
    """Count subjects with and without a value."""
    valued = told.subjects["estimated_value"].drop_nulls()
    reasons = told.subjects["reason"].drop_nulls().value_counts().sort("reason")
    return {
        "subjects_asked": told.subjects.height,
        "subjects_valued": len(valued),
        "subjects_without_value": dict(reasons.iter_rows()),
        "median_estimated_value": valued.median(),
    }


def key_finding(told: Told) -> str:
    """Put the values into one sentence."""
    if told.subjects.height == 1:
        return _single(told, told.subjects.row(0, named=True))
    valued = told.subjects.drop_nulls("estimated_value")
    start = f"Of {told.subjects.height:,} parcels asked for in {told.county_id}, {valued.height:,}"
    if valued.is_empty():
        return f"{start} have a value: {_why(told)}."
    typical, middle = (float(np.median(valued[name])) for name in ("comparables", "estimated_value"))
    return (
        f"{start} have a value as of {told.day}, the median ${middle:,.0f}, each from up to "
        f"{told.parameters.k} comparable sales (typically {typical:.0f}) among {told.sales:,}."
    )


def _single(told: Told, row: dict[str, Any]) -> str:
    name = f"Parcel {row['subject_parcel_id']} of {told.county_id}"
    if row["estimated_value"] is None:
        return f"{name} has no value: {_why(told)}."
    value, low, high = (row[key] for key in ("estimated_value", "value_low", "value_high"))
    count = row["comparables"]
    ranged = "" if low is None else f" ({100 * told.parameters.interval_level:g}% range ${low:,.0f} to ${high:,.0f})"
    sales = f"{count} comparable {'sale' if count == 1 else 'sales'} of {told.sales:,}"
    return f"{name} has an estimated value of ${value:,.0f}{ranged} as of {told.day}, by {sales}."


def _why(told: Told) -> str:
    """Give the commonest reason, with the counts there are."""
    reasons = told.subjects["reason"].drop_nulls().value_counts().sort(["count", "reason"], descending=[True, False])
    reason = reasons["reason"][0]
    if reason == FEW_SALES:
        own = "" if told.others == told.sales else f", {told.others:,} of them of other parcels"
        return f"the request selects {counted(told.sales, 'sale')}{own}, and {_WHY[reason]}"
    if reason == FEW_COMPS:
        most = int(told.subjects["comparables"].to_numpy().max())
        least = min(told.parameters.min_comps, told.parameters.k)
        return f"{_WHY[reason]}, at most {most}, and {least} are needed"
    return _WHY[str(reason)]


def cautions(told: Told) -> Iterator[Caution]:
    """Tell of subjects that lack comparables or knowledge."""
    subjects = told.subjects
    none = subjects.filter(pl.col("estimated_value").is_null()).height
    if none:
        message = f"{they_have(none, 'subject', of=subjects.height)} no value; `reason` says why"
        yield Caution("subjects_without_value", message)
    for flag, what in (
        ("fewer_than_k", f"fewer than {told.parameters.k} comparables"),
        ("placed_by_area", "no coordinates, and a place in the middle of the area instead"),
        ("incomplete", "an unknown characteristic that the model holds"),
    ):
        count = subjects.filter(pl.col("flags").list.contains(flag)).height
        if count:
            yield Caution(f"subjects_{flag}", f"{they_have(count, 'subject', of=subjects.height)} {what}")


def of_model(model: Model, used: pl.DataFrame, day: date) -> Iterator[Caution]:
    """Tell what the price model leaves out, and where it reaches beyond the sales."""
    left = [
        name
        for name in CHARACTERISTICS
        if name not in model.prices.curves and used[name].null_count() < used.height and used[name].n_unique() > 1
    ]
    if left:
        yield Caution("characteristics_left_out", f"Fewer than half of the sales have {', '.join(left)}")
    yield from _of_places(model)
    beyond = (day - date(1970, 1, 1)).days - int(np.max(model.day))
    if beyond > _BEYOND_DAYS:
        message = f"The valuation date lies {beyond} days after the last sale; prices are taken to stand still since"
        yield Caution("valuation_date_beyond_sales", message)
    yield from of_years(used)


def _of_places(model: Model) -> Iterator[Caution]:
    placed, sales = on_the_map(model.places), len(model.located)
    by_area = int((placed & ~model.located).sum())
    if by_area:
        where = "they are taken to lie in the middle of their area"
        if not model.map.mapped:
            where = "those of one area are taken to lie at one point, out of reach of others, and distances tell nothing else"
        yield Caution("sales_placed_by_area", f"{they_have(by_area, 'sale', of=sales)} no coordinates; {where}")
    lost = int((~placed).sum())
    if lost:
        message = (
            f"{they_have(lost, 'sale', of=sales)} neither coordinates nor a known area, and can be compared with none"
        )
        yield Caution("sales_without_location", message)
