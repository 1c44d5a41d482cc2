"""What happens at the edges: nothing, one sale, equal prices, absurd ones, no columns, wrong parameters."""

import json
import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.document import render
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.validation.reasons import CHECKS
from terrafusion.analysis.validation.rows import CONTEXT, FIXED
from terrafusion.errors import InvalidParameters


def plain(answer):
    """Return the answer's document as JSON that has no NaN or Infinity."""
    return json.loads(json.dumps(render(answer).document, allow_nan=False, default=str))


def test_no_sales_are_an_answer_with_counts(ask):
    answer = ask("sale_validation", pl.DataFrame(schema=SALES_SCHEMA))
    assert plain(answer)["rows"] == []
    assert (answer.summary["data_points_analyzed"], answer.summary["invalid_share"]) == (0, None)
    assert "no sales" in answer.summary["key_finding"]
    assert list(answer.table.columns) == [*FIXED, *CONTEXT]


def test_nothing_selected_is_an_answer_with_counts(market, ask):
    answer = ask("sale_validation", market(5), start_date="2030-01-01")
    assert answer.data_quality["excluded"] == {"outside_dates": 5}
    assert plain(answer)["rows"] == []
    assert list(answer.table.schema) == list(ask("sale_validation", market(5)).table.schema)


def test_one_sale_is_judged_by_the_record_alone(market, ask):
    answer = ask("sale_validation", market(1))
    row = plain(answer)["rows"][0]
    assert (row["valid"], row["reason_codes"], row["z_price"], row["group_n"]) == (True, [], None, 1)
    assert "1 lies in a group below 30 and was not judged" in answer.summary["key_finding"]


def test_equal_prices_are_no_outliers(market, judge):
    told = judge(market(50, step=0, sale_price=[123_456.78] * 50, building_size_sqft=[1_777.0] * 50))
    assert {row["z_price"] for row in told.values()} == {0.0}
    assert all(row["valid"] for row in told.values())


def test_one_price_beside_equal_ones_is_far_out(market, judge):
    told = judge(market(50, step=0, sale_price=[3e5] * 49 + [3.1e5], building_size_sqft=[None] * 50))
    assert told["49"]["reason_codes"] == ["high_price"]


def test_bounds_that_a_small_group_cannot_reach_are_told(market, ask):
    def codes(**parameters):
        return {caution.code for caution in ask("sale_validation", market(5, step=0), **parameters).warnings}

    assert "bounds_out_of_reach" in codes(min_group=5)
    assert "bounds_out_of_reach" not in codes(min_group=6)
    assert "bounds_out_of_reach" in codes(min_group=6, sd_high=2.5)
    assert "bounds_out_of_reach" in codes(min_group=5, standard_deviation="population")
    assert "bounds_out_of_reach" not in codes(min_group=6, standard_deviation="population")


def test_the_shared_filters_outliers_need_a_group_and_their_cautions_are_told(market, ask):
    filtered = {"group_by": "zip_code", "sale_filter": {"outlier_method": "iqr"}, "checks": ["price_bounds"]}
    prices = [9e6] + [3e5 + sale for sale in range(39)]
    nowhere = ask(
        "sale_validation", market(40, step=0, sale_price=prices, zip_code=[None] * 39 + ["98101"]), **filtered
    )
    assert nowhere.table["valid"].all()
    assert "outliers_not_trimmed" in {caution.code for caution in nowhere.warnings}


def test_the_shared_filters_outliers_are_those_of_the_sales_asked_for(market, judge, ask):
    given = market(400, seed=3)
    near = given.with_columns(pl.when(pl.int_range(400) == 0).then(9e6).otherwise("sale_price").alias("sale_price"))
    far = near.with_columns(
        pl.when(pl.col("sale_date") > date(2014, 3, 31)).then(9e6).otherwise("sale_price").alias("sale_price")
    )
    some = {"sale_filter": {"outlier_method": "iqr"}, "checks": ["price_bounds"], "end_date": "2014-03-31"}
    assert judge(near, **some) == judge(far, **some)
    assert judge(near, **some)["0"]["reason_codes"] == ["outlier"]
    few = ask("sale_validation", near, **some | {"end_date": "2014-01-20"})
    (said,) = (caution.message for caution in few.warnings if caution.code == "outliers_not_trimmed")
    assert said.startswith("20 sales lie in groups")


def test_a_pause_is_judged_once_among_all_sales_that_windows_rest_on(market, ask):
    days = [date(2014, 1, 1)] * 300 + [date(2014, 6, 1)] * 20 + [date(2016, 2, 1)]
    given = market(len(days), sale_date=days)
    for start, strays in ((None, 1), ("2014-05-01", 1), ("2016-01-01", 0)):
        answer = ask("sale_validation", given, start_date=start)
        excluded = answer.data_quality["excluded"]
        assert excluded.get("after_a_long_pause", 0) == strays, start
        assert answer.data_quality["used"] == answer.table.height == len(days) - sum(excluded.values()), start
        assert [caution.code for caution in answer.warnings].count("after_a_long_pause") == strays, start


def test_a_group_judged_in_a_wider_one_is_thin(market, ask):
    given = market(60, step=0, zip_code=["98101"] * 50 + ["98102"] * 10)
    for fallback in ("none", "cascade"):
        quality = ask("sale_validation", given, group_by="zip_code", fallback=fallback).data_quality
        assert (quality["cells"], quality["thin_cells"]) == (2, 1)


def test_the_sentence_tells_prices_from_what_is_recorded(market, ask):
    given = market(40, step=0, sale_price=[9e6] + [3e5 + sale for sale in range(39)], parcels_in_deed=[1] * 39 + [2])
    said = ask("sale_validation", given).summary["key_finding"]
    assert "2 of 40 sales (5.0%) are flagged by these rules: 1 by what is recorded, 1 by price alone" in said


def test_an_absurd_price_is_told_and_breaks_nothing(market, ask):
    prices = [3e5 + 1_000 * sale for sale in range(48)]
    answer = ask(
        "sale_validation", market(50, step=0, sale_price=[*prices, 1e12, 1e-2], building_size_sqft=[None] * 50)
    )
    told = {row["sale_id"]: row for row in plain(answer)["rows"]}
    assert told["48"]["reason_codes"] == ["high_price"]
    assert told["49"]["reason_codes"][0] == "below_min_price"


@pytest.mark.parametrize("price", [0.0, -5.0, math.nan, math.inf, 2e12, None])
def test_what_is_no_price_is_not_judged(market, ask, price):
    answer = ask("sale_validation", market(3, sale_price=[3e5, 4e5, price]))
    assert answer.data_quality["excluded"] == {"missing_price": 1}
    assert answer.table.height == 2


def test_a_sale_dated_ahead_is_judged_in_its_own_window(market, judge):
    told = judge(market(31, step=0, sale_date=[date(2014, 1, 1)] * 30 + [date(2150, 1, 1)]))
    assert told["30"]["group_n"] == 1
    assert told["0"]["group_n"] == 30


def test_a_million_parcels_in_one_zip(ask):
    n = 1_000_000
    random = np.random.default_rng(0)
    columns = {"sale_date": date(2014, 1, 1), "zip_code": "43617"}
    nothing = [pl.repeat(columns.get(name), n, dtype=kind).alias(name) for name, kind in SALES_SCHEMA.items()]
    big = pl.select(nothing).with_columns(sale_price=pl.Series(np.exp(random.normal(12, 0.2, n))))
    answer = ask("sale_validation", big, group_by="zip_code")
    assert answer.table["group_n"].unique().to_list() == [n]
    assert answer.summary["invalid_share"] == pytest.approx(answer.summary["cross_check"]["normal_share"], abs=0.0007)


def test_a_sale_without_a_group_is_judged_by_the_record(market, judge, ask):
    given = market(40, step=0, zip_code=["98101"] * 39 + [None], parcels_in_deed=[1] * 39 + [2])
    told = judge(given, group_by="zip_code")
    assert (told["39"]["reason_codes"], told["39"]["group_n"]) == (["multi_parcel"], 0)
    assert "without_group" in {caution.code for caution in ask("sale_validation", given, group_by="zip_code").warnings}


def test_the_document_has_the_sales_first_that_are_not_valid(market, ask):
    answer = ask("sale_validation", market(1_200, parcels_in_deed=[1] * 600 + [2] * 600))
    shown = plain(answer)["rows"]
    assert (len(shown), answer.table.height) == (1_000, 1_200)
    invalid = answer.table.filter(~pl.col("valid"))["sale_id"].to_list()
    assert [row["sale_id"] for row in shown[: len(invalid)]] == invalid
    assert all(row["valid"] for row in shown[len(invalid) :])


def test_repeated_ids_are_told_and_each_is_judged(market, ask):
    answer = ask(
        "sale_validation", market(3, sale_id=["a", "a", "b"]), overrides={"a": {"valid": False, "reason": "x"}}
    )
    assert "sale_id_repeated" in {caution.code for caution in answer.warnings}
    assert answer.table.sort("sale_id")["valid"].to_list() == [False, False, True]


def test_checks_that_the_data_do_not_allow_are_listed(market, ask):
    answer = ask("sale_validation", market(40))
    assert answer.summary["checks_run"] == ["price_bounds", "duplicates", "price", "unit_price", "short_hold"]
    assert answer.summary["checks_not_run"]["family"] == "nothing is recorded of buyer and seller"
    assert set(answer.summary["checks_run"]) | set(answer.summary["checks_not_run"]) == set(CHECKS)
    assert "checks_not_run" in {caution.code for caution in answer.warnings}


@pytest.mark.parametrize(
    ("parameters", "field", "said"),
    [
        ({"checks": ["family"]}, "checks", "nothing is recorded of buyer and seller; allowed are price_bounds, "),
        ({"checks": ["codes"]}, "checks", "validity_code or deed_type"),
        ({"checks": ["guess"]}, "checks", "guess"),
        ({"checks": []}, "checks", "at least 1"),
        ({"rolling_months": 0}, "rolling_months", "greater than or equal to 1"),
        ({"rolling_months": 121}, "rolling_months", "less than or equal to 120"),
        ({"sd_low": 0}, "sd_low", "greater than 0"),
        ({"sd_high": -1}, "sd_high", "greater than 0"),
        ({"min_group": 2}, "min_group", "greater than or equal to 3"),
        ({"supporting": ["high_price"]}, "supporting", "high_price"),
        ({"overrides": {"a": {"valid": 1, "reason": "x"}}}, "overrides", "true or false"),
        ({"overrides": {"a": {"valid": True}}}, "overrides", "reason"),
        ({"rolling": 12}, "rolling", "rolling_months"),
        ({"group_by": "neighborhood"}, "group_by", "of which here records nothing"),
    ],
)
def test_bad_parameters_name_field_given_and_allowed(market, ask, parameters, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask("sale_validation", market(40), **parameters)
    assert (refused.value.field or "").startswith(field)
    assert said in str(refused.value)
