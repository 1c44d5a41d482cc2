"""A town whose sales, parcels and listings are known."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.api import Answer, Records
from terrafusion.analysis.frames import LISTINGS_SCHEMA, PROPERTIES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue


def _of(schema: dict[str, pl.DataType], columns: dict[str, Any]) -> pl.DataFrame:
    given = pl.DataFrame(columns)
    return given.select(
        pl.col(name).cast(kind) if name in columns else pl.lit(None, kind).alias(name) for name, kind in schema.items()
    )


@pytest.fixture(scope="session")
def parcels() -> Callable[..., pl.DataFrame]:
    """Make a roll."""
    return lambda **columns: _of(PROPERTIES_SCHEMA, columns)


@pytest.fixture(scope="session")
def listings() -> Callable[..., pl.DataFrame]:
    """Make listings; ids are numbered where not given."""

    def make(**columns: Any) -> pl.DataFrame:
        count = len(columns["parcel_number"])
        return _of(LISTINGS_SCHEMA, {"listing_id": [f"l{at:05d}" for at in range(count)], **columns})

    return make


@pytest.fixture
def asked() -> Callable[..., Answer]:
    """Ask `sales_velocity` of sales, and of parcels and listings where there are."""
    catalogue = load_catalogue()

    def run(
        sales: pl.DataFrame, roll: Any = None, listed: Any = None, profile: Any = None, **parameters: Any
    ) -> Answer:
        beside = [None if frame is None else frame.lazy() for frame in (roll, listed)]
        records = Records(
            "here", "v1", sales.lazy(), profile or CountyProfile(), properties=beside[0], listings=beside[1]
        )
        wanted = catalogue.check("sales_velocity", parameters)
        return catalogue.get("sales_velocity").compute(records, wanted, lambda _done, _doing: None)

    return run


@pytest.fixture
def town(sales, parcels, listings) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Three years of sales of 300 homes in two ZIPs, each listed before; and 40 listings that nobody took."""
    draw = np.random.default_rng(7)
    home = draw.integers(0, 300, 900)
    day = [date(2014, 1, 1) + timedelta(days=int(at)) for at in draw.integers(0, 1096, 900)]
    price = np.exp(draw.normal(12.5, 0.3, 900))
    zips = [f"9810{at % 2}" for at in home]
    sold = sales(parcel_number=[f"p{at:03d}" for at in home], sale_date=day, sale_price=price, zip_code=zips)
    roll = parcels(parcel_number=[f"p{at:03d}" for at in range(400)], zip_code=[f"9810{at % 2}" for at in range(400)])
    waited = draw.integers(1, 200, 900)
    closing = draw.integers(0, 60, 900)
    ended = [at - timedelta(days=int(rest)) for at, rest in zip(day, closing, strict=True)]
    listed = [at - timedelta(days=int(days)) for at, days in zip(ended, waited, strict=True)]
    idle = 40
    told = listings(
        parcel_number=[f"p{at:03d}" for at in home] + [f"p{at:03d}" for at in range(300, 300 + idle)],
        list_date=[*listed, *[date(2015, 3, 1)] * idle],
        off_market_date=[*ended, *[None] * idle],
        list_price=np.append(price * draw.uniform(0.9, 1.1, 900), np.full(idle, 3e5)),
        zip_code=[*zips, *[f"9810{at % 2}" for at in range(idle)]],
    )
    return sold, roll, told
