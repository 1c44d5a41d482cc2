"""The rows of a comparison of areas: areas, market areas, and paths of growth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.areas.parameters import FEATURES
from terrafusion.analysis.areas.profile import MEANS, Evidence
from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.student import critical_t

_ENDS: Final = ("", "_ci_low", "_ci_high")


def _estimates() -> Iterator[str]:
    for name in ("level_pct", "growth_pct_a_year", "median_price_per_sqft"):
        yield from (f"{name}{end}" for end in _ENDS)


SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "record": pl.String(),
    "area": pl.String(),
    "market_area": pl.Int64(),
    "rank": pl.Int64(),
    "similarity": pl.Float64(),
    "n": pl.Int64(),
    "observations": pl.Int64(),
    "thin": pl.Boolean(),
    **{name: pl.Float64() for name in _estimates()},
    "sales_a_year": pl.Float64(),
    "parcels": pl.Int64(),
    "turnover_pct": pl.Float64(),
    "latitude": pl.Float64(),
    "longitude": pl.Float64(),
    **{name: pl.Float64() for name in MEANS},
    **{f"{name}_distance": pl.Float64() for name in FEATURES},
    "areas": pl.Int64(),
    "members": pl.String(),
    "period": pl.String(),
    "deviation_pct": pl.Float64(),
    "deviation_pct_ci_low": pl.Float64(),
    "deviation_pct_ci_high": pl.Float64(),
}
"""All columns; null where they are none of the record's."""

_PRICED: Final = (*_estimates(), *MEANS)
"""What is not told of an area with too few sales."""


def area_rows(areas: pl.DataFrame) -> pl.DataFrame:
    """Return rows of areas; where they are thin, counts and place alone."""
    known = ~pl.col("thin")
    present = [name for name in _PRICED if name in areas.columns]
    hidden = areas.with_columns(pl.when(known).then(pl.col(present)))
    return shaped(hidden.with_columns(pl.lit("area").alias("record")))


def market_area_rows(areas: pl.DataFrame, assigned: Codes, evidence: Evidence, confidence_level: float) -> pl.DataFrame:
    """Return a row for each market area: its areas, its sales, and their mean level.

    ``assigned`` is the market area of each known area, counted from 1.
    """
    counts = np.bincount(evidence.laid.area)
    widened = np.sqrt(evidence.levels.widening(counts))
    rows = []
    for number in range(1, int(assigned.max()) + 1):
        own = np.flatnonzero(assigned == number)
        share = counts[own] / counts[own].sum()
        weight = share * widened[own]
        level = float((share * evidence.levels.levels[own]).sum())
        variance = float((np.outer(weight, weight) * evidence.levels.covariance[np.ix_(own, own)]).sum())
        freedom = int(counts[own].sum()) - len(own)
        reach = critical_t(confidence_level, freedom) * max(variance, 0.0) ** 0.5
        inside = areas.filter(pl.col("market_area") == number)
        bounds = zip(_ENDS, (level, level - reach, level + reach), strict=True)
        rows.append(
            {
                "record": "market_area",
                "market_area": number,
                "n": inside["n"].sum(),
                "observations": int(counts[own].sum()),
                "areas": inside.height,
                "members": ", ".join(inside["area"]),
                **{f"level_pct{end}": 100 * float(np.expm1(log)) for end, log in bounds},
            }
        )
    return shaped(pl.DataFrame(rows, schema_overrides=SCHEMA))


def path_rows(labels: Sequence[str], evidence: Evidence, confidence_level: float) -> pl.DataFrame:
    """Return a row for each known area and period: how far it stood above its usual distance from the county.

    Of a cell without sales nothing is told.
    """
    growth = evidence.growth
    if growth is None:
        return shaped(pl.DataFrame({"record": []}, schema={"record": pl.String()}))
    names = dict(zip(*evidence.market.calendar.select("ordinal", "period").get_columns(), strict=True))
    z, (areas, periods) = critical_value(confidence_level), growth.counts.shape
    seen = growth.counts.ravel() > 0
    logs, reach = np.where(seen, growth.path.ravel(), np.nan), z * growth.path_error.ravel()
    bounds: dict[str, Any] = {
        f"deviation_pct{end}": 100 * np.expm1(logs + sign * reach) for end, sign in zip(_ENDS, (0, -1, 1), strict=True)
    }
    columns = {
        "record": ["path"] * len(logs),
        "area": np.repeat(labels, periods).tolist(),
        "period": [names[ordinal] for ordinal in growth.periods] * areas,
        "observations": growth.counts.ravel(),
    }
    return shaped(pl.DataFrame(columns | bounds))


def shaped(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table all columns, in their order; what is no number is null."""
    columns = [
        pl.col(name).cast(kind) if name in table.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    ]
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    return table.select(columns).with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))
