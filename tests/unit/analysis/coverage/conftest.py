"""A roll of which some parcels sold: at random, or more of the dear ones."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.api import Answer, Records
from terrafusion.analysis.frames import PROPERTIES_SCHEMA, SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue


def conform(given: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return given.select(
        pl.col(name).cast(kind) if name in given.columns else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )


@pytest.fixture(scope="session")
def county() -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """Make the sales and the roll of a county; with ``tilt`` dear parcels sell more often."""

    def make(
        parcels: int = 2_000, seed: int = 1, *, tilt: float = 0.0, chased: float = 0.0
    ) -> tuple[pl.DataFrame, ...]:
        draw = np.random.default_rng(seed)
        size = np.exp(draw.normal(7.4, 0.35, parcels)).round()
        log_value = 5.0 + size**0 * draw.normal(0, 0.2, parcels) + np.log(size)
        score = (log_value - log_value.mean()) / log_value.std()
        sold = draw.random(parcels) < 1 / (1 + np.exp(1.2 - tilt * score))
        number = np.array([f"p{place:06d}" for place in range(parcels)])
        area = draw.integers(0, 4, parcels)
        roll = pl.DataFrame(
            {
                "parcel_number": number,
                "property_class": np.where(draw.random(parcels) < 0.8, "house", "condo"),
                "zip_code": [f"9810{place}" for place in area],
                "building_size_sqft": size,
                "year_built": draw.integers(1900, 2010, parcels),
                "bedrooms": draw.integers(1, 6, parcels).astype(float),
                "assessed_value": np.exp(log_value + chased * sold).round(),
            }
        )
        days = np.datetime64(date(2014, 1, 1)) + draw.integers(0, 365, int(sold.sum()))
        sales = pl.DataFrame(
            {
                "sale_id": [f"s{place:06d}" for place in range(int(sold.sum()))],
                "parcel_number": number[sold],
                "sale_date": days.astype("datetime64[D]"),
                "sale_price": np.exp(log_value[sold] + draw.normal(0, 0.1, int(sold.sum()))).round(),
                "zip_code": [f"9810{place}" for place in area[sold]],
            }
        )
        return conform(sales, SALES_SCHEMA), conform(roll, PROPERTIES_SCHEMA)

    return make


@pytest.fixture(scope="session")
def report() -> Callable[..., Answer]:
    """Ask for a report on sales and, where there is one, a roll."""
    analysis = load_catalogue().get("coverage_report")

    def run(
        sales: pl.DataFrame,
        roll: pl.DataFrame | None = None,
        profile: CountyProfile | None = None,
        **parameters: Any,
    ) -> Answer:
        properties = None if roll is None else roll.lazy()
        records = Records("here", "v1", sales.lazy(), profile or CountyProfile(), properties=properties)
        checked = load_catalogue().check("coverage_report", parameters)
        return analysis.compute(records, checked, lambda _done, _doing: None)

    return run
