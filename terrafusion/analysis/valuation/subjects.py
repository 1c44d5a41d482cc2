"""The parcels to value: those named, or all of the roll or the sales that the request asks for."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.comps.evidence import subjects_of
from terrafusion.analysis.valuation.parameters import ValuationParameters

_ASKED: Final = (("zip_codes", "zip_code"), ("neighborhoods", "neighborhood"), ("property_types", "property_type"))


def parcels(records: Records, sales: pl.DataFrame, parameters: ValuationParameters) -> pl.DataFrame:
    """Return the homes to value, by parcel_number, as `terrafusion.analysis.comps.evidence.subjects_of` has them.

    Without ``subject_parcel_ids`` these are all of the roll, where it is loaded, else all of the sales, as far as ZIPs,
    neighborhoods and property types are asked for. Raises InvalidParameters that names parcels of neither.
    """
    if parameters.subject_parcel_ids is not None:
        return subjects_of(records, sales, parameters.subject_parcel_ids)
    roll = records.properties
    names = sales["parcel_number"] if roll is None else roll.select("parcel_number").collect().to_series()
    found = subjects_of(records, sales, tuple(names.drop_nulls().unique().sort()))
    for field, column in _ASKED:
        asked = getattr(parameters, field)
        if asked is not None:
            found = found.filter(pl.col(column).is_in(list(asked)).fill_null(value=False))
    return found
