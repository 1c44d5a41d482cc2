"""The rows of a study of equity: those of groups, of their groups of value, of their clusters of like homes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import by_cell, ordered
from terrafusion.analysis.equity.clusters import Level, clustered
from terrafusion.analysis.equity.dispersion import compared, together, within
from terrafusion.analysis.equity.moran import LARGEST, LEAST, moran, nearest, places, weights_of
from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.groups import coded
from terrafusion.analysis.ratios.measures import value_groups
from terrafusion.analysis.ratios.rows import SCHEMA as RATIO
from terrafusion.analysis.ratios.rows import spread
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.ratios.segments import median_estimate

VERTICAL: Final = ("median", "prd", "prb", "mki", "ki", "vei")
"""Of the ratio study's measures, those that tell of level and vertical equity."""

UNIT_PRICES: Final = {"price_per_sqft": "price", "value_per_sqft": "value"}
"""What is compared inside clusters, by its name in the rows."""

_ENDS: Final = ("", "_ci_low", "_ci_high")
_RATIO: Final = pl.col("value") / pl.col("price")


def _vertical() -> Iterator[str]:
    for name in VERTICAL:
        yield from (name + end for end in (*_ENDS, "_verdict") if name + end in RATIO)
    yield "vei_significance"


def _horizontal() -> Iterator[tuple[str, pl.DataType]]:
    yield from ((name, pl.Int64()) for name in ("clusters", "clustered", "without_size", "in_no_cluster"))
    for name in UNIT_PRICES:
        yield from ((f"{name}_{figure}", pl.Float64()) for figure in ("cod_within", "cod_overall"))
        for figure in ("cod_within_corrected", "cod_overall_corrected", "within_to_overall"):
            yield from ((f"{name}_{figure}{end}", pl.Float64()) for end in _ENDS)


_MORAN: Final = ("moran_i", "moran_expected", "moran_error", "moran_z", "moran_p", "moran_permutation_p")

GROUP: Final[Mapping[str, pl.DataType]] = {
    **{name: RATIO[name] for name in ("group", "n", "suppressed", "interval_method", *_vertical())},
    **dict(_horizontal()),
    "moran_places": pl.Int64(),
    **{name: pl.Float64() for name in _MORAN},
}
"""The columns of a group."""

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "record": pl.String(),
    **GROUP,
    "value_group": pl.Int64(),
    "value_low": pl.Float64(),
    "value_high": pl.Float64(),
    "cluster": pl.String(),
    "cluster_level": pl.String(),
    **{f"{name}{end}": pl.Float64() for name in UNIT_PRICES for end in ("_median", "_cod")},
}
"""All columns; null where they are none of the record's."""


@dataclass(frozen=True, slots=True)
class Study:
    """One group: its own row, and the rows of its groups of value and of its clusters."""

    row: Mapping[str, Any]
    value_groups: Sequence[Mapping[str, Any]] = field(default=())
    clusters: Sequence[Mapping[str, Any]] = field(default=())


def study_of(
    row: Mapping[str, Any], ratios: Ratios, sales: pl.DataFrame, levels: Sequence[Level], parameters: EquityParameters
) -> Study:
    """Study one group, of which the ratio study's ``row`` is known; where that is suppressed there is no more."""
    told = {name: row[name] for name in GROUP if name in row}
    if row["suppressed"]:
        return Study(told)
    horizontal, clusters = _clusters(sales, levels, parameters)
    own = {**told, **horizontal, **neighbours_of(sales, parameters)}
    return Study(own, _by_value(row["group"], ratios, parameters), [{"group": row["group"], **one} for one in clusters])


def _by_value(group: str, ratios: Ratios, parameters: EquityParameters) -> list[dict[str, Any]]:
    """Return a row for each group of value, by ascending value; below ``min_sales`` there is only the count."""
    value = ratios.proxy if parameters.value_proxy == "both" else ratios.price
    codes = value_groups(value, ratios.segments, np.array([parameters.value_groups]))
    rows = []
    for code in range(parameters.value_groups):
        inside = codes == code
        n = int(inside.sum())
        if n:
            known = {"group": group, "value_group": code + 1, "n": n, "suppressed": n < parameters.min_sales}
            if not known["suppressed"]:
                known |= {"value_low": float(value[inside].min()), "value_high": float(value[inside].max())}
                known |= spread("median", median_estimate(ratios.ratio[inside], parameters.confidence_level))
            rows.append(known)
    return rows


def _clusters(
    sales: pl.DataFrame, levels: Sequence[Level], parameters: EquityParameters
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the figures inside clusters, and a row for each cluster."""
    found = clustered(sales, levels, parameters)
    known, sized = found["cluster"].is_not_null(), int(found["sized"].sum())
    inside = found.filter(known)
    code, labels = coded(inside["cluster"])
    figures: dict[str, Any] = {
        "clusters": len(labels),
        "clustered": inside.height,
        "without_size": found.height - sized,
        "in_no_cluster": sized - inside.height,
    }
    if inside.is_empty():
        return figures, []
    places, begins = by_cell([code])
    laid = _Laid(sales.select("value", "price", "building_size_sqft").filter(known), places, begins)
    named = zip(labels, inside["cluster_level"].gather(places[begins]), strict=True)
    rows = [_cluster_row(*names, ratio, parameters) for names, ratio in zip(named, laid.each(_RATIO), strict=True)]
    for name, column in UNIT_PRICES.items():
        values = laid.ordered(pl.col(column) / pl.col("building_size_sqft"))
        told, medians, cods = _dispersion(name, values, laid.sizes, parameters.confidence_level)
        figures |= told
        for row, median, cod in zip(rows, medians, cods, strict=True):
            if not row["suppressed"]:
                row |= {f"{name}_median": float(median), f"{name}_cod": float(cod)}
    return figures, rows


@dataclass(frozen=True, slots=True)
class _Laid:
    """The sales inside clusters, their places by cluster, and where among these each cluster begins."""

    sales: pl.DataFrame
    places: Codes
    begins: Codes

    @property
    def sizes(self) -> Codes:
        return np.diff(self.begins, append=len(self.places))

    def ordered(self, figure: pl.Expr) -> Floats:
        """Return a figure of the sales by cluster and, within each, in ascending order."""
        return ordered(self.sales.select(figure).to_series(), self.places, self.begins)

    def each(self, figure: pl.Expr) -> Sequence[Floats]:
        """Return the same apart by cluster."""
        return np.split(self.ordered(figure), self.begins[1:])


def _dispersion(name: str, unit: Floats, sizes: Codes, confidence_level: float) -> tuple[dict[str, Any], Any, Any]:
    inside, flat = within(unit, np.repeat(np.arange(len(sizes)), sizes)), together(unit)
    figures = {
        f"{name}_cod_within": inside.cod,
        **spread(f"{name}_cod_within_corrected", inside.interval(confidence_level)),
        f"{name}_cod_overall": flat.cod,
        **spread(f"{name}_cod_overall_corrected", flat.interval(confidence_level)),
        **spread(f"{name}_within_to_overall", compared(inside, flat, confidence_level)),
    }
    return figures, inside.medians, inside.cods


def _cluster_row(name: str, level: str, ratio: Floats, parameters: EquityParameters) -> dict[str, Any]:
    """Return how many sales a cluster has and at what level it is assessed."""
    n = len(ratio)
    row = {"cluster": name, "cluster_level": level, "n": n, "suppressed": n < parameters.min_sales}
    return row if row["suppressed"] else row | spread("median", median_estimate(ratio, parameters.confidence_level))


def neighbours_of(sales: pl.DataFrame, parameters: EquityParameters) -> dict[str, Any]:
    """Return Moran's I of ln r and what it is judged by; only the number of places where they are too few."""
    points, logs = places(sales)
    n, k = len(logs), parameters.neighbors
    if n < max(LEAST, k + 2):
        return {"moran_places": n}
    drawn = parameters.permutations if n <= LARGEST else 0
    found = moran(logs, weights_of(nearest(points, k)), permutations=drawn, seed=parameters.seed)
    return {"moran_places": n, **dict(zip(_MORAN, found or (), strict=False))}


def to_rows(studies: Sequence[Study]) -> pl.DataFrame:
    """Make one frame: first the groups, then their groups of value, then their clusters; what is no number is null."""
    rows = [{"record": "group", **one.row} for one in studies]
    rows += [{"record": "value_group", **row} for one in studies for row in one.value_groups]
    rows += [{"record": "cluster", **row} for one in studies for row in one.clusters]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    return frame.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))
