"""The one form of all tables of a coverage report: a row is one figure, of one section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

SECTIONS: Final = (
    "roll",
    "representativeness",
    "sales_chasing",
    "checks",
    "fields",
    "gaps",
    "sold_share",
    "thin_cells",
    "fields_by_period",
    "cells",
)
"""The tables, in their order: first those of a few rows, then by how they grow with areas, groups, periods and both."""

SCHEMA: Final[dict[str, pl.DataType]] = {
    "section": pl.String(),
    "name": pl.String(),
    "measure": pl.String(),
    "group": pl.String(),
    "period": pl.String(),
    "n": pl.Int64(),
    "of": pl.Int64(),
    "value": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "sold": pl.Float64(),
    "unsold": pl.Float64(),
    "test": pl.String(),
    "statistic": pl.Float64(),
    "degrees_of_freedom": pl.Float64(),
    "p_value": pl.Float64(),
    "verdict": pl.String(),
    "first_date": pl.Date(),
    "last_date": pl.Date(),
    "note": pl.String(),
}
"""The columns of every row, in their order; null where a section has no use for one."""

Row = Mapping[str, Any]


def to_rows(rows: Iterable[Row]) -> pl.DataFrame:
    """Make one frame of rows; what is no number is null."""
    frame = pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    return frame.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))


def conform(frame: pl.DataFrame, section: str) -> pl.DataFrame:
    """Return a frame with all columns of `SCHEMA`, of that section."""
    named = frame.with_columns(pl.lit(section).alias("section"))
    return named.select(
        pl.col(name).cast(kind) if name in named.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    )
