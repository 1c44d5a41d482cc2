"""Moran's I: whether places near each other are alike, more than chance would have it.

I = (n / S0) sum w_ij z_i z_j / sum z_i^2 (Moran 1950), z the deviations from the mean, w the weights of the k
nearest places, each 1/k. Moments under randomisation as Cliff and Ord (1981, Spatial Processes, 1.5) have them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.groups import firsts
from terrafusion.analysis.ratios.sample import ROUNDING

LEAST: Final = 30
"""Places below which I is not told: it is normal only of many."""

LARGEST: Final = 50_000
"""Places above which no orders are drawn: there the normal holds."""

_AT_ONCE: Final = 1 << 20
_ROWS: Final = 1 << 16
"""Places that are looked up together, to keep memory small."""


class Autocorrelation(NamedTuple):
    """I, and what it would be by chance alone: its mean and standard error, z, and two-sided p by both ways."""

    i: float
    expected: float
    error: float
    z: float
    p: float
    permutation_p: float | None


def places(sales: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return the distinct places, as points of the unit sphere, and the mean of ln r at each; sorted by coordinates.

    ``sales`` has ``latitude``, ``longitude``, ``value`` and ``price``. Sales at the same coordinates are one place,
    so none is its own neighbour. Sales without coordinates (or at 0, 0) are left out.
    """
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    known = latitude.is_between(-90, 90) & longitude.is_between(-180, 180) & ((latitude != 0) | (longitude != 0))
    logs = (pl.col("value") / pl.col("price")).log().alias("log_ratio")
    placed = sales.lazy().filter(known).select("latitude", "longitude", logs).collect().get_columns()
    order = np.lexsort([column.to_numpy() for column in reversed(placed)])
    lat, lon, ratio = (column.to_numpy()[order] for column in placed)
    first = firsts(lat) | firsts(lon)
    means = np.bincount(np.cumsum(first) - 1, ratio) / np.diff(np.flatnonzero(np.append(first, True)))
    lat, lon = (np.radians(angle[first]) for angle in (lat, lon))
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]), means


def nearest(points: Floats, k: int) -> NDArray[np.int32]:
    """Return the ``k`` places nearest to each, itself not among them.

    The straight line through the sphere orders places as the way over its surface does. Of places equally far, the
    order of the points decides, so the order of the records does not.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    tree, n = cKDTree(points), len(points)
    neighbours = np.empty((n, k), np.int32)
    for begin in range(0, n, _ROWS):
        _, found = tree.query(points[begin : begin + _ROWS], k + 1, workers=1)
        own = found == np.arange(begin, begin + len(found))[:, None]
        own[~own.any(axis=1), -1] = True
        neighbours[begin : begin + len(found)] = found[~own].reshape(-1, k)
    return neighbours


def weights_of(neighbours: NDArray[np.int32]) -> Any:
    """Return the sparse matrix of weights: each row adds up to 1."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    n, k = neighbours.shape
    return csr_matrix((np.full(n * k, 1 / k), neighbours.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def moran(values: Floats, weights: Any, *, permutations: int, seed: int) -> Autocorrelation | None:
    """Measure how far values, ratios in logs, go with those of their neighbours; None where but rounding tells them apart."""
    if np.ptp(values) <= ROUNDING:
        return None
    z = values - values.mean()
    square = float((z**2).sum())
    n, total = len(z), float(weights.sum())
    scale = n / total / square
    index = scale * float((z * (weights @ z)).sum())
    expected, error = -1 / (n - 1), math.sqrt(_variance(z, weights))
    score = (index - expected) / error
    drawn = np.fromiter(_drawn(z, weights, permutations, seed), np.float64) * scale
    return Autocorrelation(
        index,
        expected,
        error,
        score,
        math.erfc(abs(score) / math.sqrt(2)),
        _share(drawn, index) if len(drawn) else None,
    )


def _variance(z: Floats, weights: Any) -> float:
    """Return the variance of I over all orders of the values."""
    n, s0 = len(z), float(weights.sum())
    s1 = float(weights.data @ weights.data) + _mutual(weights)
    s2 = float(np.square(np.asarray(weights.sum(axis=0)).ravel() + np.asarray(weights.sum(axis=1)).ravel()).sum())
    kurtosis = n * float((z**4).sum()) / float((z**2).sum()) ** 2
    normal = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    tails = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    return (normal - tails) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - 1 / (n - 1) ** 2


def _mutual(weights: Any) -> float:
    """Return the sum of w_ij w_ji; some rows at a time, for the whole matrix turned is as large again."""
    blocks = (slice(begin, begin + _ROWS) for begin in range(0, weights.shape[0], _ROWS))
    return float(sum(weights[rows].multiply(weights[:, rows].T).sum() for rows in blocks))


def _drawn(z: Floats, weights: Any, permutations: int, seed: int) -> Iterator[float]:
    generator = np.random.default_rng(seed)
    rows = max(_AT_ONCE // len(z), 1)
    for begin in range(0, permutations, rows):
        mixed = np.tile(z, (min(rows, permutations - begin), 1))
        mixed = generator.permuted(mixed, axis=1).T
        yield from np.einsum("nk,nk->k", mixed, weights @ mixed)


def _share(drawn: Floats, index: float) -> float:
    """Return the two-sided share of orders as far out, the order found among them."""
    beyond = min(int((drawn >= index).sum()), int((drawn <= index).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + len(drawn)))
