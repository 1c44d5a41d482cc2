"""A town that nobody made, with known prices of everything."""

from collections.abc import Callable

import polars as pl
import pytest
from support import towns

ASKED = ["p00007", "p00100", "p01234"]


def comps(ask, given, parcels=ASKED, **parameters):
    """Ask for the comparables of some parcels."""
    return ask("comparable_sales", given, subject_parcel_ids=list(parcels), **parameters)


@pytest.fixture(scope="session")
def draw_town() -> Callable[..., pl.DataFrame]:
    """Return the columns of a town; see `support.towns`."""
    return towns.draw_town


@pytest.fixture
def town(draw_town, sales) -> pl.DataFrame:
    """1,800 sales in the one schema."""
    return sales(**draw_town().to_dict(as_series=False))
