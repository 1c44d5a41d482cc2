"""A ratio study's records: the sales it needs, and the value of each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.groups import label_of, name_of
from terrafusion.analysis.ratios import time
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.standard import CLASSES
from terrafusion.analysis.reading import collected, refuse_fine_groups, refuse_fine_periods
from terrafusion.analysis.selection import Selection, is_amount, leave_out
from terrafusion.analysis.unrecorded import types_not_asking
from terrafusion.errors import InvalidParameters

_ROLL: Final = {"roll_assessed_value": "assessed_value", "market_value": "market_value"}
"""Fields of the roll, by the names that they have in a request."""

_YEAR: Final = "assessment_year"


def read(
    records: Records,
    parameters: RatioParameters,
    also: Collection[str] = (),
    *,
    apart: Collection[str] = (),
    coded: bool = False,
) -> pl.DataFrame:
    """Read the sales, each with its ``group`` and its ``value`` (null where it has none), and the columns ``also``.

    Where ``coded`` groups, texts that only they are made of, and those ``apart`` are an Enum as far as they can be.
    Raises InvalidParameters where the records cannot serve the request.
    """
    columns = {"parcel_number"} if parameters.value_field in _ROLL else {"assessed_value"}
    if parameters.property_classes:
        columns |= {"property_class", "property_type"}
    if parameters.time_adjust != "none":
        columns |= time.columns_for(parameters.time_adjust)
    if parameters.fallback == "cascade":
        columns |= {"zip_code"}
    sales = collected(records, parameters, columns | set(also), apart=apart, coded=coded)
    refuse_fine_groups(sales, parameters)
    if parameters.time_adjust != "none":
        refuse_fine_periods(sales, parameters)
    named = with_value(records, sales, parameters.value_field).with_columns(
        (name_of if coded else label_of)(parameters.group_by).alias("group")
    )
    refuse_unvalued(records, named["value"], parameters.value_field)
    return named


def with_value(records: Records, sales: pl.DataFrame, value_field: str) -> pl.DataFrame:
    """Add ``value``: the ``assessed_value`` that the sale records, or what the roll says of its ``parcel_number``."""
    if value_field in _ROLL:
        return _with_roll(records, sales, _ROLL[value_field])
    return sales.rename({"assessed_value": "value"})


def _with_roll(records: Records, sales: pl.DataFrame, field: str) -> pl.DataFrame:
    """Add the parcel's value on the roll, and the year of it."""
    if records.properties is None:
        return sales.with_columns(pl.lit(None, pl.Float64).alias("value"), pl.lit(None, pl.Int32).alias(_YEAR))
    roll = records.properties.select("parcel_number", pl.col(field).alias("value"), _YEAR).collect()
    return sales.join(roll, on="parcel_number", how="left", maintain_order="left")


def refuse_unvalued(records: Records, value: pl.Series, value_field: str) -> None:
    """Raise InvalidParameters where there are sales and none has a value."""
    if len(value) and value.null_count() == len(value):
        had = ", ".join(name for name in _fields(records) if name != value_field)
        had = had or f"no other value either; types that do without are {types_not_asking('value_field')}"
        msg = f"value_field is {value_field!r}, of which {records.county_id} records nothing; allowed is {had}"
        raise InvalidParameters(msg, field="value_field", value=value_field, allowed=had)


def _fields(records: Records) -> list[str]:
    """Name the value fields that have a value."""
    found = []
    if records.sales.select(pl.col("assessed_value").count()).collect().item():
        found.append("assessed_value")
    if records.properties is not None:
        counts = records.properties.select(pl.col(*_ROLL.values()).count()).collect().row(0, named=True)
        found += [name for name, field in _ROLL.items() if counts[field]]
    return found


def valued(selection: Selection, *, roll_year: int | None) -> Selection:
    """Leave out the selected sales without a value of a cent or more, and those of another year's roll.

    ``roll_year`` counts where values come from the roll, which tells its year.
    """
    reasons = {"missing_value": ~is_amount(pl.col("value"))}
    if roll_year is not None and _YEAR in selection.used.columns:
        reasons["outside_roll_year"] = pl.col(_YEAR).ne_missing(roll_year)
    return leave_out(selection, reasons)


def assessment_level(records: Records, parameters: RatioParameters) -> float:
    """Return the fraction of market value to expect: the request's, else the profile's; a market value's is 1."""
    if parameters.value_field == "market_value":
        return 1.0
    asked = parameters.assessment_level
    return records.profile.assessment_level if asked is None else asked


def classes_of(sales: pl.DataFrame, parameters: RatioParameters) -> pl.Series:
    """Return each sale's place in `CLASSES` (UInt8): what is said of its class, else of its type, else the default."""
    default = pl.lit(CLASSES.index(parameters.property_class), pl.UInt8)
    known = {name: CLASSES.index(means) for name, means in parameters.property_classes.items()}
    told = [
        pl.col(name).replace_strict(known, default=None, return_dtype=pl.UInt8)
        for name in ("property_class", "property_type")
        if known
    ]
    return sales.select(pl.coalesce(*told, pl.repeat(default, pl.len(), dtype=pl.UInt8))).to_series()
