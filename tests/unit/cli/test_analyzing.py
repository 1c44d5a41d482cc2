"""What `analyze` makes of files that a load would not take as they are."""

from __future__ import annotations

import polars as pl
import pytest

from terrafusion.cli.analyzing import Question, answer
from terrafusion.settings import Settings


@pytest.fixture
def asked(tmp_path):
    """Ask a ratio study of the roll's values, where the roll holds each parcel ``times`` and the sales each sale ``sold``."""
    parcels = [f"p{number}" for number in range(60)]
    sales = pl.DataFrame({"parcel_number": parcels, "sale_date": "2014-05-01", "sale_price": 100_000.0})
    values = [90_000.0 + 500 * number for number in range(60)]
    roll = pl.DataFrame({"parcel_number": parcels, "market_value": values, "assessment_year": 2014})
    older = roll.with_columns(market_value=1.0, assessment_year=2013)

    def run(*, times=1, sold=1):
        files = {"sales": tmp_path / "sales.csv", "properties": tmp_path / "roll.csv"}
        pl.concat([sales] * sold).write_csv(files["sales"])
        pl.concat([*[older] * (times - 1), roll]).write_csv(files["properties"])
        question = Question(analysis_type="ratio_study", files=files, parameters='{"value_field": "market_value"}')
        return answer(question, None, Settings(_env_file=None))

    return run


def test_a_parcel_that_stands_twice_on_the_roll_counts_its_sales_once(asked):
    once, twice = asked(), asked(times=2)
    assert twice["result"]["data_quality"]["read"] == 60
    assert twice["result"]["result_summary"]["median"] == once["result"]["result_summary"]["median"]
    assert twice["properties_file"]["rejected_by_reason"] == {"superseded_parcel_number": 60}


def test_sales_that_stand_twice_are_all_kept(asked):
    assert asked(sold=2)["result"]["data_quality"]["read"] == 120
