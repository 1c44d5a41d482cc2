"""A result's Parquet file as CSV, some rows at a time, so that a file of any length takes little memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from terrafusion.errors import Unavailable

ROWS: Final = 25_000
RISKY: Final = r"^[=+\-@\t\r]"
"""How a text begins that a spreadsheet would take for a formula."""


def csv_of(path: Path, *, rows: int = ROWS) -> Iterator[bytes]:
    """Yield the file as CSV in UTF-8, ``rows`` at a time, the first with the header.

    What is nested is flattened: a field of a structure becomes a column of its own, a list of texts one text, a list of
    structures JSON. A text that a spreadsheet would take for a formula has an apostrophe before it. Raises Unavailable.
    """
    file = pl.scan_parquet(path)
    flat = file.select(column for name, kind in file.collect_schema().items() for column in _flat(name, kind))
    yield pl.DataFrame(schema=flat.collect_schema()).write_csv().encode()
    try:
        for begin in range(0, file.select(pl.len()).collect().item(), rows):
            yield flat.slice(begin, rows).collect().write_csv(include_header=False).encode()
    except (pl.exceptions.PolarsError, OSError) as error:
        msg = "the result file cannot be read to its end"
        raise Unavailable(msg) from error


def _flat(name: str, kind: pl.DataType) -> Iterator[pl.Expr]:
    column = pl.col(name)
    if isinstance(kind, pl.Struct):
        for field in kind.fields:
            inner = column.struct.field(field.name)
            yield (_safe(inner) if field.dtype == pl.String else inner).alias(f"{name}.{field.name}")
    elif isinstance(kind, pl.List):
        yield _listed(column, kind).alias(name)
    else:
        yield (_safe(column) if kind == pl.String else column).alias(name)


def _listed(column: pl.Expr, kind: pl.List) -> pl.Expr:
    if isinstance(kind.inner, pl.Struct):
        written = column.list.eval(pl.element().struct.json_encode()).list.join(",")
        return pl.when(column.is_not_null()).then(pl.format("[{}]", written))
    return _safe(column.cast(pl.List(pl.String)).list.join("; "))


def _safe(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(RISKY)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
