"""What an index says of its own errors."""

from datetime import date

import pytest


@pytest.fixture
def town(sales):
    """A hundred homes that sold in 2013 or 2014 and again in 2015, and ``early`` ones that sold in 2012 before that."""

    def make(early):
        first = [2012] * early + [2013 + home % 2 for home in range(100)]
        homes = range(len(first))
        return sales(
            parcel_number=[f"p{home}" for home in homes] * 2,
            sale_date=[date(year, 5, 1) for year in first] + [date(2015, 5, 1)] * len(first),
            sale_price=[200_000.0] * len(first) + [200_000.0 * (1.1 + home % 7 / 50) for home in homes],
            building_size_sqft=[1_000.0 + 10 * (home % 9) for home in homes] * 2,
        )

    return make


def pooled(answer):
    return [caution.message for caution in answer.warnings if caution.code == "errors_pooled"]


@pytest.mark.parametrize(
    ("method", "said", "what"),
    [("bmn", "clustered by parcel (CR1)", "sales of pairs"), ("hedonic_time_dummy", "HC1", "sales")],
)
def test_too_few_observations_in_the_first_period_pool_the_errors_of_all(ask, town, method, said, what):
    asked = {"method": method, "period": "year"}
    few, enough = ask("price_index", town(5), **asked), ask("price_index", town(6), **asked)
    assert few.summary["errors"] == f"{said}; in 4 of 4 periods one variance of all errors"
    assert pooled(few) == [
        f"4 of 4 periods have errors of one common variance: they, or the first, have fewer than 6 {what}"
    ]
    assert (enough.summary["errors"], pooled(enough)) == (said, [])
    classic = ask("price_index", town(5), robust_errors=False, **asked)
    assert (classic.summary["errors"], pooled(classic)) == ("one variance of all errors", [])
    assert few.rows["standard_error"].to_list() == classic.rows["standard_error"].to_list()


def test_a_later_period_of_few_observations_pools_its_own_error_alone(ask, king_wa):
    known = king_wa.filter(king_wa["zip_code"] == "98108", king_wa["sale_date"] < date(2012, 1, 1))
    answer = ask("price_index", known, method="hedonic_time_dummy")
    assert answer.rows["observations"][0] >= 6
    assert answer.rows.filter(answer.rows["observations"] < 6).height == 7
    assert answer.summary["errors"] == "HC1; in 7 of 24 periods one variance of all errors"


def test_stratified_medians_have_errors_of_order_statistics(ask, town):
    answer = ask("price_index", town(6), method="stratified_median", period="year")
    assert answer.summary["errors"] == "order statistics about the median of each stratum (McKean and Schrader 1984)"
