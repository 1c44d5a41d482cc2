import io
import json
import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.api import Records
from terrafusion.analysis.document import render
from terrafusion.analysis.frames import PROPERTIES_SCHEMA, SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.ratios.rows import SCHEMA
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters

STUDY = "ratio_study"
QUICK = {"interval_method": "analytic"}
FIXED = """group n median mean weighted_mean cod cov prd prb mki ki vei vei_significance outliers_excluded
chasing_suspected median_ci_low median_ci_high cod_ci_low cod_ci_high trimmed_median trimmed_cod_ci_low trimmed_vei"""


def row_of(answer):
    return answer.rows.row(0, named=True)


def codes(answer):
    return [caution.code for caution in answer.warnings]


def test_the_rows_have_their_fixed_names_and_the_file_has_all_of_them(ask, market):
    answer = ask(STUDY, market(200), **QUICK)
    assert set(FIXED.split()) <= set(SCHEMA)
    assert answer.rows.schema == pl.Schema(SCHEMA)
    rendered = render(answer)
    assert pl.read_parquet(io.BytesIO(rendered.parquet)).equals(answer.rows)
    assert list(rendered.document["rows"][0]) == list(SCHEMA)
    json.dumps(rendered.document, allow_nan=False)


@pytest.mark.parametrize("method", ["bootstrap", "analytic"])
def test_every_measure_has_an_interval_around_it(ask, market, method):
    row = row_of(ask(STUDY, market(400), interval_method=method))
    assert row["interval_method"] == method
    for prefix in ("", "trimmed_"):
        for name in ("median", "mean", "weighted_mean", "cod", "cov", "prd", "prb", "mki", "ki", "vei"):
            value, low, high = (row[f"{prefix}{name}{end}"] for end in ("", "_ci_low", "_ci_high"))
            assert low < value < high, name


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({}, {"trimmed_median", "trimmed_cod"}),
        ({"trim": "none"}, set()),
        (
            {"trim": "iqr1.5", "time_adjust": "hedonic"},
            {"trimmed_median", "trimmed_cod", "adjusted_time_slope", "time_slope"},
        ),
    ],
)
def test_the_cross_check_names_figures_that_are_there(ask, lucas_oh, asked, named):
    told = ask(STUDY, lucas_oh, **QUICK, **asked).summary
    names = set(re.findall(r"[a-z_]+", told["cross_check"]))
    always = {"mean", "weighted_mean", "median", "cov", "cod", "prb", "mki", "ki", "vei", "prd"}
    assert {name for name in names if told.get(name) is not None} == always | named
    words = {"and", "the", "other", "trimmed_", "figures", "beside", "those", "of", "all", "sales"}
    assert names <= always | named | words


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, market):
    sales = market(50)
    empty = ask(STUDY, sales, zip_codes=["00001"])
    assert (empty.rows.height, empty.rows.schema) == (0, pl.Schema(SCHEMA))
    assert empty.summary["data_points_analyzed"] == 0
    assert empty.summary["median"] is None
    assert "no sales" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_zip_codes": 50}
    assert ask(STUDY, sales.clear()).data_quality["read"] == 0
    assert ask(STUDY, sales, zip_codes=["00001"], time_adjust="hedonic").rows.is_empty()


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_few_sales_are_counted_and_not_told(ask, market, n):
    answer = ask(STUDY, market(n))
    row = row_of(answer)
    assert (row["n"], row["suppressed"]) == (n, True)
    assert {value for name, value in row.items() if name not in {"group", "n", "suppressed"}} == {None}
    assert "too few" in answer.summary["key_finding"]
    shown = row_of(ask(STUDY, market(n), min_sales=1))
    assert shown["median"] is not None
    assert (shown["median_ci_low"] is None) == (shown["cod_ci_low"] is None) == (n < 6)


def test_a_verdict_needs_an_interval_only_beyond_the_band(ask, valued):
    inside = row_of(ask(STUDY, valued([95_000.0] * 3, [100_000.0] * 3), min_sales=1))
    beyond = row_of(ask(STUDY, valued([50_000.0] * 3, [100_000.0] * 3), min_sales=1))
    assert (inside["median_verdict"], beyond["median_verdict"]) == ("met", None)


def test_sales_without_a_value_are_excluded_and_counted(ask, market):
    sales = (
        market(60)
        .with_row_index("row")
        .with_columns(
            pl.when(pl.col("row") < 4)
            .then(pl.Series([None, 0.0, -5.0, float("nan")] + [1.0] * 56))
            .otherwise("assessed_value")
            .alias("assessed_value")
        )
    )
    answer = ask(STUDY, sales.drop("row"), **QUICK)
    told = answer.data_quality
    assert told["excluded"] == {"missing_value": 4}
    assert told["used"] + sum(told["excluded"].values()) == told["read"] == 60
    assert row_of(answer)["n"] == 56


def test_zero_and_negative_prices_and_slips_of_the_pen_are_no_ratios(ask, market):
    odd = (
        market(40)
        .with_row_index("row")
        .with_columns(
            sale_price=pl.when(pl.col("row") < 4)
            .then(pl.Series([0.0, -1.0, 1e15, float("inf")] + [1.0] * 36))
            .otherwise("sale_price")
        )
    )
    assert ask(STUDY, odd.drop("row"), **QUICK).data_quality["excluded"] == {"missing_price": 4}


def test_outliers_leave_the_trimmed_figures_alone(ask, market):
    sales = market(200, spread=0.1)
    wild = sales.with_row_index("row").with_columns(
        assessed_value=pl.col("assessed_value") * pl.when(pl.col("row") == 7).then(40).otherwise(1)
    )
    plain, with_wild = (ask(STUDY, given, trim="iqr3", **QUICK) for given in (sales, wild.drop("row")))
    row, calm = row_of(with_wild), row_of(plain)
    assert (row["outliers_excluded"], row["trimmed_n"]) == (1, 199)
    assert (calm["outliers_excluded"], calm["trimmed_cod"]) == (0, calm["cod"])
    assert row["cod"] > 2 * row["trimmed_cod"]
    assert row["trimmed_cod"] == pytest.approx(calm["cod"], rel=0.02)
    assert "without 1 outlier COD is" in with_wild.summary["key_finding"]
    untrimmed = row_of(ask(STUDY, wild.drop("row"), trim="none", **QUICK))
    assert (untrimmed["outliers_excluded"], untrimmed["trimmed_cod"]) == (0, untrimmed["cod"])


def test_trimming_is_by_group_and_its_bounds_are_inclusive(ask, valued):
    ratios = np.array([0.9] * 10 + [1.0] * 20 + [1.1] * 10 + [1.25, 1.2501, 0.75, 0.7499])
    sales = valued(ratios * 100_000, np.full(44, 100_000.0), zip_code=["1"] * 44)
    row = row_of(ask(STUDY, sales, trim="iqr1.5", group_by="zip_code", **QUICK))
    first, third = np.quantile(ratios, [0.25, 0.75])
    inside = (ratios >= first - 1.5 * (third - first) - 1e-12) & (ratios <= third + 1.5 * (third - first) + 1e-12)
    assert row["trimmed_n"] == inside.sum()
    exact = np.array([0.9] * 10 + [1.0] * 20 + [1.1] * 10)
    bound = np.quantile(exact, 0.75) + 1.5 * (np.quantile(exact, 0.75) - np.quantile(exact, 0.25))
    again = valued(np.append(exact, bound) * 100_000, np.full(41, 100_000.0))
    assert row_of(ask(STUDY, again, trim="iqr1.5", **QUICK))["outliers_excluded"] == (bound > 1.1) * 0


def test_groups_below_thirty_are_not_trimmed_and_it_is_said(ask, valued):
    ratios = [0.9, 1.0, 1.1] * 9 + [9.0]
    answer = ask(STUDY, valued([r * 1e5 for r in ratios], [1e5] * 28), **QUICK)
    row = row_of(answer)
    assert (row["outliers_excluded"], row["outliers_kept"]) == (0, 1)
    assert "outliers_not_trimmed" in codes(answer)
    asked = ask(STUDY, valued([r * 1e5 for r in ratios], [1e5] * 28), trim_min_sales=28, **QUICK)
    assert (row_of(asked)["outliers_excluded"], row_of(asked)["trimmed_n"]) == (1, 27)
    assert "outliers_not_trimmed" not in codes(asked)


def test_much_trimming_is_said(ask, valued):
    ratios = [1.0] * 80 + [0.5] * 10 + [1.5] * 10
    answer = ask(STUDY, valued([r * 1e5 for r in ratios], [1e5] * 100), **QUICK)
    assert row_of(answer)["outliers_excluded"] == 20
    assert "trimmed_much" in codes(answer)


@pytest.mark.parametrize("group_by", ["zip_code", ["zip_code", "sale_year"], "sale_quarter", "property_class"])
def test_groups_are_each_the_study_of_their_own_sales(ask, market, group_by):
    places = [str(place % 3) for place in range(400)]
    sales = market(400, zip_code=places, property_class=places)
    answer = ask(STUDY, sales, group_by=group_by, bootstrap_iterations=100)
    assert answer.rows["n"].sum() == answer.data_quality["used"] == 400
    assert answer.rows["group"].is_sorted()
    first = answer.rows.row(0, named=True)
    if group_by == "zip_code":
        alone = ask(STUDY, sales.filter(zip_code="0"), bootstrap_iterations=100)
        assert {**row_of(alone), "group": "0"} == first
    whole = ask(STUDY, sales, bootstrap_iterations=100)
    assert {name: whole.summary[name] for name in SCHEMA if name != "group"} == {
        name: answer.summary[name] for name in SCHEMA if name != "group"
    }
    counted = answer.summary["group_verdicts"]["cod"]
    assert sum(counted.values()) == answer.rows["cod_verdict"].drop_nulls().len()


def test_a_group_by_column_without_values_is_refused(ask, market):
    with pytest.raises(InvalidParameters, match="group_by is 'deed_type'"):
        ask(STUDY, market(50), group_by="deed_type")


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"trim": "iqr2"}, "trim", "'none', 'iqr1.5' or 'iqr3'"),
        ({"value_field": "price"}, "value_field", "'assessed_value'"),
        ({"jurisdiction_size": "tiny"}, "jurisdiction_size", "'very_large', 'mid' or 'small'"),
        ({"property_class": "farm"}, "property_class", "'residential_improved'"),
        ({"property_classes": {"R": "house"}}, "property_classes.R", "'income'"),
        ({"time_adjust": "linear"}, "time_adjust", "'none', 'hedonic', 'hedonic_imputation', 'bmn', "),
        ({"interval_method": "exact"}, "interval_method", "'bootstrap' or 'analytic'"),
        ({"bootstrap_iterations": 99}, "bootstrap_iterations", "greater than or equal to 100"),
        (
            {"confidence_level": 0.999},
            "interval_method",
            "needs bootstrap_iterations of 1999 or more at confidence_level 0.999, given are 1000; allowed is analytic",
        ),
        ({"confidence_level": 0.99, "bootstrap_iterations": 198}, "interval_method", "199 or more"),
        ({"assessment_level": 0}, "assessment_level", "greater than 0"),
        ({"confidence_level": 1}, "confidence_level", "less than or equal to 0.999"),
        ({"bands": 1}, "bands", "value_field"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(given, field, said):
    with pytest.raises(InvalidParameters) as refused:
        load_catalogue().check(STUDY, given)
    assert refused.value.field == field
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"confidence_level": 0.99, "bootstrap_iterations": 199},
        {"confidence_level": 0.999, "bootstrap_iterations": 1_999},
        {"confidence_level": 0.999, **QUICK},
    ],
)
def test_as_many_draws_as_the_level_needs_are_taken(given):
    assert load_catalogue().check(STUDY, given).confidence_level == given["confidence_level"]


def test_values_come_from_the_roll_where_that_is_asked(market):
    sales = market(60).with_columns(assessed_value=None)
    roll = pl.DataFrame(
        {
            "parcel_number": sales["parcel_number"],
            "market_value": sales["sale_price"],
            "assessed_value": sales["sale_price"] * 0.35,
            "assessment_year": [2014] * 50 + [2013] * 10,
        }
    )
    roll = roll.select(
        pl.col(name).cast(kind) if name in roll.columns else pl.lit(None, kind).alias(name)
        for name, kind in PROPERTIES_SCHEMA.items()
    )
    catalogue = load_catalogue()
    analysis = catalogue.get(STUDY)

    def run(profile=None, properties=roll, **parameters):
        records = Records(
            "here", "v1", sales.lazy(), profile or CountyProfile(assessment_level=0.35), properties.lazy()
        )
        return analysis.compute(records, catalogue.check(STUDY, parameters | QUICK), lambda done, doing: None)

    assert analysis.beside_sales == {"properties"}
    assert row_of(run(value_field="market_value"))["median"] == pytest.approx(1)
    assert row_of(run(value_field="market_value"))["median_verdict"] == "met"
    level = run(value_field="roll_assessed_value")
    assert row_of(level)["median"] == pytest.approx(0.35)
    assert level.summary["assessment_level"] == 0.35
    assert row_of(level)["median_verdict"] == "met"
    year = run(value_field="roll_assessed_value", roll_year=2014)
    assert year.data_quality["excluded"] == {"outside_roll_year": 10}
    with pytest.raises(InvalidParameters, match="'assessed_value', of which here records nothing; allowed is roll_ass"):
        run()
    with pytest.raises(InvalidParameters, match="allowed is roll_assessed_value"):
        run(value_field="market_value", properties=roll.with_columns(market_value=None))


def test_without_a_roll_its_values_are_refused(ask, market):
    with pytest.raises(InvalidParameters, match="allowed is assessed_value") as refused:
        ask(STUDY, market(50), value_field="market_value")
    assert refused.value.field == "value_field"


def test_an_unlikely_level_is_asked_about(ask, market):
    third = market(100, level=1 / 3)
    assert "assessment_level_unlikely" in codes(ask(STUDY, third, **QUICK))
    fitting = ask(STUDY, third, assessment_level=0.333, **QUICK)
    assert "assessment_level_unlikely" not in codes(fitting)
    assert row_of(fitting)["median_verdict"] == "met"
    profile = CountyProfile(assessment_level=0.333)
    assert row_of(ask(STUDY, third, profile, **QUICK))["median_verdict"] == "met"
    asked = ask(STUDY, third, profile, assessment_level=1.0, **QUICK)
    assert asked.summary["assessment_level"] == 1.0
    assert row_of(asked)["median_verdict"] == "not met"


def test_above_the_bound_the_bootstrap_is_skipped_and_it_is_said(ask, market, monkeypatch):
    monkeypatch.setattr("terrafusion.analysis.ratios.study.LARGEST", 100)
    sales = market(101, zip_code=["98101", *["98102"] * 100])
    answer = ask(STUDY, sales, group_by="zip_code", min_sales=1)
    assert set(answer.rows["interval_method"]) == {"analytic"}
    (caution,) = (one for one in answer.warnings if one.code == "bootstrap_skipped")
    assert "in its groups too" in caution.message
    assert row_of(ask(STUDY, market(100)))["interval_method"] == "bootstrap"


def test_dates_of_the_year_only_are_told(ask, market):
    sales = market(50).with_columns(year_only=True)
    assert "year_only" in codes(ask(STUDY, sales, group_by="sale_year", **QUICK))
    with pytest.raises(InvalidParameters, match=r"group_by is 'sale_month'.*allowed is sale_year"):
        ask(STUDY, sales, group_by=["sale_month"], **QUICK)


def test_a_million_parcels_in_one_zip(ask):
    n = 1_000_000
    random = np.random.default_rng(0)
    prices = np.exp(random.normal(12, 0.5, n))
    columns = {"sale_date": date(2014, 1, 1), "zip_code": "43617"}
    nothing = [pl.repeat(columns.get(name), n, dtype=kind).alias(name) for name, kind in SALES_SCHEMA.items()]
    values = prices * np.exp(random.normal(0, 0.2, n))
    big = pl.select(nothing).with_columns(sale_price=pl.Series(prices), assessed_value=pl.Series(values))
    row = row_of(ask(STUDY, big, group_by="zip_code", trim="none"))
    assert row["n"] == n
    assert row["median"] == pytest.approx(1, abs=0.001)
    assert row["vei"] is not None


def test_sales_of_the_future_count_as_dated(ask, market):
    later = market(50).with_columns(sale_date=date(2199, 1, 1))
    row = row_of(ask(STUDY, later, **QUICK))
    assert row["n"] == 50
    assert row["time_slope"] is None


def test_a_wider_area_stands_beside_a_thin_group(ask, market):
    hoods = ["few"] * 12 + ["many"] * 40 + ["apart"] * 8 + ["lone"] * 100
    zips = ["1"] * 52 + ["2"] * 8 + ["3"] * 100
    sales = market(160, neighborhood=hoods, zip_code=zips)
    wanted = {"group_by": "neighborhood", "fallback": "cascade", **QUICK}
    answer = ask(STUDY, sales, **wanted)
    rows = {row["group"]: row for row in answer.rows.iter_rows(named=True)}
    assert {name: row["fallback_level"] for name, row in rows.items()} == {
        "few": "zip_code",
        "many": None,
        "apart": "county",
        "lone": None,
    }
    area, county = (row_of(ask(STUDY, given, **QUICK)) for given in (sales.filter(zip_code="1"), sales))
    for name, wider in (("few", area), ("apart", county)):
        assert {
            column: rows[name][f"fallback_{column}"] for column in ("n", "cod", "prb_ci_low", "median_verdict")
        } == {column: wider[column] for column in ("n", "cod", "prb_ci_low", "median_verdict")}
    plain = ask(STUDY, sales, group_by="neighborhood", **QUICK)
    assert answer.rows.select(plain.rows.columns).equals(plain.rows)
    assert rows["apart"]["suppressed"]
    nothing = ask(STUDY, market(12), fallback="cascade", **QUICK)
    assert row_of(nothing)["fallback_level"] is None
    assert ask(STUDY, sales.clear(), **wanted).rows.columns == answer.rows.columns


def test_a_wider_area_keeps_what_else_tells_groups_apart(ask, market):
    sales = market(700, zip_code=["1", "2"] * 350).filter(
        (pl.col("zip_code") == "1") | (pl.int_range(pl.len()) % 50 < 2)
    )
    answer = ask(STUDY, sales, group_by=["zip_code", "sale_year"], fallback="cascade", min_sales=1, **QUICK)
    thin = answer.rows.filter(group="2|2014").row(0, named=True)
    assert thin["fallback_level"] == "sale_year"
    assert thin["fallback_n"] == sales.filter(pl.col("sale_date").dt.year() == 2014).height


def test_less_than_a_cent_is_neither_a_price_nor_a_value(ask, sales):
    """Ratios of such overflow: the level was null, and "statistically met"."""
    tiny = sales(
        sale_date=[date(2020, 1, 1)] * 14,
        sale_price=[1e-300] * 12 + [0.01, 1e5],
        assessed_value=[1e12] * 12 + [1.0, 1e-300],
    )
    answer = ask(STUDY, tiny, sale_filter={"min_price": 0}, min_sales=1, interval_method="analytic")
    assert answer.data_quality["excluded"] == {"missing_price": 12, "missing_value": 1}
    assert answer.summary["median"] == 100


def test_an_interval_about_nothing_has_no_minus(ask, sales):
    price = np.round(np.exp(np.random.default_rng(0).normal(12, 0.4, 300)), 2)
    even = sales(sale_date=[date(2020, 1, 1)] * 300, sale_price=price, assessed_value=0.37 * price)
    finding = ask(STUDY, even, assessment_level=0.37, **QUICK).summary["key_finding"]
    assert "PRB is 0.000 (95% interval 0.000 to 0.000)" in finding
