"""Bands of building size, and the unit prices in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.changes import with_changes
from terrafusion.analysis.medians import medians
from terrafusion.analysis.survey import Survey
from terrafusion.analysis.unit_prices.parameters import AUTO, PricePerSqftParameters

ALL_SIZES: Final = "all"
"""The band of every size."""

UNIT: Final = "price_per_sqft"
KEYS: Final = ["group_code", "band_code"]

CELL: Final = (
    "sales_volume",
    f"median_{UNIT}",
    f"median_{UNIT}_ci_low",
    f"median_{UNIT}_ci_high",
    f"{UNIT}_p25",
    f"{UNIT}_p75",
    f"{UNIT}_iqr",
    "mom",
    "yoy",
    "suppressed",
)
_MOVING: Final = ("mom", "yoy", "suppressed")


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands from edge to edge: below the first, between, from the last up. An edge belongs to the band above it."""

    edges: tuple[float, ...]

    def codes(self, size: pl.Series) -> pl.Series:
        """Return the number of each size's band, 1 for the lowest; 0 is all sizes."""
        return pl.Series(np.searchsorted(self.edges, size.to_numpy(), side="right") + 1, dtype=pl.Int32)

    def table(self) -> pl.DataFrame:
        """Return ``band_code``, ``band``, ``band_low`` (inclusive) and ``band_high`` (exclusive); all sizes first."""
        bounds = [None, *self.edges, None] if self.edges else []
        named = [(_name(low, high), low, high) for low, high in pairwise(bounds)]
        kinds = {"band": pl.String(), "band_low": pl.Float64(), "band_high": pl.Float64()}
        table = pl.DataFrame([(ALL_SIZES, None, None), *named], schema=kinds, orient="row")
        return table.with_row_index("band_code").cast({"band_code": pl.Int32})


def _name(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {high:,.10g}"
    return f"{low:,.10g} and more" if high is None else f"{low:,.10g} to {high:,.10g}"


def bands_of(sizes: pl.Series, parameters: PricePerSqftParameters) -> Bands:
    """Return the bands asked for; ``auto`` cuts all the sizes sold at quantiles of type 7, each cut once."""
    if parameters.bands != AUTO:
        return Bands(parameters.bands)
    if sizes.is_empty():
        return Bands(())
    size = sizes.to_numpy()
    cuts = np.unique(np.quantile(size, np.arange(1, parameters.auto_bands) / parameters.auto_bands))
    return Bands(tuple(cuts[cuts > size.min()].tolist()))


def banded(survey: Survey, bands: Bands) -> pl.DataFrame:
    """Return every sale twice, in the band of all sizes and in its own: keys, period, unit price."""
    sales = survey.market.sales
    told = sales.select(
        "group_code", "ordinal", pl.col("unit_price").alias(UNIT), pl.lit(0, pl.Int32).alias("band_code")
    )
    own = told.with_columns(bands.codes(sales["building_size_sqft"]).alias("band_code"))
    return pl.concat([told, own]) if bands.edges else told


def cells_of(survey: Survey, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each group, band and period with a sale (`CELL`); below ``min_sales`` only the count."""
    asked = survey.parameters
    found = _medians(survey, rows, [*KEYS, "ordinal"])
    changed = with_changes(found, KEYS, period=survey.market.period, min_sales=asked.min_sales, column=f"median_{UNIT}")
    return changed.with_columns(suppressed=pl.col("sales_volume") < asked.min_sales).select(*KEYS, "ordinal", *CELL)


def totals_of(survey: Survey, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each group and band over the whole span."""
    return _medians(survey, rows, KEYS).select(*KEYS, *(name for name in CELL if name not in _MOVING))


def _medians(survey: Survey, rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    asked = survey.parameters
    found = medians(
        rows, keys, UNIT, confidence_level=asked.confidence_level, least=asked.min_sales, quartiles=True
    ).rename({f"{UNIT}_n": "sales_volume"})
    return found.with_columns((pl.col(f"{UNIT}_p75") - pl.col(f"{UNIT}_p25")).alias(f"{UNIT}_iqr"))
