"""Which sale is which, where a county does not number its sales."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis.frames import SALES_SCHEMA

PLACE: Final = ("parcel_number", "sale_date")
ORDER: Final = ("sale_price", *(name for name in SALES_SCHEMA if name != "sale_price"), "attributes")


def derive_ids(sales: pl.DataFrame) -> pl.DataFrame:
    """Fill an absent ``sale_id`` with parcel, date and occurrence number: ``0001800010/2013-02-06/1``.

    Sales of one parcel on one day are counted from the lowest price, and at the same price by what else they
    say, so that the order of the rows in the file does not matter.
    """
    # Rechunked, for polars 2.1 panics when it joins the text of columns that are cut into unequal chunks.
    nameless = sales.filter(pl.col("sale_id").is_null())
    alone = ~pl.struct(PLACE).is_duplicated()
    single = nameless.filter(alone).with_columns(occurrence=pl.lit(1, pl.UInt32))
    several = (
        nameless.filter(~alone)
        .sort(ORDER)
        .with_columns(occurrence=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over(PLACE))
    )
    named = pl.concat([single, several], rechunk=True).with_columns(
        sale_id=pl.format("{}/{}/{}", pl.col("parcel_number"), pl.col("sale_date"), pl.col("occurrence"))
    )
    return pl.concat([sales.filter(pl.col("sale_id").is_not_null()), named.drop("occurrence")], rechunk=True).sort(
        "row"
    )
