"""How unit prices differ inside clusters of like homes, against how they differ over all.

The coefficient of dispersion of each cluster, about its own median, weighted by its sales. A median fitted to n
homes lies too near them and takes spread / (2 n) of their mean deviation away, where spread / sqrt(n) is the
median's standard error; the corrected figure puts it back. Intervals are normal in logs, by each sale's influence
(infinitesimal jackknife, Efron 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import critical_value, log_interval
from terrafusion.analysis.ratios.segments import Estimate

_Z: Final = critical_value(0.95)


@dataclass(frozen=True, slots=True)
class Within:
    """The medians and CODs of the clusters, the COD inside them, and each sale's influence on the corrected one."""

    counts: Codes
    medians: Floats
    cods: Floats
    cod: float
    corrected: float
    influence: Floats
    """In the order of the sales."""

    def interval(self, confidence_level: float) -> Estimate:
        """Return the corrected COD with its interval."""
        return _in_logs(self.corrected, self.influence / self.corrected if self.corrected else None, confidence_level)


def within(unit: Floats, cluster: Codes) -> Within:
    """Measure unit prices, sorted within clusters, which are numbered from 0 and stand in order; each has six or more."""
    counts = np.bincount(cluster)
    starts = np.cumsum(counts) - counts
    medians = (unit[starts + (counts - 1) // 2] + unit[starts + counts // 2]) / 2
    apart = unit - medians[cluster]
    scatter = np.abs(apart)
    mean = np.bincount(cluster, scatter) / counts
    spread = _spread(unit, counts, starts)
    cods = 100 * mean / medians
    fair = cods + 100 * spread / (2 * counts) / medians
    total = len(unit)
    corrected = float((counts * fair).sum()) / total
    moved = (scatter - mean[cluster] - (mean / medians * spread)[cluster] * np.sign(apart)) / medians[cluster]
    influence = 100 * moved + fair[cluster] - corrected
    return Within(counts, medians, cods, float((counts * cods).sum()) / total, corrected, influence)


def _spread(unit: Floats, counts: Codes, starts: Codes) -> Floats:
    """Return sqrt(n) times the median's standard error, read off its 95% interval of order statistics."""
    reach = _Z * np.sqrt(counts) / 2
    low = np.maximum(np.ceil(counts / 2 - reach).astype(np.int64), 1)
    high = np.minimum(np.floor(1 + counts / 2 + reach).astype(np.int64), counts)
    spread: Floats = (unit[starts + high - 1] - unit[starts + low - 1]) / (2 * _Z) * np.sqrt(counts)
    return spread


def compared(inside: Within, over_all: Within, confidence_level: float) -> Estimate:
    """Return the corrected COD inside clusters over that of the same sales, in the same order, with its interval."""
    if not inside.corrected or not over_all.corrected:
        return Estimate(inside.corrected / over_all.corrected if over_all.corrected else math.nan)
    relative = inside.influence / inside.corrected - over_all.influence / over_all.corrected
    return _in_logs(inside.corrected / over_all.corrected, relative, confidence_level)


def together(unit: Floats) -> Within:
    """Measure unit prices in any order as one cluster."""
    places = np.argsort(unit, kind="stable")
    found = within(unit[places], np.zeros(len(unit), np.int64))
    influence = np.empty_like(found.influence)
    influence[places] = found.influence
    return replace(found, influence=influence)


def _in_logs(value: float, relative: Floats | None, confidence_level: float) -> Estimate:
    if relative is None:
        return Estimate(value)
    reach = critical_value(confidence_level) * math.sqrt(float((relative**2).sum())) / len(relative)
    return Estimate(value, *log_interval(value, reach))
