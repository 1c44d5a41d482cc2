"""The Gini coefficient of prices: 0 where all are equal, near 1 where one sale has nearly all the dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.ratios.measures import gini, gini_influence
from terrafusion.analysis.ratios.sample import Floats, PriceOrder
from terrafusion.analysis.student import critical_t

GINI: Final = ("gini", "gini_standard_error", "gini_ci_low", "gini_ci_high", "gini_lognormal")

LEAST_FOR_AN_INTERVAL: Final = 100
"""Sales: of fewer, intervals of the Gini coefficient and of dollar shares hold the truth far less often than asked."""


def concentration(ordered: Floats, confidence_level: float, *, corrected: bool) -> dict[str, float]:
    """Return `GINI` of prices in ascending order; nan where it cannot be told.

    The error is that of the infinitesimal jackknife (Efron 1982, chapter 6), the interval a t-interval.
    ``corrected`` multiplies by n / (n - 1) (Deltas 2003). ``gini_lognormal`` is that of a lognormal distribution with
    the standard deviation of ln S (Aitchison and Brown 1957): the check.
    """
    n = len(ordered)
    if n < 2:  # noqa: PLR2004 - one price is not unequal to anything
        return dict.fromkeys(GINI, math.nan)
    order = PriceOrder.of(ordered, np.arange(n))
    scale = n / (n - 1) if corrected else 1.0
    value = scale * max(gini(ordered, order.doubled_ranks_of_each), 0.0)
    influence = gini_influence(ordered, order)
    error = scale * math.sqrt(float((influence**2).sum())) / n
    reach = critical_t(confidence_level, n - 1) * error if n >= LEAST_FOR_AN_INTERVAL else math.nan
    logs = float(np.log(ordered).std(ddof=1))
    told = (
        value,
        error,
        float(np.maximum(value - reach, 0.0)),
        float(np.minimum(value + reach, 1.0)),
        2 * NormalDist().cdf(logs / math.sqrt(2)) - 1,
    )
    return dict(zip(GINI, told, strict=True))


def concentrations(
    cells: pl.DataFrame, keys: Sequence[str], *, confidence_level: float, least: int, corrected: bool
) -> pl.DataFrame:
    """Return ``keys`` and `GINI` of every cell with ``least`` sales; ``prices`` holds each cell's, sorted."""
    enough = cells.filter(pl.col("prices").list.len() >= least)
    rows = [concentration(prices.to_numpy(), confidence_level, corrected=corrected) for prices in enough["prices"]]
    table = pl.DataFrame(rows, schema=dict.fromkeys(GINI, pl.Float64()))
    return pl.concat([enough.select(keys), table.with_columns(pl.all().fill_nan(None))], how="horizontal")
