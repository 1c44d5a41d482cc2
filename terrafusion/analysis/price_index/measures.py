"""How rough an index is, and how much of it changes when the next period comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.price_index.estimate import filled

_WINDOW: Final = 3


def volatility(log_index: Floats) -> dict[str, float | None]:
    """Return the mean and the median standard deviation of three changes in a row, as fractions.

    As in the hpiR package (Krause 2019): changes from period to period, their sd in a window of three that
    moves by one. None below two windows' worth of periods.
    """
    level = np.exp(filled(log_index)[0])
    level = level[np.isfinite(level)]
    changes = np.diff(level) / level[:-1]
    if len(level) < 2 * _WINDOW:
        return {"volatility_mean": None, "volatility_median": None}
    rolling = np.lib.stride_tricks.sliding_window_view(changes, _WINDOW).std(axis=1, ddof=1)
    return {"volatility_mean": float(rolling.mean()), "volatility_median": float(np.median(rolling))}


def revision(series: Sequence[Floats]) -> dict[str, float | int | None]:
    """Return by how many index points a published figure is revised when one more period is added.

    As in hpiR: the index is estimated up to each period, each is compared with the next, the revisions of a
    period are averaged, then the periods. ``revision_mean`` and ``revision_median``, of the periods' averages, show a
    bias, ``revision_abs_mean`` the size.
    """
    levels = [100 * np.exp(filled(logs)[0]) for logs in series]
    width = max((len(level) for level in levels), default=0)
    table = np.full((len(levels), width), np.nan)
    for row, level in enumerate(levels):
        table[row, : len(level)] = level
    table = np.diff(table, axis=0)
    known = np.isfinite(table)
    seen = known.any(axis=0)
    if not seen.any():
        return {"revision_mean": None, "revision_median": None, "revision_abs_mean": None, "revisions": 0}
    counts = known.sum(axis=0)[seen]
    moved = np.where(known, table, 0.0)[:, seen]
    averages = moved.sum(axis=0) / counts
    return {
        "revision_mean": float(averages.mean()),
        "revision_median": float(np.median(averages)),
        "revision_abs_mean": float((np.abs(moved).sum(axis=0) / counts).mean()),
        "revisions": int(known.sum()),
    }
