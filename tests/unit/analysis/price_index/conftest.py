"""Pairs and samples as the methods take them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis import periods
from terrafusion.analysis.price_index.links import Ties
from terrafusion.analysis.price_index.pairs import pairs_of


@pytest.fixture(scope="session")
def placed() -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Tell sales apart by month, as one group."""

    def place(sales: pl.DataFrame) -> pl.DataFrame:
        return sales.with_columns(
            pl.lit(0, pl.Int32).alias("group_code"), periods.numbers(sales["sale_date"], "month").alias("ordinal")
        )

    return place


@pytest.fixture(scope="session")
def ties() -> Callable[[pl.DataFrame], Ties]:
    """Lay pairs out for the methods; periods count from the first sale."""

    def lay(pairs: pl.DataFrame) -> Ties:
        begin = pairs["ordinal_1"].min()
        first, second = (pairs[name].to_numpy().astype(np.int64) - begin for name in ("ordinal_1", "ordinal_2"))
        change = np.log(pairs["sale_price_2"].to_numpy()) - np.log(pairs["sale_price_1"].to_numpy())
        return Ties(first, second, change, pairs["owner"].to_numpy(), int(second.max()) + 1)

    return lay


@pytest.fixture(scope="session")
def seattle(king_wa, placed) -> pl.DataFrame:
    """All pairs of the Seattle sales, 5,102 by month."""
    return pairs_of(placed(king_wa), every=True, min_hold_months=0)
