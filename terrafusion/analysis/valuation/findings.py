"""What is told of the values: one sentence, counts, and what a reader must know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.comps.model import LEAST_SALES
from terrafusion.analysis.findings import counted, they_have
from terrafusion.analysis.ratios.sample import ROUNDING
from terrafusion.analysis.valuation.parameters import ValuationParameters
from terrafusion.analysis.valuation.rows import GRADES

_BIAS: Final = 0.05
"""Of the price-related bias, what the IAAO's standard accepts."""
_COVERAGE_OFF: Final = 2.0
"""Percentage points by which ranges may hold more or fewer held-out prices than asked before it is told."""

FLAGS: Final = {
    "no_comparables": "no sale within the limits, and the model's value",
    "few_comparables": "fewer than three comparables",
    "unsold_property_type": "a property type of which no sale is used",
    "incomplete": "an unknown characteristic that the model holds",
    "outside_range": "a characteristic beyond those of all sales",
    "placed_by_area": "no coordinates, and a place in the middle of the area instead",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentence is made of."""

    county_id: str
    parameters: ValuationParameters
    sales: int
    sold: int
    """Parcels that these sales are of."""
    day: date | None
    rows: pl.DataFrame
    accuracy: Mapping[str, Any]
    """Empty where nothing could be valued."""


def tally(told: Told) -> dict[str, Any]:
    """Count parcels with and without a value, and those of each confidence."""
    valued = told.rows["estimated_value"].drop_nulls()
    reasons = told.rows["reason"].drop_nulls().value_counts().sort("reason")
    return {
        "parcels_asked": told.rows.height,
        "parcels_valued": len(valued),
        "parcels_without_value": dict(reasons.iter_rows()),
        "median_estimated_value": valued.median(),
        **{f"confidence_{grade}": told.rows.filter(pl.col("confidence") == grade).height for grade in GRADES},
    }


def key_finding(told: Told) -> str:
    """Put the values into one sentence."""
    if not told.accuracy:
        return f"In {told.county_id} no parcel is valued: {_too_few(told)}."
    return f"{_values(told)}; {_errors(told)}."


def _too_few(told: Told) -> str:
    found, least = counted(told.sales, "sale"), told.parameters.min_training_sales
    if told.sales < least:
        return f"the request selects {found}, and at least {least:,} are needed"
    return (
        f"the request selects {found} of {counted(told.sold, 'parcel')}, and without those of some parcels, dealt into "
        f"{told.parameters.folds} parts, fewer than {LEAST_SALES} are left to learn from"
    )


def _values(told: Told) -> str:
    valued = told.rows.filter(pl.col("estimated_value").is_not_null())
    if told.rows.height == 1 and valued.height:
        row = valued.row(0, named=True)
        ranged = "" if row["value_low"] is None else f", range ${row['value_low']:,.0f} to ${row['value_high']:,.0f}"
        return (
            f"Parcel {row['parcel_number']} of {told.county_id} has an estimated value of ${row['estimated_value']:,.0f} "
            f"as of {told.day} (confidence {row['confidence']}{ranged})"
        )
    start = (
        f"In {told.county_id} {valued.height:,} of {told.rows.height:,} parcels asked for have a value as of {told.day}"
    )
    if valued.is_empty():
        return start
    return f"{start}, the median ${np.median(valued['estimated_value'].to_numpy()):,.0f}"


def _errors(told: Told) -> str:
    found, asked = told.accuracy, told.parameters
    sure = f"{100 * asked.confidence_level:g}% interval"
    off = f"{found['mdape']:.1f}% ({sure} {found['mdape_ci_low']:.1f}% to {found['mdape_ci_high']:.1f}%)"
    held = f"in a {asked.folds}-fold holdout of {found['n']:,} sales the median error was {off}"
    if math.isnan(found["interval_coverage"]):
        return held
    return (
        f"{held} and {found['interval_coverage']:.1f}% of prices lay inside their {100 * asked.interval_level:g}% range"
    )


def cautions(told: Told) -> Iterator[Caution]:
    """Tell of parcels that lack something, and of what the holdout shows to be amiss."""
    none = told.rows["estimated_value"].null_count()
    if none:
        message = f"{they_have(none, 'parcel', of=told.rows.height)} no value; `reason` says why"
        yield Caution("parcels_without_value", message)
    bare = told.rows.filter(pl.col("estimated_value").is_not_null() & pl.col("value_low").is_null()).height
    if bare:
        why = "no comparables, or too few sales tell as much together; then it may err by more than others"
        message = f"{they_have(bare, 'parcel', of=told.rows.height)} a value without range: {why}"
        yield Caution("parcels_without_range", message)
    for flag, what in FLAGS.items():
        count = told.rows.filter(pl.col("flags").list.contains(flag)).height
        if count:
            yield Caution(f"parcels_{flag}", f"{they_have(count, 'parcel', of=told.rows.height)} {what}")
    if told.accuracy:
        yield from _of_accuracy(told)


def _of_accuracy(told: Told) -> Iterator[Caution]:
    found, asked = told.accuracy, told.parameters
    if told.sales > asked.max_training_sales:
        message = f"The learner saw {asked.max_training_sales:,} of {told.sales:,} sales, drawn by seed"
        yield Caution("learner_sampled", message)
    if abs(found["prb"]) > _BIAS + ROUNDING:
        message = f"Held-out values have a price-related bias of {found['prb']:.3f}, beyond {_BIAS} either way"
        yield Caution("vertical_inequity", message)
    held, level = found["interval_coverage"], 100 * asked.interval_level
    if math.isnan(held):
        message = f"{told.sales:,} sales are too few to tell, without some of them, what holds {level:g}% of prices"
        yield Caution("interval_too_few_sales", message)
    elif abs(held - level) > _COVERAGE_OFF and not (
        found["interval_coverage_ci_low"] <= level <= found["interval_coverage_ci_high"]
    ):
        yield Caution("interval_coverage_off", f"Ranges held {held:.1f}% of held-out prices; {level:g}% were asked for")
