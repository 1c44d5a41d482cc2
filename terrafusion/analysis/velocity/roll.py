"""The roll's part: how many parcels there are to turn over, and where a listing's parcel lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.groups import MARKET_AREA, area_of, label_of
from terrafusion.analysis.survey import Survey
from terrafusion.analysis.unmatched import FILTERS, asked_for

DATE_PARTS: Final = ("sale_year", "sale_quarter", "sale_month")
"""Groups that are spans of time themselves."""

_ON_ROLL: Final = frozenset({*PROPERTIES_SCHEMA, MARKET_AREA})


@dataclass(frozen=True, slots=True)
class Counted:
    """``parcels`` by ``group_code``; or why there are none."""

    parcels: pl.DataFrame
    unavailable: str | None = None


_NOTHING: Final = pl.DataFrame(schema={"group_code": pl.Int32(), "parcels": pl.Int64()})


def parcels(survey: Survey) -> Counted:
    """Count the roll's parcels in each group of sales: all of them where the group is a part of the sale date."""
    roll = survey.records.properties
    if roll is None:
        return Counted(_NOTHING, "property data absent")
    places = [name for name in survey.market.group_by if name not in DATE_PARTS]
    missing = [name for name in places if name not in _ON_ROLL]
    if missing:
        return Counted(_NOTHING, f"the roll has no {missing[0]}")
    columns = {*places, *FILTERS.values()}
    inside = (
        roll.with_columns(area_of(survey.records.profile))
        .select(sorted(columns))
        .filter(asked_for(survey.parameters))
        .collect()
    )
    counts = inside.with_columns(label_of(places).alias("place")).drop_nulls("place").group_by("place").len()
    found = _places(survey, places).join(counts, on="place").sort("group_code")
    return Counted(found.select("group_code", pl.col("len").cast(pl.Int64).alias("parcels")))


def _places(survey: Survey, places: Sequence[str]) -> pl.DataFrame:
    """Return the ``place`` of each group: its name without the parts of the sale date."""
    return survey.market.sales.select("group_code", label_of(places).alias("place")).unique()


def placed(survey: Survey, listings: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """Return the listings that lie in a group of sales, with its ``group_code``; or why they cannot be told apart."""
    asked = [column for field, column in FILTERS.items() if getattr(survey.parameters, field) is not None]
    roll = survey.records.properties
    names = [*survey.market.group_by, *asked]
    reason = _unplaceable(names, roll=roll is not None)
    if reason is not None:
        return listings.clear().with_columns(pl.lit(None, pl.Int32).alias("group_code")), reason
    if roll is not None:
        known = (
            roll.with_columns(area_of(survey.records.profile))
            .select("parcel_number", *dict.fromkeys([*names, "zip_code"]))
            .collect()
        )
        listings = listings.join(known, on="parcel_number", how="left", suffix="_roll", maintain_order="left")
        listings = listings.with_columns(pl.coalesce("zip_code", "zip_code_roll"))
    inside = listings.filter(asked_for(survey.parameters)).with_columns(label_of(survey.market.group_by).alias("group"))
    return inside.join(survey.labels(), on="group", maintain_order="left"), None


def _unplaceable(group_by: Sequence[str], *, roll: bool) -> str | None:
    """Say why listings cannot be told apart by group; None where they can."""
    for name in group_by:
        if name not in _ON_ROLL:
            return f"a listing has no {name}"
        if name != "zip_code" and not roll:
            return f"without properties a listing has no {name}"
    return None
