"""The profile of every area: what is told of it, and the features by which areas are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.areas.growth import Growth
from terrafusion.analysis.areas.level import Laid, Levels
from terrafusion.analysis.areas.likeness import Blocks
from terrafusion.analysis.areas.parameters import FEATURES, AreaParameters, Feature
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import critical_value, figures
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.market import Market
from terrafusion.analysis.student import critical_ts

_DAYS_A_YEAR: Final = 365.25
_KM_A_DEGREE: Final = 111.195
"""Of a great circle on a sphere of 6,371 km."""

MEANS: Final = tuple(f"mean_{name}" for name in CHARACTERISTICS)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the areas are compared by. Areas with enough sales are ``known``, in the order of their names."""

    market: Market
    laid: Laid
    known: Codes
    levels: Levels
    growth: Growth | None


def counted(market: Market, parcels: pl.DataFrame | None, confidence_level: float) -> pl.DataFrame:
    """Return one row an area, in the order of their names: counts, means, centroid, unit prices, and sales a year."""
    located = pl.col("latitude").is_between(-90, 90) & pl.col("longitude").is_between(-180, 180)
    located &= (pl.col("latitude") != 0) | (pl.col("longitude") != 0)
    counts = market.sales.group_by("group_code").agg(
        pl.len().cast(pl.Int64).alias("n"),
        *(pl.col(name).filter(located).sort().mean() for name in ("latitude", "longitude")),
        *(pl.col(name).cast(pl.Float64).sort().mean().alias(f"mean_{name}") for name in CHARACTERISTICS),
    )
    days = market.sales["sale_date"].to_physical().to_numpy()
    years = (int(days.max()) - int(days.min()) + 1) / _DAYS_A_YEAR if len(days) else 1.0
    named = market.labels.to_frame("area").with_row_index("group_code").cast({"group_code": pl.Int32})
    told = named.join(counts, on="group_code", how="left", maintain_order="left")
    told = told.join(_unit_prices(market, confidence_level), on="group_code", how="left", maintain_order="left")
    told = told.with_columns((pl.col("n") / years).alias("sales_a_year"))
    if parcels is None:
        return told.with_columns(
            pl.lit(None, pl.Int64).alias("parcels"), pl.lit(None, pl.Float64).alias("turnover_pct")
        )
    joined = told.join(parcels, on="area", how="left", maintain_order="left")
    return joined.with_columns((100 * pl.col("sales_a_year") / pl.col("parcels")).alias("turnover_pct"))


def _unit_prices(market: Market, confidence_level: float) -> pl.DataFrame:
    """Return each area's median price per square foot with its interval."""
    unit = pl.col("unit_price")
    priced = market.sales.select("group_code", unit.alias("sale_price"), unit).drop_nulls()
    found = figures(priced, ["group_code"], confidence_level=confidence_level)
    ends = ("", "_ci_low", "_ci_high")
    names = ("median_price", "median_ci_low", "median_ci_high")
    return found.select(
        "group_code",
        *(pl.col(name).alias(f"median_price_per_sqft{end}") for name, end in zip(names, ends, strict=True)),
    )


def estimated(evidence: Evidence, confidence_level: float) -> pl.DataFrame:
    """Return level and growth of the known areas in per cent, with their intervals."""
    z, found, growth = critical_value(confidence_level), evidence.levels, evidence.growth
    counts = np.bincount(evidence.laid.area)
    error = np.sqrt(np.maximum(np.diag(found.covariance), 0.0) * found.widening(counts))
    t = critical_ts(confidence_level, counts - 1)
    columns = {"observations": counts, **_per_cent("level_pct", found.levels, t * error)}
    if growth is not None:
        columns |= _per_cent("growth_pct_a_year", growth.slope, z * growth.slope_error)
    codes = pl.Series("group_code", evidence.known, dtype=pl.Int32)
    return pl.DataFrame(columns).with_columns(codes, pl.col("observations").cast(pl.Int64))


def _per_cent(name: str, logs: Floats, reach: Floats) -> dict[str, Floats]:
    ends = {"": 0.0, "_ci_low": -1.0, "_ci_high": 1.0}
    return {f"{name}{end}": 100 * np.expm1(logs + sign * reach) for end, sign in ends.items()}


def kilometres(areas: pl.DataFrame) -> Floats:
    """Return centroids in km east and north; nan where an area has none."""
    lat, lon = (areas[name].cast(pl.Float64).to_numpy() for name in ("latitude", "longitude"))
    middle = np.cos(np.radians(np.nanmean(lat))) if np.isfinite(lat).any() else 1.0
    return _KM_A_DEGREE * np.column_stack([lon * middle, lat])


def blocks_of(areas: pl.DataFrame, evidence: Evidence) -> Blocks:
    """Return the features of the known ``areas``; what one of them lacks is left out."""
    laid, growth = evidence.laid, evidence.growth
    counts = np.bincount(laid.area)
    means = [np.bincount(laid.area, row) / counts for row in laid.characteristics]
    turnover = areas["turnover_pct"].cast(pl.Float64).to_numpy()
    activity = turnover if np.isfinite(turnover).all() else areas["sales_a_year"].to_numpy()
    found: dict[Feature, Floats] = {
        "level": evidence.levels.levels[:, None],
        "growth": growth.path if growth is not None else np.full((len(counts), 1), np.nan),
        "unit_price": np.log(areas["median_price_per_sqft"].cast(pl.Float64).to_numpy())[:, None],
        "activity": np.log(activity)[:, None],
        "mix": np.array(means).T if means else np.full((len(counts), 1), np.nan),
        "location": kilometres(areas),
    }
    return {name: block for name, block in found.items() if np.isfinite(block).all()}


_NEED: Final[dict[Feature, str]] = {
    "growth": "sales in two periods",
    "unit_price": "building_size_sqft",
    "activity": "sales",
    "mix": "characteristics that most sales tell and that vary",
    "location": "latitude and longitude",
}


def cautions(blocks: Blocks, areas: pl.DataFrame, parameters: AreaParameters) -> Iterator[Caution]:
    """Tell which features are left out, and what stands in for turnover."""
    for name in FEATURES:
        if name not in blocks and parameters.weight(name):
            message = f"Areas are not compared by {name}: each area needs {_NEED[name]}"
            yield Caution("feature_left_out", message)
    if "mix" not in blocks:
        yield Caution(
            "quality_not_held_constant", "Levels and growth hold no characteristic constant, for none is known"
        )
    if areas["turnover_pct"].null_count() and parameters.weight("activity"):
        yield Caution(
            "turnover_unknown", "How many parcels areas have is not known; their sales a year stand in for turnover"
        )
