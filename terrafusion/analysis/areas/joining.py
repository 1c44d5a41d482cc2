"""Areas joined into market areas: Ward's method, in which only neighbours may join.

Neighbours are the nearest areas by centroid. What is joined stays in one piece, as far as those ties go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice, repeat
from typing import Any

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats


def joined(features: Floats, places: Floats | None, *, count: int, neighbors: int) -> Codes:
    """Return the market area of each area, numbered from 0 in the order of the areas.

    ``features`` is areas x columns, scaled; ``places`` are centroids in km, None where no neighbours are known and any
    two may join. Ward (1963): the two are joined whose union adds least to the squared distances from the means.
    """
    unions = _any(features) if places is None else _between_neighbours(features, tied(places, neighbors))
    n = len(features)
    found = np.arange(2 * n - count)
    for union, pair in enumerate(islice(unions, n - count), n):
        found[pair] = union
    for node in reversed(range(len(found))):  # a union stands after what it is of
        found[node] = found[found[node]]
    _, first, code = np.unique(found[:n], return_index=True, return_inverse=True)
    order: Codes = np.argsort(np.argsort(first))[code]
    return order


def _any(features: Floats) -> Iterator[Sequence[int]]:
    from scipy.cluster.hierarchy import ward  # noqa: PLC0415 - slow to import

    yield from ward(features)[:, :2].astype(np.int64).tolist()


def _between_neighbours(features: Floats, ties: Any) -> Iterator[Sequence[int]]:
    """Yield which two are joined, one pair after the other; a union has the next number and the neighbours of both.

    As scikit-learn does it, whose import takes half the memory of a million sales.
    """
    n = len(features)
    size, total = np.ones(2 * n), np.vstack([features, np.zeros_like(features)])

    def costs(one: int, others: Sequence[int]) -> Iterator[tuple[float, int, int]]:
        theirs = size[others]
        apart = np.square(total[one] / size[one] - total[others] / theirs[:, None]).sum(axis=1)
        return zip((apart * (size[one] * theirs / (size[one] + theirs))).tolist(), repeat(one), others)

    beside = {one: {*near.tolist()} - {one} for one, near in enumerate(np.split(ties.indices, ties.indptr[1:-1]))}
    open_ = [cost for one, near in beside.items() for cost in costs(one, [other for other in near if other < one])]
    heapify(open_)
    for union in range(n, 2 * n - 1):
        pair = next(pair for _, *pair in _ascending(open_) if beside.keys() >= {*pair})
        size[union], total[union] = size[pair].sum(), total[pair].sum(axis=0)
        beside[union] = set[int]().union(*map(beside.pop, pair)).difference(pair)
        for near in beside[union]:
            beside[near] = beside[near].difference(pair) | {union}
        for cost in costs(union, [*beside[union]]):
            heappush(open_, cost)
        yield pair


def _ascending(heap: list[tuple[float, int, int]]) -> Iterator[tuple[float, int, int]]:
    while heap:
        yield heappop(heap)


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
