"""The figures of each group over the whole span, and the seasons of its volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.medians import medians
from terrafusion.analysis.survey import Survey
from terrafusion.analysis.velocity.evidence import Evidence
from terrafusion.analysis.velocity.roll import DATE_PARTS
from terrafusion.analysis.velocity.seasons import seasonal_factors
from terrafusion.analysis.velocity.spells import DAYS_A_YEAR, Survival, ended_within, median_hold, survival

HORIZONS: Final = (1, 2, 5, 10)
"""Years within which homes are sold again."""

_LASTING: Final = (
    "median_hold_days",
    "median_hold_days_ci_low",
    "median_hold_days_ci_high",
    *(f"resold_within_{years}y_share{end}" for years in HORIZONS for end in ("", "_ci_low", "_ci_high")),
)
_KEY: Final = ["group_code"]

SEASON: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),
    "month": pl.Int64(),
    "factor": pl.Float64(),
    "factor_standard_error": pl.Float64(),
    "factor_ci_low": pl.Float64(),
    "factor_ci_high": pl.Float64(),
    "years": pl.Int64(),
}


def totals_of(survey: Survey, evidence: Evidence, points: pl.DataFrame) -> pl.DataFrame:
    """Return one row a group, sorted; ``points`` are its points with ``group_code``."""
    asked: dict[str, Any] = {
        "confidence_level": survey.parameters.confidence_level,
        "least": survey.parameters.min_sales,
    }
    ended = evidence.spells.filter("ended").select("group_code", completed_hold_days="days")
    gained = evidence.gains.select(pl.col("next_group_code").alias("group_code"), "gain")
    tables = [
        _volumes(survey, points),
        _lasting(survey, evidence),
        medians(ended, _KEY, "completed_hold_days", **asked),
        medians(gained, _KEY, "gain", **asked),
        _pooled_gain(evidence, asked["least"], critical_value(asked["confidence_level"])),
        *(medians(evidence.matched, _KEY, name, **asked) for name in ("days_on_market", "sale_to_list")),
        _latest_supply(points),
    ]
    labels = survey.labels()
    for table in tables:
        labels = labels.join(table, on="group_code", how="left", maintain_order="left")
    counts = [name for name in labels.columns if name.endswith("_n")]
    return labels.with_columns(pl.col(counts).fill_null(0)).drop("group_code")


def _volumes(survey: Survey, points: pl.DataFrame) -> pl.DataFrame:
    """Volume in all, and by the year over the full periods."""
    dated = points.join(survey.market.calendar, on="ordinal")
    days = (pl.col("period_end") - pl.col("period_start")).dt.total_days() + 1
    full = ~pl.col("partial")
    yearly = pl.col("sales_volume").filter(full).sum() / days.filter(full).sum() * DAYS_A_YEAR
    sold = dated.group_by(_KEY).agg(
        pl.col("sales_volume").sum().alias("sales"),
        pl.when(full.any()).then(yearly).alias("sales_per_year"),
        pl.col("parcels").first(),
    )
    money = (
        survey.market.sales.sort("sale_price")
        .group_by(_KEY, maintain_order=True)
        .agg(pl.col("sale_price").implode().list.sum().alias("dollar_volume"))
    )
    told = sold.join(money, on="group_code", how="left")
    return told.select(
        *_KEY,
        "sales",
        pl.when(pl.col("sales") >= survey.parameters.min_sales).then("dollar_volume").alias("dollar_volume"),
        "sales_per_year",
        "parcels",
        turnover=pl.col("sales_per_year") / pl.col("parcels"),
    )


def _lasting(survey: Survey, evidence: Evidence) -> pl.DataFrame:
    """Kaplan-Meier by the group in which a home was bought."""
    level, least = survey.parameters.confidence_level, survey.parameters.min_sales
    watched = evidence.spells.select("group_code", "days", "ended")
    rows = []
    for (code,), spells in watched.group_by(_KEY):
        ended = spells["ended"].to_numpy()
        row = {"group_code": code, "hold_n": len(ended), "resold_n": int(ended.sum())}
        if len(ended) >= least:
            row |= _figures(survival(spells["days"].to_numpy().astype(np.float64), ended), level)
        rows.append(row)
    kinds = {"group_code": pl.Int32(), "hold_n": pl.Int64(), "resold_n": pl.Int64()}
    table = pl.DataFrame(rows, schema={**kinds, **dict.fromkeys(_LASTING, pl.Float64())}, orient="row")
    return table.with_columns(pl.col(_LASTING).fill_nan(None))


def _figures(lasting: Survival, level: float) -> Mapping[str, float]:
    found = list(median_hold(lasting, level))
    for years in HORIZONS:
        found += ended_within(lasting, years * DAYS_A_YEAR, level)
    return dict(zip(_LASTING, found, strict=True))


def _pooled_gain(evidence: Evidence, least: int, z: float) -> pl.DataFrame:
    """All log gains over all years held: the check on the median of the yearly gains, not moved by brief holds.

    The error is that of a ratio estimator (Cochran 1977, 6.4).
    """
    years = pl.col("days") / DAYS_A_YEAR
    ordered = evidence.gains.select(pl.col("next_group_code").alias("group_code"), "log_gain", years.alias("years"))
    parts = {"gain": pl.col("log_gain"), "time": pl.col("years"), "gg": pl.col("log_gain") ** 2}
    parts |= {"gt": pl.col("log_gain") * pl.col("years"), "tt": pl.col("years") ** 2}
    summed = (
        ordered.sort("group_code", "log_gain", "years")
        .group_by(_KEY, maintain_order=True)
        .agg(pl.len().alias("n"), *(part.implode().list.sum().alias(name) for name, part in parts.items()))
    )
    rate = pl.col("gain") / pl.col("time")
    squares = (pl.col("gg") - 2 * rate * pl.col("gt") + rate**2 * pl.col("tt")).clip(lower_bound=0)
    reach = z * (pl.col("n") / (pl.col("n") - 1) * squares).sqrt() / pl.col("time")
    told = zip(("pooled_gain", "pooled_gain_ci_low", "pooled_gain_ci_high"), (0, -1, 1), strict=True)
    enough = pl.when(pl.col("n") >= max(least, 2))
    return summed.select(*_KEY, *(enough.then((rate + sign * reach).exp() - 1).alias(name) for name, sign in told))


def _latest_supply(points: pl.DataFrame) -> pl.DataFrame:
    known = points.filter(pl.col("months_of_supply").is_not_null())
    last = known.group_by(_KEY, maintain_order=True).last()
    return last.select(*_KEY, pl.col("ordinal").alias("supply_ordinal"), "active_listings", "months_of_supply")


def seasons_of(survey: Survey, evidence: Evidence) -> pl.DataFrame:
    """Return `SEASON`: twelve rows for each group with two full years of months or more, and sales enough.

    Groups that are spans of time themselves have no seasons.
    """
    if set(survey.market.group_by) & set(DATE_PARTS):
        return pl.DataFrame(schema=SEASON)
    volumes, first = evidence.monthly.full_months()
    rows = [
        {"group": name, **factor}
        for name, volume in zip(survey.market.labels, volumes, strict=True)
        if volume.size and volume.mean() >= survey.parameters.min_sales
        for factor in seasonal_factors(volume, first, survey.parameters.confidence_level)
    ]
    return pl.DataFrame(rows, schema=SEASON).with_columns(pl.col(pl.Float64).fill_nan(None))
