"""What pictures of ratios are drawn from: how many lie where, never a single sale."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.ratios.bootstrap import LARGEST
from terrafusion.analysis.ratios.measures import value_groups
from terrafusion.analysis.ratios.segments import Segments, median_estimate

BINS: Final = 40
_STEPS: Final = (24, 24)
"""Cells across prices and ratios."""
_REACH: Final = 0.6
"""Of the median: ratios farther from it are counted together."""
_VALUE_GROUPS: Final = 10
_LEAST_IN_GROUP: Final = 30
_FEW: Final = 0.005
"""Of the sales, so many at each end are not on the axis of values."""


def pictures(value: Floats, price: Floats, confidence_level: float) -> dict[str, Any]:
    """Count ratios by size, and by size and value; tell the level by tenths of the sales by value, and where PRB's line goes.

    ``value_groups`` and ``line`` are left out above as many sales as are resampled. Values are half the price and half
    what the assessment comes to at the median level, as PRB has them.
    """
    if not len(value):
        return {}
    ratio = value / price
    middle = float(np.median(ratio))
    logs = np.log2(0.5 * price + 0.5 * (value / middle))
    edges = np.linspace((1 - _REACH) * middle, (1 + _REACH) * middle, BINS + 1)
    inside = np.histogram(ratio, edges)[0]
    told: dict[str, Any] = {
        "ratios": {
            "edges": edges.tolist(),
            "counts": inside.tolist(),
            "below": int((ratio < edges[0]).sum()),
            "above": int((ratio > edges[-1]).sum()),
        },
        "by_value": _cells(logs, ratio, (float(edges[0]), float(edges[-1]))),
    }
    return told if len(ratio) > LARGEST else told | _along_values(logs, ratio, confidence_level)


def _cells(value: Floats, ratio: Floats, span: tuple[float, float]) -> dict[str, Any]:
    """Count sales in cells of log2 value and ratio: column, row and number; those beyond an edge are in the last cell."""
    few = int(_FEW * len(value))
    ordered = np.partition(value, [few, len(value) - 1 - few])
    low, high = float(ordered[few]), float(ordered[len(value) - 1 - few])
    across, up = _STEPS
    code = _place(value, low, high, across) * up + _place(ratio, *span, up)
    counts = np.bincount(code, minlength=across * up)
    cells = [[*divmod(int(at), up), int(counts[at])] for at in np.flatnonzero(counts)]
    return {"log2_value": [low, high], "ratio": list(span), "steps": [across, up], "cells": cells}


def _place(values: Floats, low: float, high: float, steps: int) -> Codes:
    if not high > low:
        return np.zeros(len(values), dtype=np.int64)
    places: Codes = np.clip((values - low) / (high - low) * steps, 0, steps - 1).astype(np.int64)
    return places


def _along_values(logs: Floats, ratio: Floats, confidence_level: float) -> dict[str, Any]:
    """Tell the level of each part of the sales by value; sums are exact, so that the order of sales is nothing to them."""
    parts = min(_VALUE_GROUPS, max(len(ratio) // _LEAST_IN_GROUP, 1))
    group = value_groups(logs, Segments.of([len(logs)]), np.array([parts]))
    rows = []
    for code in range(parts):
        inside = group == code
        if inside.any():
            median = median_estimate(np.sort(ratio[inside]), confidence_level)
            value = np.exp2(np.median(logs[inside]))
            row = {"value_group": code + 1, "n": int(inside.sum()), "median_value": float(value)}
            rows.append(row | dict(zip(("median", "median_ci_low", "median_ci_high"), median, strict=True)))
    return {"value_groups": rows, "line": {"log2_value": _mean(logs), "ratio": _mean(ratio)}}


def _mean(values: Floats) -> float:
    return math.fsum(values.tolist()) / len(values)
