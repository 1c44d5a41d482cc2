"""The points of a trend: one for every group and period that has a sale."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.cascade import FALLBACK, with_fallback
from terrafusion.analysis.cells import FIGURES, figures, published_unit_price
from terrafusion.analysis.changes import with_changes
from terrafusion.analysis.market import Market
from terrafusion.analysis.parameters import SharedParameters

CELL: Final = ["group_code", "ordinal"]

_PRICES: Final = [name for name in FIGURES if name not in {"sales_volume", "price_per_sqft_n"}]
_INDEX: Final = [name for name in indexes.SCHEMA if name not in CELL]

POINTS: Final = (
    "group",
    "period",
    "period_start",
    "period_end",
    "partial",
    *FIGURES,
    "mom",
    "yoy",
    "suppressed",
    "level_used",
    *_INDEX,
    *FALLBACK,
)
"""The columns of a point, in their order."""


def cells_of(market: Market, parameters: SharedParameters) -> pl.DataFrame:
    """Return the figures of every cell: below ``min_sales`` without prices, with ``cascade`` a wider area's beside."""
    level = parameters.confidence_level
    cells = figures(market.sales, CELL, confidence_level=level)
    cells = with_changes(cells, CELL[:1], period=market.period, min_sales=parameters.min_sales)
    if parameters.fallback == "cascade":
        least = parameters.fallback_min_sales
        cells = with_fallback(cells, market.sales, market.group_by, min_sales=least, confidence_level=level)
    else:
        cells = cells.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in FALLBACK.items())
    shown = pl.col("sales_volume") >= parameters.min_sales
    own = pl.when(shown).then(pl.lit(market.level))
    cells = cells.with_columns(published_unit_price(parameters.min_sales))
    return cells.with_columns(
        pl.when(shown).then(pl.col(_PRICES)),
        suppressed=~shown,
        level_used=pl.coalesce("fallback_level", own),
    )


def points_of(market: Market, cells: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """Name the cells' groups and periods and put the index beside them; sorted by group and period."""
    labels = market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
    joined = (
        cells.join(labels, on="group_code", how="left", maintain_order="left")
        .join(market.calendar, on="ordinal", how="left", maintain_order="left")
        .join(index, on=CELL, how="left", maintain_order="left")
    )
    shown = pl.when(~pl.col("suppressed")).then(pl.col(_INDEX))
    return joined.with_columns(shown).sort(CELL).select(POINTS)
