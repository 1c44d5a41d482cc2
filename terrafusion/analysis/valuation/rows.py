"""Values of parcels as rows, each with how sure it is and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.comps.homes import Homes, on_the_map
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.reconcile import logarithmic_mean
from terrafusion.analysis.comps.regression import PARTS
from terrafusion.analysis.valuation.parameters import ValuationParameters
from terrafusion.analysis.valuation.sight import FEATURES, Sight
from terrafusion.analysis.valuation.trial import Trial, Valued

CONTRIBUTIONS: Final = ("base", *PARTS, "comparables", "learned", "restored_spread")
"""What a value is made of, in dollars: the typical home, what it has and where it lies, and what is learned beyond."""

COMPARABLE: Final[dict[str, pl.DataType]] = {
    "sale_id": pl.String(),
    "sale_date": pl.String(),
    "sale_price": pl.Float64(),
    "distance_km": pl.Float64(),
    "adjusted_price": pl.Float64(),
    "weight": pl.Float64(),
    "contribution": pl.Float64(),
}

ROWS: Final[dict[str, pl.DataType]] = {
    "parcel_number": pl.String(),
    "estimated_value": pl.Float64(),
    "value_low": pl.Float64(),
    "value_high": pl.Float64(),
    "confidence": pl.String(),
    "fsd": pl.Float64(),
    "comparables_value": pl.Float64(),
    "model_value": pl.Float64(),
    "comparables_used": pl.Int64(),
    "reason": pl.String(),
    "flags": pl.List(pl.String()),
    "contributions": pl.Struct({name: pl.Float64() for name in CONTRIBUTIONS}),
    "comparables": pl.List(pl.Struct(COMPARABLE)),
}

GRADES: Final = ("high", "medium", "low")
TOO_FEW, NO_LOCATION, NOTHING_KNOWN = "too_few_sales", "no_location", "no_characteristics"
"""Why a parcel has no value."""

FEW: Final = 3
"""Comparables below which confidence is low."""
_EAST: Final = FEATURES.index("east")
"""Before it stand the characteristics."""
_LOW: Final = ("no_comparables", "few_comparables", "unsold_property_type")
_MEDIUM: Final = ("incomplete", "outside_range", "placed_by_area")


@dataclass(frozen=True, slots=True)
class Found:
    """Parcels, what a model of all sales shows of them, and their values."""

    model: Model
    homes: Homes
    day: int
    sight: Sight
    valued: Valued


def parcel_rows(found: Found, parameters: ValuationParameters) -> pl.DataFrame:
    """Return a row (`ROWS`) for each parcel in its order."""
    reason = _reason(found)
    there = reason == ""
    value, low, high = (
        np.where(there, logs, np.nan) for logs in (found.valued.value, found.valued.low, found.valued.high)
    )
    flags = _flags(found, there)
    fsd = deviation(low, high, parameters.interval_level)
    grade = np.where(there, np.array(GRADES)[graded(fsd, flags, parameters)], "")
    any_comps = found.sight.comparables > 0
    table = pl.DataFrame(
        {
            "parcel_number": found.homes.parcel,
            "estimated_value": _dollars(value),
            "value_low": _dollars(low),
            "value_high": _dollars(high),
            "confidence": _text(grade),
            "fsd": pl.Series(fsd).fill_nan(None),
            "comparables_value": _dollars(np.where(there & any_comps, found.sight.anchor, np.nan)),
            "model_value": _dollars(np.where(there, found.sight.expected, np.nan)),
            "comparables_used": found.sight.comparables,
            "reason": _text(reason),
            "contributions": _contributions(found, there),
            "comparables": _comparables(found),
        }
    )
    named = [pl.when(pl.Series(flag)).then(pl.lit(name)) for name, flag in flags.items()]
    return _as_rows(table.with_columns(pl.concat_list(named).list.drop_nulls().alias("flags")))


def deviation(low: Floats, high: Floats, level: float) -> Floats:
    """Return the forecast standard deviation of a value, as a fraction of it: half its range (logs) over z of the range."""
    half: Floats = (high - low) / 2
    return half / critical_value(level)


def graded(fsd: Floats, flags: dict[str, Flags], parameters: ValuationParameters) -> Codes:
    """Return the place in `GRADES`: by the forecast deviation, and no better than what is flagged allows."""
    grade = np.where(fsd <= parameters.high_confidence_fsd, 0, np.where(fsd <= parameters.low_confidence_fsd, 1, 2))
    for names, best in ((_MEDIUM, 1), (_LOW, 2)):
        for name in names:
            if name in flags:
                grade = np.where(flags[name], np.maximum(grade, best), grade)
    return grade


def without_values(parcels: pl.Series, reason: str) -> pl.DataFrame:
    """Return the rows of parcels none of which has a value."""
    return _as_rows(pl.DataFrame({"parcel_number": parcels}).with_columns(reason=pl.lit(reason), comparables_used=0))


def held_out_rows(sales: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    """Return the held-out value of each sale with its range."""
    told = ("value", "low", "high")
    names = ("estimated_value", "value_low", "value_high")
    values = [_dollars(getattr(trial.valued, one)).alias(name) for one, name in zip(told, names, strict=True)]
    return sales.select("parcel_number", "sale_id", "sale_date", "sale_price").with_columns(values)


def _as_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in ROWS.items()
    )


def _dollars(logs: Floats) -> pl.Series:
    return pl.Series(np.exp(logs), dtype=pl.Float64).fill_nan(None)


def _text(values: Floats) -> pl.Series:
    return pl.Series(values, dtype=pl.String).replace("", None)


def _reason(found: Found) -> Floats:
    placed = np.isfinite(found.sight.features[:, _EAST])
    known = np.isfinite(found.sight.features[:, :_EAST]).any(axis=1)
    reason: Floats = np.where(known, np.where(placed, "", NO_LOCATION), NOTHING_KNOWN)
    return reason


def _flags(found: Found, there: Flags) -> dict[str, Flags]:
    model, homes, count = found.model, found.homes, found.sight.comparables
    held = list(model.prices.curves)
    lacking = [~np.isfinite(homes.values[name]) for name in held]
    outside = [_outside(homes.values[name], model.homes.values[name]) for name in held]
    nothing = np.zeros(len(homes), bool)
    sold = model.homes.kind.drop_nulls().unique().to_list()
    places, located = model.map.put(homes)
    return {
        "no_comparables": there & (count == 0),
        "few_comparables": (count > 0) & (count < FEW),
        "unsold_property_type": (homes.kind.is_not_null() & ~homes.kind.is_in(sold)).to_numpy(),
        "incomplete": np.logical_or.reduce(lacking) if lacking else nothing,
        "outside_range": np.logical_or.reduce(outside) if outside else nothing,
        "placed_by_area": on_the_map(places) & ~located,
    }


def _outside(values: Floats, sold: Floats) -> Flags:
    outside: Flags = (values < np.nanmin(sold)) | (values > np.nanmax(sold))
    return outside


def _contributions(found: Found, there: Flags) -> pl.Series:
    """Turn log contributions into dollars by the logarithmic mean (Ang 2004), so that they add up to the value."""
    model, sight, valued = found.model, found.sight, found.valued
    base = model.prices.base + float(model.time(np.array([found.day]))[0])
    logs = [*sight.parts.T, sight.anchor - sight.expected, valued.learned]
    logs.append(valued.value - sight.anchor - valued.learned)
    typical = np.full(len(valued.value), np.exp(base))
    mean = logarithmic_mean(typical, np.exp(valued.value))
    dollars = [typical, *(mean * log for log in logs)]
    told = [
        pl.Series(name, np.where(there, values, np.nan), dtype=pl.Float64).fill_nan(None)
        for name, values in zip(CONTRIBUTIONS, dollars, strict=True)
    ]
    return pl.DataFrame(told).to_struct("contributions")


def _comparables(found: Found) -> pl.Series:
    """Return each parcel's comparables as a list, the most alike first; their contributions add up to the comparables' value."""
    sight, model = found.sight, found.model
    there = sight.sale >= 0
    sale, weight, adjusted = sight.sale[there], sight.weight[there], sight.adjusted[there]
    flat = model.sales[sale].select("sale_id", pl.col("sale_date").cast(pl.String), "sale_price")
    flat = flat.with_columns(
        pl.Series("distance_km", sight.distance_km[there]).fill_nan(None),
        pl.Series("adjusted_price", adjusted),
        pl.Series("weight", weight),
        pl.Series("contribution", weight * adjusted),
    )
    rows = flat.select(list(COMPARABLE)).to_struct("comparables").to_frame()
    rows = rows.with_columns(pl.Series("subject", np.nonzero(there)[0], dtype=pl.Int64))
    listed = rows.group_by("subject", maintain_order=True).agg("comparables")
    every = pl.DataFrame({"subject": pl.int_range(len(there), eager=True)})
    return every.join(listed, on="subject", how="left", maintain_order="left")["comparables"].fill_null([])
