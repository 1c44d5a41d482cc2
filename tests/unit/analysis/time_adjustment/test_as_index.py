"""What a time adjustment asks of the index that it rests on."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.price_index.repeat_sales import Options
from terrafusion.errors import InvalidParameters

KIND = "time_adjustment"


def test_however_many_periods_no_index_is_estimated_again_for_its_revisions(ask, sales, monkeypatch):
    asked, lasts = [], Options.lasts
    monkeypatch.setattr(Options, "lasts", lambda self, periods: asked.append(lasts(self, periods)) or asked[-1])
    days = [date(1990 + 26 * again, 1 + home % 12, 1 + home % 28) for again in range(2) for home in range(60)]
    prices = [100_000.0 * (1 + home % 5 / 10 + home // 60) for home in range(120)]
    given = sales(parcel_number=[f"p{home % 60}" for home in range(120)], sale_date=days, sale_price=prices)
    assert ask(KIND, given, method="bmn", period="week").rows.height > 1_200
    assert asked
    assert not any(asked)


def test_a_characteristic_that_is_named_serves_both_analyses_where_it_alone_is_recorded(ask, town):
    kinds = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("condo")).otherwise(pl.lit("house"))
    bare = town.with_columns(kinds.alias("property_type"), building_size_sqft=None)
    asked = {"characteristics": ["property_type"], "location_effects": "none"}
    adjusted = ask(KIND, bare, method="regression", valuation_date="2014-01-15", **asked)
    index = ask("price_index", bare, method="hedonic_time_dummy", **asked)
    np.testing.assert_allclose(adjusted.rows["factor"], 100 / index.rows["index"], rtol=1e-9)
    with pytest.raises(InvalidParameters, match="needs any characteristic"):
        ask(KIND, bare, method="regression")
