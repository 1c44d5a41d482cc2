"""Which cells, each a group in a period, have enough sales to say anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import polars as pl

from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.market import Market

SUPPRESSED, THIN, ENOUGH = "suppressed", "thin", "enough"
_CELL: Final = ["group_code", "ordinal"]


def cells_of(market: Market, parameters: CoverageParameters) -> pl.DataFrame:
    """Return every cell that has a sale, by group and period: ``name``, ``group``, ``period``, ``n``, ``verdict`` and days."""
    counted = market.sales.group_by(_CELL).agg(pl.len().cast(pl.Int64).alias("n"))
    labels = market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
    n = pl.col("n")
    verdict = (
        pl.when(n < parameters.min_sales)
        .then(pl.lit(SUPPRESSED))
        .when(n < parameters.fallback_min_sales)
        .then(pl.lit(THIN))
        .otherwise(pl.lit(ENOUGH))
    )
    named = counted.join(labels, on="group_code").join(market.calendar, on="ordinal").sort(_CELL)
    return named.select(
        pl.lit(market.level).alias("name"),
        "group",
        "period",
        "n",
        verdict.alias("verdict"),
        pl.col("period_start").alias("first_date"),
        pl.col("period_end").alias("last_date"),
        pl.when("partial").then(pl.lit("partial")).alias("note"),
    )


def thin_cells(
    market: Market, cells: pl.DataFrame, empty: Mapping[str, str], parameters: CoverageParameters
) -> Iterator[dict[str, Any]]:
    """Yield, for all cells and for those of each group, how many are thin, suppressed, or have no sale at all.

    ``empty`` are the groups without a sale in any cell, and why each has none. The rows of groups stand in the order of
    their names.
    """
    periods = _spoken_of(market)
    if len(market.labels) != 1 or market.labels[0] != ALL:
        possible = periods * (cells["group"].n_unique() + len(empty))
        yield from _counts(market.level, ALL, cells, possible, _bounds(parameters))
    rows = [
        row
        for (name,), part in cells.group_by("group", maintain_order=True)
        for row in _counts(market.level, str(name), part, periods, _bounds(parameters))
    ]
    bare = {"name": market.level, "measure": "no_sale", "n": periods, "of": periods, "value": 1.0 if periods else None}
    rows += [{**bare, "group": group, "note": why} for group, why in empty.items()]
    yield from sorted(rows, key=itemgetter("group"))


def _spoken_of(market: Market) -> int:
    """Count the periods that the records speak of: not those of a long pause, at whose other end few sales lie."""
    return market.calendar.filter(
        ~pl.col("partial") | pl.col("ordinal").is_in(market.sales["ordinal"].implode())
    ).height


def _counts(
    level: str, group: str, cells: pl.DataFrame, possible: int, bounds: Sequence[int]
) -> Iterator[dict[str, Any]]:
    n = cells["n"]
    for measure, count, of in (
        *((f"fewer_than_{bound}", int((n < bound).sum()), cells.height) for bound in bounds),
        ("no_sale", possible - cells.height, possible),
    ):
        value = count / of if of else None
        yield {"name": level, "measure": measure, "group": group, "n": count, "of": of, "value": value}


def _bounds(parameters: CoverageParameters) -> tuple[int, int]:
    return parameters.fallback_min_sales, parameters.min_sales
