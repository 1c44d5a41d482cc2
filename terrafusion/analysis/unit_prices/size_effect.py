"""How the price per square foot falls, or rises, with size: one slope for each group."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.groups import firsts
from terrafusion.analysis.survey import Survey

FREEDOM: Final = 30
"""Sales that a slope needs beyond its parameters."""

SLOPE: Final[dict[str, pl.DataType]] = {
    "group_code": pl.Int32(),
    "size_elasticity": pl.Float64(),
    "size_elasticity_standard_error": pl.Float64(),
    "size_elasticity_ci_low": pl.Float64(),
    "size_elasticity_ci_high": pl.Float64(),
    "size_elasticity_n": pl.Int64(),
}


def slope_within(cell: Codes, x: Floats, y: Floats) -> tuple[float, float]:
    """Return the slope of y on x with an intercept for each cell, and its HC1 standard error.

    ``cell`` is sorted. nan below `FREEDOM` sales more than there are parameters, or where x does not vary in a cell.
    """
    begins = np.flatnonzero(firsts(cell))
    freedom = len(cell) - len(begins) - 1
    if freedom < FREEDOM:
        return math.nan, math.nan
    counts = np.diff(np.r_[begins, len(cell)])
    across, up = (values - np.repeat(np.add.reduceat(values, begins) / counts, counts) for values in (x, y))
    squares = float((across**2).sum())
    if squares <= len(x) * (1e-12 * float(np.abs(x).max())) ** 2:
        return math.nan, math.nan
    steep = float((across * up).sum()) / squares
    meat = float((across**2 * (up - steep * across) ** 2).sum())
    return steep, math.sqrt(len(cell) / freedom * meat) / squares


def size_effects(survey: Survey) -> pl.DataFrame:
    """Return `SLOPE` of every group: the elasticity of the unit price to size among sales of the same period.

    -0.3 says that where the building is 1% larger, its price per square foot is 0.3% lower.
    """
    z, sales = critical_value(survey.parameters.confidence_level), survey.market.sales
    group, period = (sales[name].to_numpy().astype(np.int64) for name in ("group_code", "ordinal"))
    x, y = (np.log(sales[name].to_numpy()) for name in ("building_size_sqft", "unit_price"))
    order = np.lexsort((y, x, period, group))
    edges = np.append(0, np.cumsum(np.bincount(group, minlength=len(survey.market.labels))))
    rows = []
    for code, (begin, end) in enumerate(pairwise(edges.tolist())):
        places = order[begin:end]
        steep, error = slope_within(period[places], x[places], y[places])
        rows.append((code, steep, error, steep - z * error, steep + z * error, len(places)))
    return pl.DataFrame(rows, schema=SLOPE, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
