"""A county's records hold a record once: which of several rows of one key counts, and what to do where none can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.findings import counted
from terrafusion.ingest.faults import REJECTED_SCHEMA
from terrafusion.ingest.kinds import REASONS, Kind
from terrafusion.ingest.reading import RecordsFile

_NAMED: Final = 10
"""Columns that a warning names."""


def without_repeats(file: RecordsFile) -> RecordsFile:
    """Reject the rows whose key stands in another row that counts: a county's records hold a record once.

    Of a roll the latest year's row of a parcel counts, whatever the order; where such rows differ, none, and the columns
    in which they do are told.
    """
    key = file.kind.key
    repeats = _repeats(file.records.filter(pl.col(key).is_duplicated()), file.kind)
    rejected = repeats.select(
        "row",
        pl.lit(key).alias("column"),
        "reason",
        pl.col(key).alias("value"),
        _message(key).alias("message"),
    )
    return replace(
        file,
        records=file.records.join(rejected, on="row", how="anti", maintain_order="left"),
        rejected=pl.concat([file.rejected, rejected.select(*REJECTED_SCHEMA)]).sort("row"),
        warnings=[*file.warnings, *_conflicts(repeats.drop_nulls("differ"), file.kind)],
    )


def _message(key: str) -> pl.Expr:
    why = pl.col("reason").replace_strict(REASONS, return_dtype=pl.String)
    named = pl.col("differ").list.join(", ")  # of numbers that differ by the sign of 0 alone none is named
    where = pl.when(named != "").then(pl.concat_str(pl.lit(" (they differ in "), named, pl.lit(")")))
    return pl.concat_str(pl.lit(f"{key}: "), why, pl.coalesce(where, pl.lit("")))


def _conflicts(rows: pl.DataFrame, kind: Kind) -> Iterator[Caution]:
    if rows.is_empty():
        return
    columns = (
        rows["differ"].explode().drop_nulls().value_counts().sort("count", "differ", descending=[True, False])["differ"]
    )
    named = ", ".join([*columns.head(_NAMED), *(["…"] if len(columns) > _NAMED else [])])
    where = f" in {named}" if named else ""
    message = (
        f"{counted(rows.height, 'row')} of {counted(rows[kind.key].n_unique(), 'parcel')} differ from each other{where} "
        f"within one {kind.edition}, so none of them counts; a roll that has a row a building must be brought to a row a parcel"
    )
    yield Caution("conflicting_rows", message)


def _repeats(several: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return the rows that do not count, of those whose key is another's as well, with the ``reason``.

    ``differ`` names the columns in which they differ, where that is the reason.
    """
    key, again = pl.col(kind.key), pl.lit(f"duplicate_{kind.key}")
    nowhere = pl.lit(None, pl.List(pl.String)).alias("differ")
    if kind.edition is None:
        return several.filter(~key.is_first_distinct()).with_columns(nowhere, reason=again)
    year = pl.col(kind.edition).fill_null(0)
    late = year == year.max().over(key)
    newest = several.filter(late)
    differ = pl.struct(kind.columns).n_unique().over(key) > 1
    clash, alike = newest.filter(differ), newest.filter(~differ)
    return pl.concat(
        [
            several.filter(~late).with_columns(nowhere, reason=pl.lit(f"superseded_{kind.key}")),
            alike.filter(~key.is_first_distinct()).with_columns(nowhere, reason=again),
            _with_differences(clash, kind).with_columns(reason=pl.lit(f"conflicting_{kind.key}")),
        ]
    )


def _with_differences(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Add ``differ``: the columns, those kept as attributes too, in which the rows of one key are not equal."""
    kept = rows["attributes"].str.json_decode(infer_schema_length=None)
    others = kept.struct.unnest().select(pl.exclude(kind.key)) if isinstance(kept.dtype, pl.Struct) else pl.DataFrame()
    parts = (rows.select(*kind.schema), rows.select(kind.key).with_columns(others))
    differ = pl.concat_list([_apart(part, kind.key) for part in parts]).list.unique(maintain_order=True)
    return rows.with_columns(differ.alias("differ"))


def _apart(columns: pl.DataFrame, key: str) -> pl.Series:
    """Return for each row the names of the columns in which the rows of its key are not equal."""
    none = pl.lit(None, pl.String)
    apart = (pl.when(pl.struct(name).n_unique().over(key) > 1).then(pl.lit(name)) for name in columns.columns)
    return columns.select(pl.concat_list(none, *apart).list.drop_nulls()).to_series()
