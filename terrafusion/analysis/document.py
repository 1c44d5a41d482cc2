"""An answer as it leaves: the document that people read, and the Parquet file that machines read."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl
from polars import selectors as cs

from terrafusion.analysis.api import Answer

SCHEMA_VERSION: Final = "1"
"""Of the Parquet files' columns; stands in their metadata under `VERSION_KEY`."""
VERSION_KEY: Final = "terrafusion.schema_version"
ROWS_INLINE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """The document as JSON values, the file's bytes and their SHA-256 in hex (both None without a table)."""

    document: dict[str, Any]
    parquet: bytes | None
    sha256: str | None


def render(answer: Answer) -> Rendered:
    """Turn an answer into its document and its file. The same answer gives the same bytes."""
    parquet = None if answer.table is None else to_parquet(answer.table)
    document = {
        "result_summary": clean(answer.summary),
        "data_quality": clean(answer.data_quality),
        "warnings": [asdict(caution) for caution in answer.warnings],
        "trends": records(answer.trends),
        "rows": records(None if answer.rows is None else answer.rows.head(ROWS_INLINE)),
    }
    return Rendered(document, parquet, None if parquet is None else hashlib.sha256(parquet).hexdigest())


def to_parquet(table: pl.DataFrame) -> bytes:
    """Write the table in its own order, uncompressed, as one row group."""
    target = io.BytesIO()
    table.rechunk().write_parquet(
        target,
        compression="uncompressed",
        row_group_size=max(table.height, 1),
        metadata={VERSION_KEY: SCHEMA_VERSION},
    )
    return target.getvalue()


def records(table: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Return the rows as JSON values: dates as ISO text, null for what is no number."""
    if table is None:
        return []
    floats = pl.when(cs.float().is_finite()).then(cs.float())
    return table.with_columns(floats, cs.temporal().cast(pl.String)).to_dicts()


def clean(value: Any) -> Any:
    """Return a JSON value in which null stands for NaN and infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: clean(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [clean(inner) for inner in value]
    return value
