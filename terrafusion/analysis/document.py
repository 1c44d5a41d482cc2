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

from terrafusion.analysis.api import Answer, Caution

SCHEMA_VERSION: Final = "1"
"""Of the Parquet files' columns; stands in their metadata under `VERSION_KEY`."""
VERSION_KEY: Final = "terrafusion.schema_version"
ROWS_INLINE: Final = 1_000
TRENDS_INLINE: Final = 10_000
TRENDS_TOTAL: Final = "trends_total"
"""Of a summary: how many points there are, where the document holds fewer."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The document as JSON values, the file's bytes and their SHA-256 in hex (both None without a table)."""

    document: dict[str, Any]
    parquet: bytes | None
    sha256: str | None


def render(answer: Answer) -> Rendered:
    """Turn an answer into its document and its file. The same answer gives the same bytes."""
    parquet = None if answer.table is None else to_parquet(answer.table)
    shown = _of_the_largest(answer.trends)
    summary, warnings = _told(answer, shown)
    document = {
        "result_summary": clean(summary),
        "data_quality": clean(answer.data_quality),
        "warnings": [asdict(caution) for caution in warnings],
        "trends": records(shown),
        "rows": records(None if answer.rows is None else answer.rows.head(ROWS_INLINE)),
        "pictures": clean(answer.pictures),
    }
    return Rendered(document, parquet, None if parquet is None else hashlib.sha256(parquet).hexdigest())


def _of_the_largest(trends: pl.DataFrame | None) -> pl.DataFrame | None:
    """Return at most `TRENDS_INLINE` points, in their order: all of the groups with the most sales for which there is room."""
    if trends is None or trends.height <= TRENDS_INLINE:
        return trends
    if "group" not in trends.columns:
        return trends.head(TRENDS_INLINE)
    sales = pl.col("sales_volume").sum() if "sales_volume" in trends.columns else pl.lit(0)
    groups = trends.group_by("group").agg(pl.len().alias("points"), sales.alias("sales"))
    groups = groups.sort("sales", "group", descending=[True, False])
    room = groups.filter(pl.col("points").cum_sum() <= TRENDS_INLINE).height
    chosen = groups["group"].head(max(room, 1))
    return trends.filter(pl.col("group").is_in(chosen.implode())).head(TRENDS_INLINE)


def _told(answer: Answer, shown: pl.DataFrame | None) -> tuple[Mapping[str, Any], Sequence[Caution]]:
    """Return the summary and the warnings, which also tell of the points that the document has no room for."""
    if answer.trends is None or shown is None or shown.height == answer.trends.height:
        return answer.summary, answer.warnings
    total = answer.trends.height
    message = f"The document holds {shown.height:,} of {total:,} points, those of the groups with the most sales"
    caution = Caution("trends_cut", f"{message}; the file holds all")
    return {**answer.summary, TRENDS_TOTAL: total}, [*answer.warnings, caution]


def all_trends(parquet: bytes, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all points of the file that belongs to a document which holds some, as the document would hold them."""
    return records(pl.read_parquet(io.BytesIO(parquet), columns=list(document["trends"][0])))


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
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, Mapping):
        return {key: clean(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [clean(inner) for inner in value]
    return value
