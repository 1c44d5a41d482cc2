"""What a file says beside the columns of its schema, kept as JSON in ``attributes``."""

from __future__ import annotations

import polars as pl

from terrafusion.ingest import cells
from terrafusion.ingest.kinds import Kind


def lost_cells(given: pl.DataFrame, values: pl.DataFrame, kind: Kind) -> dict[str, pl.Series]:
    """Return the cells of optional columns that say something which cannot be read."""
    optional = [name for name in given.columns if name in kind.schema and name not in kind.required]
    lost = {name: cells.text(given[name]).set(values[name].is_not_null(), None) for name in optional}
    return {name: cell for name, cell in lost.items() if cell.null_count() < cell.len()}


def attributes_of(given: pl.DataFrame, values: pl.DataFrame, kind: Kind) -> pl.Series:
    """Return, as JSON, the columns that nobody knows and the cells that could not be read; null for neither."""
    others = {name: _plain(given[name]) for name in given.columns if name not in (*kind.schema, kind.year)}
    others |= lost_cells(given, values, kind)
    members = [
        pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode().str.slice(1).str.head(-1))
        for name in others
    ]
    if not members:
        return pl.Series("attributes", [None], pl.String).new_from_index(0, given.height)
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    frame = pl.DataFrame(others).rechunk().select(joined=joined)
    return frame.select(
        attributes=pl.when(pl.col("joined") != "").then(pl.concat_str(pl.lit("{"), "joined", pl.lit("}")))
    ).to_series()


def _plain(column: pl.Series) -> pl.Series:
    """Return a column as JSON can say it."""
    if column.dtype.is_float():
        return column.set(column.is_infinite(), None)
    sayable = column.dtype.is_integer() or column.dtype.is_nested() or column.dtype in (pl.Boolean, pl.String)
    return column if sayable else column.cast(pl.String, strict=False)
