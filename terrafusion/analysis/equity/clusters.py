"""Clusters of like homes: the same place, type, size and time of construction.

A sale belongs to the finest cluster that has enough sales. What is left over in clusters that have not is pooled
one level up, where the place is wider, and then once more without the time of construction. What even there is too
few is in no cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.groups import as_enum, coded
from terrafusion.analysis.indexes import COMPLETE_SHARE

APART: Final = frozenset({"neighborhood", "zip_code", "property_type"})
"""Texts that tell the clusters apart."""
COLUMNS: Final = frozenset({"building_size_sqft", "year_built"})
"""What else they are made of."""

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
    """Return of each sale its ``cluster`` and ``cluster_level``, null where it is in none, and ``sized``: whether its size is known."""
    sized = sales.select(_SIZE.is_between(0, _LARGEST_SQFT, closed="right").fill_null(value=False)).to_series()
    cluster, names, own = np.full(sales.height, -1), list[str](), list[str]()
    for level in levels:
        kinds = [_kinds(sales[name], parameters) for name in level]
        known = sized & pl.Series(cluster < 0)
        for code, _ in kinds:
            known &= code.is_not_null()
        open_ = np.flatnonzero(known)
        shape = [len(labels) for _, labels in kinds]
        cells = np.ravel_multi_index([code.gather(open_).to_numpy() for code, _ in kinds], shape)
        distinct, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
        enough = counts >= parameters.min_cluster
        inside = enough[cell]
        cluster[open_[inside]] = len(names) + (np.cumsum(enough) - 1)[cell[inside]]
        places = zip(*np.unravel_index(distinct[enough], shape), strict=True)
        names += [", ".join(labels[place] for (_, labels), place in zip(kinds, one, strict=True)) for one in places]
        own += ["|".join(level)] * (len(names) - len(own))
    numbers = pl.Series(cluster)
    numbers = numbers.set(numbers < 0, None)
    told = (pl.Series(name, texts, pl.String) for name, texts in (("cluster", names), ("cluster_level", own)))
    return pl.DataFrame([*(as_enum(texts).gather(numbers) for texts in told), sized.alias("sized")])


def _kinds(column: pl.Series, parameters: EquityParameters) -> tuple[pl.Series, Sequence[str]]:
    """Return the number of each sale's kind, null where that is not known, and the kinds' names."""
    if column.name == "building_size_sqft":
        return pl.Series(np.searchsorted(parameters.size_bands, column.to_numpy(), side="right")), _bands(parameters)
    if column.name == "year_built":
        years = parameters.built_band_years
        first = column // years * years
        begins = first.drop_nulls().unique().sort()
        return first.rank("dense") - 1, [f"built {begin} to {begin + years - 1}" for begin in begins]
    code, labels = coded(column)
    return code, [dict(_PLACES).get(column.name, "{}").format(label) for label in labels]


def _bands(parameters: EquityParameters) -> Sequence[str]:
    edges = [f"{edge:g}" for edge in parameters.size_bands]
    between = [f"{low} to {high} sqft" for low, high in pairwise(edges)]
    return [f"below {edges[0]} sqft", *between, f"{edges[-1]} sqft or more"]
