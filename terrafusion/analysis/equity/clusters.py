"""Clusters of like homes: the same place, type, size and time of construction.

A sale belongs to the finest cluster that has enough sales. What is left over in clusters that have not is pooled
one level up, where the place is wider, and then once more without the time of construction. What even there is too
few is in no cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import polars as pl

from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.indexes import COMPLETE_SHARE

COLUMNS: Final = frozenset({"neighborhood", "zip_code", "property_type", "building_size_sqft", "year_built"})
"""What the clusters are made of."""

_PLACES: Final = (("neighborhood", "neighborhood {}"), ("zip_code", "ZIP {}"))
_LARGEST_SQFT: Final = 1e9
_SIZE: Final = pl.col("building_size_sqft")

Level = tuple[str, ...]


def ladder(sales: pl.DataFrame) -> list[Level]:
    """Name what tells the clusters apart, finest first; the columns that most of the sales have, empty without sizes."""
    if not sales.height or not sales["building_size_sqft"].count():
        return []
    like = [*(["property_type"] if _mostly(sales["property_type"]) else []), "building_size_sqft"]
    alike = [(name, *like) for name, _ in _PLACES if _mostly(sales[name])] or [tuple(like)]
    if not _mostly(sales["year_built"]):
        return alike
    return [*((*level, "year_built") for level in alike), alike[-1]]


def _mostly(column: pl.Series) -> bool:
    return column.count() >= COMPLETE_SHARE * len(column)


def clustered(sales: pl.DataFrame, levels: Sequence[Level], parameters: EquityParameters) -> pl.DataFrame:
    """Add ``cluster`` and ``cluster_level``, null where a sale is in none, and ``sized``: whether its size is known."""
    sized = _SIZE.is_between(0, _LARGEST_SQFT, closed="right").fill_null(value=False)
    none = [pl.lit(None, pl.String).alias(name) for name in ("cluster", "cluster_level")]
    told = sales.with_columns(*none, sized.alias("sized"))
    for level in levels:
        open_ = pl.col("sized") & pl.col("cluster").is_null()
        named = pl.concat_str([_label(name, parameters) for name in level], separator=", ")
        told = told.with_columns(pl.when(open_).then(named).alias("candidate"))
        enough = (pl.col("candidate").count().over("candidate") >= parameters.min_cluster).fill_null(value=False)
        told = told.with_columns(
            pl.when(enough).then("candidate").otherwise("cluster").alias("cluster"),
            pl.when(enough).then(pl.lit("|".join(level))).otherwise("cluster_level").alias("cluster_level"),
        )
    return told.drop("candidate", strict=False)


def _label(name: str, parameters: EquityParameters) -> pl.Expr:
    if name == "building_size_sqft":
        edges = [f"{edge:g}" for edge in parameters.size_bands]
        between = [f"{low} to {high} sqft" for low, high in pairwise(edges)]
        labels = [f"below {edges[0]} sqft", *between, f"{edges[-1]} sqft or more"]
        reached = pl.sum_horizontal(edge <= _SIZE for edge in parameters.size_bands)
        return reached.replace_strict(range(len(labels)), labels, return_dtype=pl.String)
    if name == "year_built":
        years = parameters.built_band_years
        first = pl.col(name).floordiv(years) * years
        return pl.format("built {} to {}", first, first + years - 1)
    return pl.format(dict(_PLACES).get(name, "{}"), pl.col(name))
