"""The Gini coefficient of prices: 0 where all are equal, near 1 where one sale has nearly all the dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.student import critical_t

GINI: Final = ("gini", "gini_standard_error", "gini_ci_low", "gini_ci_high", "gini_lognormal")

LEAST_FOR_AN_INTERVAL: Final = 100
"""Sales: of fewer, intervals of the Gini coefficient and of dollar shares hold the truth far less often than asked."""


def concentration(ordered: Floats, confidence_level: float, *, corrected: bool) -> dict[str, float]:
    """Return `GINI` of prices in ascending order; nan where it cannot be told.

    The error is that of the delete-one jackknife (Efron 1982, chapter 3). The interval is a t-interval of 1 / G, whose
    error hardly depends on G as that of G does, about the G that is multiplied by n / (n - 1) (Deltas 2003), as ``corrected``
    makes of the value itself. ``gini_lognormal`` is that of a lognormal distribution with the standard deviation of ln S
    (Aitchison and Brown 1957): the check.
    """
    n = len(ordered)
    if n < 2:  # noqa: PLR2004 - one price is not unequal to anything
        return dict.fromkeys(GINI, math.nan)
    bare, error = _gini(ordered)
    unbiased = bare * n / (n - 1)
    scale = n / (n - 1) if corrected else 1.0
    reach = critical_t(confidence_level, n - 1) * error / bare if bare else 0.0
    known = n >= LEAST_FOR_AN_INTERVAL
    logs = float(np.log(ordered).std(ddof=1))
    value = scale * bare
    told = (
        value,
        scale * error,
        min(unbiased / (1 + reach), value) if known else math.nan,
        max(min(unbiased / max(1 - reach, unbiased), 1.0), value) if known else math.nan,
        2 * NormalDist().cdf(logs / math.sqrt(2)) - 1,
    )
    return dict(zip(GINI, told, strict=True))


def _gini(ordered: Floats) -> tuple[float, float]:
    """Return sum((2i - n - 1) S_i) / (n sum S) of two prices or more, and the error as each is left out."""
    if ordered[0] == ordered[-1]:
        return 0.0, 0.0  # rather than what rounding makes of it
    n, below = len(ordered), np.cumsum(ordered)
    weight = np.arange(1 - n, n, 2)
    total, spread = below[-1], float((weight * ordered).sum())
    others = spread - weight * ordered + (below - ordered) - (total - below)
    others /= (n - 1) * (total - ordered)
    return max(spread / (n * float(total)), 0.0), math.sqrt((n - 1) * float(others.var()))


def concentrations(
    cells: pl.DataFrame, keys: Sequence[str], *, confidence_level: float, least: int, corrected: bool
) -> pl.DataFrame:
    """Return ``keys`` and `GINI` of every cell with ``least`` sales; ``prices`` holds each cell's, sorted."""
    enough = cells.filter(pl.col("prices").list.len() >= least)
    rows = [concentration(prices.to_numpy(), confidence_level, corrected=corrected) for prices in enough["prices"]]
    table = pl.DataFrame(rows, schema=dict.fromkeys(GINI, pl.Float64()))
    return pl.concat([enough.select(keys), table.with_columns(pl.all().fill_nan(None))], how="horizontal")
