"""The points: what changed hands in every group and period, also where nothing did."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.cells import figures
from terrafusion.analysis.medians import medians
from terrafusion.analysis.survey import Survey
from terrafusion.analysis.velocity import supply
from terrafusion.analysis.velocity.evidence import Evidence
from terrafusion.analysis.velocity.roll import DATE_PARTS
from terrafusion.analysis.velocity.spells import DAYS_A_YEAR

CELL: Final = ["group_code", "ordinal"]
_SUPPLY: Final[dict[str, pl.DataType]] = {
    "group_code": pl.Int32(),
    "ordinal": pl.Int32(),
    "active_listings": pl.Int64(),
    "months_of_supply": pl.Float64(),
}


def points_of(survey: Survey, evidence: Evidence) -> pl.DataFrame:
    """Return a row for every group and period, sorted; below ``min_sales`` observations only counts."""
    market, least = survey.market, survey.parameters.min_sales
    asked: dict[str, Any] = {"confidence_level": survey.parameters.confidence_level, "least": least}
    volumes = figures(market.sales, CELL, confidence_level=survey.parameters.confidence_level)
    resold = evidence.spells.filter("ended").select(
        pl.col("next_group_code").alias("group_code"), pl.col("next_ordinal").alias("ordinal"), hold_days="days"
    )
    gained = evidence.gains.select(
        pl.col("next_group_code").alias("group_code"), pl.col("next_ordinal").alias("ordinal"), "gain"
    )
    tables = [
        volumes.select(*CELL, "sales_volume", "dollar_volume"),
        medians(resold, CELL, "hold_days", **asked),
        medians(gained, CELL, "gain", **asked),
        *(medians(evidence.matched, CELL, name, **asked) for name in supply.MATCHED),
        _supply(survey, evidence),
    ]
    grid = _grid(survey)
    for table in tables:
        grid = grid.join(table, on=CELL, how="left", maintain_order="left")
    return _finished(survey, grid.join(evidence.parcels, on="group_code", how="left", maintain_order="left"))


def _grid(survey: Survey) -> pl.DataFrame:
    """Return every group in every period; groups that are spans of time only in their own."""
    grid = survey.labels().select("group_code").join(survey.market.calendar.select("ordinal"), how="cross").sort(CELL)
    if not set(survey.market.group_by) & set(DATE_PARTS):
        return grid
    ordinal = pl.col("ordinal")
    spans = survey.market.sales.group_by("group_code").agg(ordinal.min().alias("first"), ordinal.max().alias("last"))
    inside = grid.join(spans, on="group_code", maintain_order="left")
    return inside.filter(ordinal.is_between("first", "last")).select(CELL)


def _finished(survey: Survey, grid: pl.DataFrame) -> pl.DataFrame:
    calendar = survey.market.calendar.select("ordinal", "partial", _days().alias("length"))
    counts = ["sales_volume", *(name for name in grid.columns if name.endswith("_n"))]
    filled = grid.with_columns(pl.col(counts).fill_null(0)).join(calendar, on="ordinal", maintain_order="left")
    turned = pl.col("sales_volume") / pl.col("parcels") * (DAYS_A_YEAR / pl.col("length"))
    suppressed = pl.col("sales_volume") < survey.parameters.min_sales
    back = periods.PER_YEAR[survey.market.period]
    told = filled.with_columns(
        pl.when(~suppressed).then("dollar_volume").alias("dollar_volume"),
        pl.when(~pl.col("partial")).then(turned).alias("turnover"),
        _change(back, survey.parameters.min_sales).alias("volume_yoy"),
        suppressed=suppressed,
    )
    first = [*CELL, "sales_volume", "dollar_volume", "volume_yoy", "suppressed", "parcels", "turnover"]
    return told.select(*first, pl.exclude(*first, "partial", "length"))


def _days() -> pl.Expr:
    return (pl.col("period_end") - pl.col("period_start")).dt.total_days() + 1


def _change(back: int, least: int) -> pl.Expr:
    """Change of volume on the same period a year before; null where either is partial or below ``min_sales``."""
    usable = ~pl.col("partial") & (pl.col("sales_volume") >= least)
    volume = pl.when(usable).then(pl.col("sales_volume"))
    return volume / volume.shift(back).over("group_code") - 1


def _supply(survey: Survey, evidence: Evidence) -> pl.DataFrame:
    """Return ``active_listings`` and ``months_of_supply`` at the close of full periods that the listings' records cover."""
    calendar, covered = survey.market.calendar, evidence.covered
    if covered is None or calendar.is_empty() or "active_listings" in evidence.unavailable:
        return pl.DataFrame(schema=_SUPPLY)
    ends = calendar["period_end"].cast(pl.Int32).to_numpy().astype(np.int64)
    known = (ends >= covered[0]) & (ends <= covered[1]) & ~calendar["partial"].to_numpy()
    groups = len(survey.market.labels)
    on_market = np.array([_active(evidence.listings, code, ends) for code in range(groups)])
    lasts = supply.lasting(on_market.astype(np.float64), evidence.monthly.pace(ends, evidence.supply_months))
    table = pl.DataFrame(
        {
            "group_code": np.repeat(np.arange(groups, dtype=np.int32), len(ends)),
            "ordinal": np.tile(calendar["ordinal"].to_numpy(), groups),
            "active_listings": on_market.ravel(),
            "months_of_supply": lasts.ravel(),
        },
        schema=_SUPPLY,
    )
    told = table.with_columns(pl.col("months_of_supply").fill_nan(None))
    return told.filter(pl.Series(np.tile(known, groups)))


def _active(listings: pl.DataFrame, code: int, ends: supply.Days) -> supply.Days:
    known = (pl.col("off_market_date") >= pl.col("list_date")).fill_null(pl.col("off_market_date").is_null())
    here = listings.filter(pl.col("group_code") == code, pl.col("list_date").is_not_null(), known)
    listed, ended = (
        here[name].drop_nulls().cast(pl.Int32).to_numpy().astype(np.int64) for name in ("list_date", "off_market_date")
    )
    return supply.active(listed, ended, ends)
