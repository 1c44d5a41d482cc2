"""Prices per square foot: from a county's records to their answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.cells import LARGEST_SQFT
from terrafusion.analysis.comparison import between_ends, change, per_cent
from terrafusion.analysis.survey import Survey, stacked, survey
from terrafusion.analysis.unit_prices.bands import ALL_SIZES, UNIT, Bands, banded, bands_of, cells_of, totals_of
from terrafusion.analysis.unit_prices.findings import Told, key_finding
from terrafusion.analysis.unit_prices.parameters import PricePerSqftParameters
from terrafusion.analysis.unit_prices.size_effect import FREEDOM, size_effects

_METHOD: Final = (
    "median of each sale's price over its building area, with order-statistic intervals; never mean over mean"
)
_CHECK: Final = (
    "size_elasticity: slope of ln(price per sqft) on ln(sqft) among sales of the same period, HC1, beside the "
    "largest band's median over the smallest's"
)
_MEDIAN: Final = f"median_{UNIT}"
_BOUNDS: Final = (f"{_MEDIAN}_ci_low", f"{_MEDIAN}_ci_high")
_APART: Final = ("largest_to_smallest_pct", "largest_to_smallest_ci_low_pct", "largest_to_smallest_ci_high_pct")


@dataclass(frozen=True, slots=True)
class _Figures:
    rows: pl.DataFrame
    """A row for each group, band and period."""
    bands: pl.DataFrame
    """A row for each group and band, over the whole span."""


def price_per_sqft(records: Records, parameters: PricePerSqftParameters, progress: Progress) -> Answer:
    """Answer what a square foot costs by size; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    no_area = pl.col("building_size_sqft").is_between(0, LARGEST_SQFT, closed="right").fill_null(value=False)
    surveyed = survey(
        records,
        parameters,
        (),
        needed=["building_size_sqft"],
        lacking={"missing_building_size": ~no_area},
        across_pauses=True,
    )
    bands = bands_of(surveyed.market.sales["building_size_sqft"], parameters)
    progress(0.4, "Measuring the bands")
    found = _figures(surveyed, bands)
    overall = found if len(surveyed.market.labels) == 1 else _figures(surveyed.together(), bands)
    told = _headline(surveyed, overall)
    return Answer(
        summary={
            **surveyed.summary(key_finding(told), method=_METHOD, cross_check=_CHECK),
            **told.figures,
            "bands": overall.bands.drop("group").to_dicts(),
            **provenance(records, parameters),
        },
        data_quality=surveyed.quality(found.rows),
        warnings=[*surveyed.warnings(), *_cautions(found)],
        rows=found.rows,
        table=stacked(cell=found.rows, band=found.bands),
    )


def _figures(surveyed: Survey, bands: Bands) -> _Figures:
    sales, names = banded(surveyed, bands), bands.table()
    cells = cells_of(surveyed, sales).join(names, on="band_code")
    named = surveyed.named(cells, "band_code")
    shown = ["band", "band_low", "band_high"]
    rows = named.select("group", *shown, pl.exclude("group", *shown, "band_code"))
    totals = totals_of(surveyed, sales).join(names, on="band_code").join(surveyed.labels(), on="group_code")
    effects = size_effects(surveyed).with_columns(pl.lit(0, pl.Int32).alias("band_code"))
    changes = between_ends(rows, ["group", "band"], {_MEDIAN: _BOUNDS})
    joined = (
        totals.join(effects, on=["group_code", "band_code"], how="left")
        .join(changes, on=["group", "band"], how="left")
        .sort("group_code", "band_code")
    )
    return _Figures(rows, joined.select("group", *shown, pl.exclude("group", *shown, "group_code", "band_code")))


def _headline(surveyed: Survey, overall: _Figures) -> Told:
    whole = overall.bands.filter(pl.col("band") == ALL_SIZES)
    named = [name for name in whole.columns if name.startswith(("size_", f"{_MEDIAN}_change")) or "_period" in name]
    figures: dict[str, Any] = whole.select(named).row(0, named=True) if whole.height else dict.fromkeys(named)
    full = overall.rows.filter(~pl.col("partial") & ~pl.col("suppressed"))
    latest = full.filter(pl.col("band") == ALL_SIZES).tail(1)
    told = [("latest_period", "period"), *((f"latest_{name}", name) for name in ("sales_volume", _MEDIAN, *_BOUNDS))]
    figures |= {name: latest[column][0] if latest.height else None for name, column in told}
    apart = _apart(full.join(latest, on="period", how="semi").filter(pl.col("band") != ALL_SIZES))
    return Told(
        county_id=surveyed.records.county_id,
        sales=surveyed.selection.used.height,
        min_sales=surveyed.parameters.min_sales,
        confidence_level=surveyed.parameters.confidence_level,
        figures={**figures, **apart},
    )


def _apart(bands: pl.DataFrame) -> Mapping[str, Any]:
    """Compare the largest with the smallest band of those told in one period."""
    nothing = dict.fromkeys(("smallest_band", "largest_band", *_APART))
    if bands.height < 2:  # noqa: PLR2004 - two to compare
        return nothing
    ends = [
        bands.slice(place, 1).select(pl.col(_MEDIAN, *_BOUNDS).name.suffix(end))
        for place, end in ((0, "_first"), (bands.height - 1, "_last"))
    ]
    moved = pl.concat(ends, how="horizontal").select(
        per_cent(value).alias(name) for name, value in zip(_APART, change(_MEDIAN, *_BOUNDS), strict=True)
    )
    return {"smallest_band": bands["band"][0], "largest_band": bands["band"][-1], **moved.row(0, named=True)}


def _cautions(found: _Figures) -> list[Caution]:
    whole = found.bands.filter(pl.col("band") == ALL_SIZES)
    bare = whole.filter(pl.col("size_elasticity").is_null())
    if bare.is_empty():
        return []
    most = max(bare["sales_volume"].to_list())
    message = (
        f"{bare.height} of {whole.height} groups have no size_elasticity: they have at most {most} sales and need "
        f"{FREEDOM} more than periods with sales, of sizes that vary within a period"
    )
    return [Caution("size_elasticity_too_few_sales", message)]
