"""Comparables and subjects as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Flags, Floats
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.parameters import ComparableParameters
from terrafusion.analysis.comps.reconcile import Reconciled, similarity
from terrafusion.analysis.comps.regression import PARTS
from terrafusion.analysis.comps.search import Comps, Subjects
from terrafusion.analysis.indexes import CHARACTERISTICS, SIZES

ADJUSTMENTS: Final = ("time", *PARTS)

ROWS: Final[dict[str, pl.DataType]] = {
    "subject_parcel_id": pl.String(),
    "rank": pl.Int64(),
    "sale_id": pl.String(),
    "parcel_number": pl.String(),
    "sale_date": pl.Date(),
    "sale_price": pl.Float64(),
    "age_days": pl.Int64(),
    "distance_km": pl.Float64(),
    "adjustments": pl.Struct({name: pl.Float64() for name in ADJUSTMENTS}),
    "gross_adjustment_pct": pl.Float64(),
    "net_adjustment_pct": pl.Float64(),
    "adjusted_price": pl.Float64(),
    "similarity": pl.Float64(),
    "weight": pl.Float64(),
    "flags": pl.List(pl.String()),
}

SUBJECTS: Final[dict[str, pl.DataType]] = {
    "subject_parcel_id": pl.String(),
    "comparables": pl.Int64(),
    "estimated_value": pl.Float64(),
    "value_low": pl.Float64(),
    "value_high": pl.Float64(),
    "model_value": pl.Float64(),
    "reason": pl.String(),
    "flags": pl.List(pl.String()),
}

NO_LOCATION, NO_COMPS, FEW_COMPS, FEW_SALES = "no_location", "no_comparables", "too_few_comparables", "too_few_sales"
"""Why a subject has no value."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer as arrays."""

    model: Model
    subjects: Subjects
    comps: Comps
    reconciled: Reconciled
    reach: Floats
    """Of each subject, spreads from its value to the ends of its range; nan where none can be told."""

    @property
    def there(self) -> Flags:
        """Which places of subjects x k hold a comparable."""
        return self.comps.sale >= 0


def comparable_rows(found: Found, parameters: ComparableParameters) -> pl.DataFrame:
    """Return a row (`ROWS`) for each comparable, by subject and rank."""
    there, model = found.there, found.model
    subject, rank = np.nonzero(there)
    sale = found.comps.sale[there]
    price = np.exp(model.log_price[sale])
    dollars = found.reconciled.adjustments[there]
    sold = model.sales[sale].select("sale_id", "parcel_number", "sale_date", "sale_price")
    adjusted = found.reconciled.adjusted[there]
    age = found.subjects.day[subject] - model.day[sale]
    table = sold.with_columns(
        found.subjects.homes.parcel.gather(subject).alias("subject_parcel_id"),
        pl.Series("rank", rank + 1),
        pl.Series("age_days", age),
        _known("distance_km", found.comps.distance_km[there]),
        pl.struct(_known(name, dollars[:, at]) for at, name in enumerate(ADJUSTMENTS)).alias("adjustments"),
        pl.Series("gross_adjustment_pct", 100 * np.nansum(np.abs(dollars), axis=1) / price),
        pl.Series("net_adjustment_pct", 100 * (adjusted / price - 1)),
        pl.Series("adjusted_price", adjusted),
        pl.Series("similarity", similarity(found.comps)[there]),
        pl.Series("weight", found.reconciled.weight[there]),
    )
    flagged = table.with_columns(_flags(_sale_flags(found, parameters, table)).alias("flags"))
    return flagged.select(pl.col(name).cast(kind) for name, kind in ROWS.items())


def home_rows(found: Found) -> pl.DataFrame:
    """Return what is known of the subjects' homes and, as of their sales, of the comparables'."""
    there, model = found.there, found.model
    subject, rank = np.nonzero(there)
    subjects = _homes(found.subjects.homes).with_columns(subject_parcel_id=pl.col("parcel_number"), rank=pl.lit(0))
    parcels = found.subjects.homes.parcel.gather(subject)
    compared = _homes(model.homes.taken(found.comps.sale[there]))
    compared = compared.with_columns(parcels.alias("subject_parcel_id"), pl.Series("rank", rank + 1, dtype=pl.Int32))
    return pl.concat([subjects, compared]).select("subject_parcel_id", "rank", pl.exclude("subject_parcel_id", "rank"))


def _homes(homes: Homes) -> pl.DataFrame:
    values = [_known(name, np.exp(value) if name in SIZES else value).round(3) for name, value in homes.values.items()]
    return pl.DataFrame([homes.parcel.alias("parcel_number"), homes.kind.alias("property_type"), *values])


def _known(name: str, values: Floats) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)


def _flags(told: dict[str, Flags]) -> pl.Expr:
    named = [pl.when(pl.Series(flag, dtype=pl.Boolean)).then(pl.lit(name)) for name, flag in told.items()]
    return pl.concat_list(named).list.drop_nulls()


def _sale_flags(found: Found, parameters: ComparableParameters, table: pl.DataFrame) -> dict[str, Flags]:
    there, model = found.there, found.model
    subject, _ = np.nonzero(there)
    sale = found.comps.sale[there]
    far = table["distance_km"].fill_null(0).to_numpy() > parameters.flag_distance_km
    first = pl.Series(found.subjects.day[subject]).cast(pl.Date).dt.offset_by(f"-{parameters.flag_age_months}mo")
    return {
        "gross_adjustment_high": _above(table["gross_adjustment_pct"], parameters.max_gross_adjustment_pct),
        "net_adjustment_high": _above(table["net_adjustment_pct"].abs(), parameters.max_net_adjustment_pct),
        "far": far,
        "old": (table["sale_date"] < first).to_numpy(),
        "outlier": np.abs(found.reconciled.residual[there]) > parameters.flag_outlier_sd * model.spread,
        "different_property_type": found.comps.other_type[there],
        "placed_by_area": ~(model.located[sale] & found.comps.located[subject]),
        "incomplete": _incomplete(model, model.homes.taken(sale)),
    }


def _above(values: pl.Series, bound: float) -> Flags:
    above: Flags = (values > bound).to_numpy()
    return above


def _incomplete(model: Model, homes: Homes) -> Flags:
    """Say which homes lack a characteristic that the model holds."""
    lacking = [~np.isfinite(homes.values[name]) for name in CHARACTERISTICS if name in model.prices.curves]
    return np.logical_or.reduce(lacking) if lacking else np.zeros(len(homes), bool)


def subject_rows(found: Found, parameters: ComparableParameters) -> pl.DataFrame:
    """Return a row (`SUBJECTS`) for each subject: its value with its range, or the reason why there is none."""
    counts = found.there.sum(axis=1)
    enough = counts >= min(parameters.min_comps, parameters.k)
    value = np.where(enough, found.reconciled.value, np.nan)
    reach = found.reach * found.reconciled.spread
    lacking = np.where(counts > 0, FEW_COMPS, np.where(found.comps.placed, NO_COMPS, NO_LOCATION))
    flags = {
        "fewer_than_k": counts < parameters.k,
        "placed_by_area": found.comps.placed & ~found.comps.located,
        "incomplete": _incomplete(found.model, found.subjects.homes),
    }
    table = pl.DataFrame(
        {
            "subject_parcel_id": found.subjects.homes.parcel,
            "comparables": counts,
            "estimated_value": _known("", value),
            "value_low": _known("", value * np.exp(-reach)),
            "value_high": _known("", value * np.exp(reach)),
            "model_value": _known("", np.where(found.comps.placed, found.reconciled.expected, np.nan)),
            "reason": pl.Series(np.where(enough, "", lacking)).replace("", None),
        }
    )
    return table.with_columns(_flags(flags).alias("flags")).select(pl.col(n).cast(k) for n, k in SUBJECTS.items())


def without_model(parcels: pl.Series) -> pl.DataFrame:
    """Return the subjects' rows where there are too few sales for a model."""
    empty = pl.DataFrame(
        {"subject_parcel_id": parcels, "comparables": 0, "reason": FEW_SALES, "flags": [[]] * len(parcels)}
    )
    columns = [
        (pl.col(name) if name in empty.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SUBJECTS.items()
    ]
    return empty.select(columns)
