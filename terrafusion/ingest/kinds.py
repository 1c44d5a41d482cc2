"""The kinds of records that a county sends, as data: their columns, what must be there, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import polars as pl

from terrafusion.analysis.frames import (
    LISTINGS_ORDER,
    LISTINGS_SCHEMA,
    PROPERTIES_ORDER,
    PROPERTIES_SCHEMA,
    SALES_ORDER,
    SALES_SCHEMA,
)


class Check(NamedTuple):
    """What the cells of a row may not say together: a stable code, the column to blame, and when it holds."""

    reason: str
    column: str
    broken: pl.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of record. Columns that it does not name are kept in ``attributes``."""

    name: str
    schema: Mapping[str, pl.DataType]
    order: Sequence[str]
    """How its snapshot is sorted."""
    required: Mapping[str, str]
    """Columns that every row must fill, and what a reason calls each."""
    key: str
    """The column that tells a county's records apart."""
    place: Sequence[str] = ()
    """The columns which, counted, make a key where the county gives none; empty where it must."""
    price: str | None = None
    """The column by which records of one place are counted."""
    year: str | None = None
    """The column that may stand for its date, where only the year is known."""
    edition: str | None = None
    """The column that tells of which year a record speaks, where a later one takes the place of an earlier."""
    checks: Sequence[Check] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What is stored of a record: its schema, and the rest as JSON."""
        return (*self.schema, "attributes")

    @property
    def date(self) -> str | None:
        """The date that every row must have."""
        return next((name for name in self.required if self.schema[name] == pl.Date), None)


SALES: Final = Kind(
    name="sales",
    schema=SALES_SCHEMA,
    order=SALES_ORDER,
    required={"parcel_number": "parcel", "sale_date": "date", "sale_price": "price"},
    key="sale_id",
    place=("parcel_number", "sale_date"),
    price="sale_price",
    year="sale_year",
)
"""Recorded sales."""

PROPERTIES: Final = Kind(
    name="properties",
    schema=PROPERTIES_SCHEMA,
    order=PROPERTIES_ORDER,
    required={"parcel_number": "parcel"},
    key="parcel_number",
    edition="assessment_year",
)
"""The parcels of the roll."""

LISTINGS: Final = Kind(
    name="listings",
    schema=LISTINGS_SCHEMA,
    order=LISTINGS_ORDER,
    required={"parcel_number": "parcel", "list_date": "date", "list_price": "price"},
    key="listing_id",
    place=("parcel_number", "list_date"),
    price="list_price",
    checks=(Check("ended_before_it_began", "off_market_date", pl.col("off_market_date") < pl.col("list_date")),),
)
"""Times on the market."""

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (SALES, PROPERTIES, LISTINGS)}

REASONS: Final[Mapping[str, str]] = {
    "not_utf8": "it holds bytes that are not UTF-8; save the file as CSV in UTF-8",
    "too_few_cells": "the row has fewer cells than there are columns, and nobody knows which is missing",
    "too_many_cells": "the row has more cells than there are columns; a cell with a comma needs quotes around it",
    "nul_character": "it holds a NUL character, which no database keeps",
    "missing_parcel": "it is blank, and is required",
    "missing_date": "it is blank, and is required",
    "missing_price": "it is blank, and is required",
    "bad_date": "it is no date that is known; write it as 2014-05-31",
    "ambiguous_date": "it may be month first or day first; write it as 2014-05-31, or load with --date-order",
    "year_alone": "it is a year without a day; put it into a column sale_year",
    "bad_year": "it is no whole number",
    "date_out_of_range": "it is before 1800 or after 2199",
    "price_not_in_dollars": "it has the sign of another currency; prices are read in dollars only",
    "price_not_a_number": "it is no number such as 250000 or $250,000.50",
    "price_not_positive": "a price is above 0",
    "ended_before_it_began": "the listing ended before it began",
    "duplicate_sale_id": "an earlier row has the same sale_id",
    "duplicate_parcel_number": "an earlier row says the same of this parcel",
    "conflicting_parcel_number": "rows of one parcel and assessment_year differ, and nobody knows which is right; bring them to one row a parcel",
    "superseded_parcel_number": "another row tells of this parcel in a later assessment_year",
    "duplicate_listing_id": "an earlier row has the same listing_id",
}
"""Why a row cannot be used, by stable code, as a sentence about the cell that is blamed."""
