"""Which record is which, where a county does not number them."""

from __future__ import annotations

import polars as pl

from terrafusion.ingest.kinds import Kind


def derive_keys(records: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Fill an absent key with parcel, date and occurrence number: ``0001800010/2013-02-06/1``.

    Records of one parcel and day are counted from the lowest price, and at the same price by what else they
    say, so that the order of the rows in the file does not matter.
    """
    if not kind.place or not records[kind.key].null_count():
        return records
    # Rechunked, for polars 2.1 panics when it joins the text of columns that are cut into unequal chunks.
    nameless = records.filter(pl.col(kind.key).is_null())
    alone = ~pl.struct(kind.place).is_duplicated()
    single = nameless.filter(alone).with_columns(occurrence=pl.lit(1, pl.UInt32))
    several = (
        nameless.filter(~alone)
        .sort(kind.price, *(name for name in kind.columns if name != kind.price))
        .with_columns(occurrence=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over(kind.place))
    )
    key = pl.format("/".join(["{}"] * (len(kind.place) + 1)), *kind.place, "occurrence").alias(kind.key)
    named = pl.concat([single, several], rechunk=True).with_columns(key).drop("occurrence")
    return pl.concat([records.filter(pl.col(kind.key).is_not_null()), named], rechunk=True).sort("row")
