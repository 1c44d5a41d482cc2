"""Areas joined into market areas: Ward's method, in which only neighbours may join.

Neighbours are the nearest areas by centroid. What is joined stays in one piece, as far as those ties go.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats


def joined(features: Floats, places: Floats | None, *, count: int, neighbors: int) -> Codes:
    """Return the market area of each area, numbered from 0 in the order of the areas.

    ``features`` is areas x columns, scaled; ``places`` are centroids in km, None where no neighbours are known and any
    two may join. Ward (1963): the two are joined whose union adds least to the squared distances from the means.
    """
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - slow to import

    ties = None if places is None else tied(places, neighbors)
    found = AgglomerativeClustering(n_clusters=count, linkage="ward", connectivity=ties).fit(features).labels_
    _, first, code = np.unique(found, return_index=True, return_inverse=True)
    order: Codes = np.argsort(np.argsort(first))[code]
    return order


def tied(places: Floats, neighbors: int) -> Any:
    """Return the matrix of which areas are neighbours: the nearest ``neighbors`` of each, either way.

    Where that leaves areas apart, the number is doubled until all hang together.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - slow to import
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    n, tree = len(places), cKDTree(places)
    while True:
        k = min(neighbors + 1, n)
        found = tree.query(places, k, workers=1)[1].reshape(n, k)
        one_way = csr_matrix((np.ones(n * k), found.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
        ties = ((one_way + one_way.T) > 0).astype(np.float64)
        if k == n or connected_components(ties, directed=False)[0] == 1:
            return ties
        neighbors *= 2


def nearest(places: Floats, known: Floats) -> Codes:
    """Return which of the ``known`` places is nearest to each; of several, the first."""
    return np.array([np.argmin(np.square(known - one).sum(axis=1)) for one in places], dtype=np.int64)
