import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.markets import Recipe, market

from terrafusion.analysis.document import render
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.price_index.parameters import HEDONIC, METHODS, REPEAT, PriceIndexParameters
from terrafusion.errors import InvalidParameters

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "price_index.md").read_text()
FIXED = {
    "group",
    "period",
    "period_start",
    "index",
    "log_index",
    "standard_error",
    "ci_low",
    "ci_high",
    "observations",
    "imputed",
}


def reasons(answer):
    return [caution.code for caution in answer.warnings]


@pytest.fixture
def town(sales):
    """Two years of one synthetic market."""
    made = market(Recipe(homes=300, periods=24, sales_per_home=2.0, growth=0.2), seed=5)
    return sales(**{name: made[name] for name in made.columns})


@pytest.fixture(scope="module")
def northgate(king_wa):
    return king_wa.filter(pl.col("zip_code") == "98103")


def test_seattle_through_the_whole_analysis(ask, king_wa):
    """The published monthly indices once more, from the request to the rows (ANALYSES 5)."""
    published = pl.read_csv(Path(__file__).parents[3] / "data" / "index" / "seattle_monthly.csv")
    asked = {"pairs": "all", "min_hold_months": 0, "weights": "drop_non_positive"}
    for method, column, within in (
        ("bmn", "base", 1e-9),
        ("case_shiller", "weighted", 1e-9),
        ("robust", "robust", 1e-2),
    ):
        answer = ask("price_index", king_wa, method=method, train_periods=80, **asked)
        assert set(answer.rows.columns) >= FIXED
        assert answer.rows["period"].to_list() == published["period"].to_list()
        np.testing.assert_allclose(answer.rows["index"], published[column], rtol=0, atol=within)
        assert answer.data_quality["pairs_formed"] == 5102
        assert answer.summary["pairs_used"] == (4486 if method == "case_shiller" else 5102)
    assert "case_shiller_variances" in reasons(ask("price_index", king_wa, method="case_shiller", **asked))


def test_the_worked_example_of_the_page(ask, king_wa):
    answer = ask("price_index", king_wa, compare=True, period="quarter", method="case_shiller")
    assert answer.summary["key_finding"].replace("in here", "in king_wa") in PAGE
    for line in answer.summary["comparison"]:
        shown = [f"{line[name]:+.1f}%" for name in ("change_pct", "ci_low_pct", "ci_high_pct")]
        row = f"| `{line['method']}` | {line['used']:,} | {shown[0]} | {shown[1]} to {shown[2]} |"
        assert row in PAGE, row
        measures = f" {line['volatility_mean']:.4f} | {line['revision_abs_mean']:.2f} |"
        assert row + measures in PAGE, row + measures
    assert f"{answer.summary['disagreement_pct_points']:.1f} points" in PAGE


def test_the_page_names_every_parameter_as_the_code_has_it():
    for name, field in PriceIndexParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            default = "null" if field.default is None else str(field.default).lower()
            assert f"| `{name}` | {default} | {field.description} |" in PAGE


def test_the_page_names_every_column_and_caution(ask, town):
    answer = ask("price_index", town, compare=True)
    named = [name for name in answer.table.columns if not name.startswith(("index_", "standard_error_"))]
    assert [name for name in named if f"`{name}`" not in PAGE] == []
    assert [name for name in answer.summary if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, town, method):
    empty, full = (ask("price_index", town, method=method, **p) for p in ({"start_year": 2100}, {}))
    assert "no sales were found" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": town.height}
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert ask("price_index", town.clear(), method=method, compare=True).data_quality["read"] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["one", "three", "one month", "no pairs"])
def test_too_few_sales_give_no_index_and_say_so(ask, northgate, method, kind):
    few = {
        "one": northgate.head(1),
        "three": northgate.head(3),
        "one month": northgate.filter(pl.col("sale_date") < date(2010, 2, 1)),
        "no pairs": northgate.unique("parcel_number", keep="first", maintain_order=True),
    }[kind]
    answer = ask("price_index", few, method=method)
    json.dumps(render(answer).document, allow_nan=False)
    if kind != "no pairs" or method in REPEAT:
        assert answer.rows["index"].null_count() == answer.rows.height
        assert "index_too_few_observations" in reasons(answer)
        assert "no two full periods have 10 or more" in answer.summary["key_finding"]
        assert answer.summary["constant_quality_change_pct"] is None


def test_an_index_that_is_not_estimated_rests_on_no_sales(ask, king_wa):
    """Of that ZIP there are three sales: too few for a fit."""
    area = king_wa.filter(pl.col("zip_code") == "98155")
    bare = ask("price_index", area, method="hedonic_time_dummy", period="year")
    assert bare.rows["index"].null_count() == bare.rows.height
    assert bare.summary["sales_used"] == bare.table.filter(record="group")["used"].item() == 0
    assert "rests on" not in bare.summary["key_finding"]
    (said,) = (caution.message for caution in bare.warnings if caution.code == "index_too_few_observations")
    assert f"at most {area.height} sales" in said
    assert "rests on" not in ask("price_index", area, period="year", start_year=2016).summary["key_finding"]
    assert ask("price_index", king_wa, method="hedonic_time_dummy", period="year").summary["sales_used"] == 43_313


@pytest.mark.parametrize("method", METHODS)
def test_equal_prices_give_a_flat_index(ask, northgate, method):
    flat = ask("price_index", northgate.with_columns(sale_price=pl.lit(250_000.0)), method=method)
    np.testing.assert_allclose(flat.rows["index"].drop_nulls(), 100.0, atol=1e-6)
    assert "rose" not in flat.summary["key_finding"]
    assert "-0.0%" not in flat.summary["key_finding"]


def test_two_periods_are_the_mean_of_the_log_changes(ask, sales):
    first = [100_000.0 + 1_000 * home for home in range(40)]
    second = [price * (1.1 + 0.01 * (home % 5)) for home, price in enumerate(first)]
    homes = [f"p{home}" for home in range(40)]
    town = sales(
        parcel_number=homes * 2,
        sale_date=[date(2014, 1, 1 + home % 28) for home in range(40)]
        + [date(2015, 1, 1 + home % 28) for home in range(40)],
        sale_price=first + second,
    )
    answer = ask("price_index", town, period="year")
    logs = np.log(np.array(second) / np.array(first))
    assert answer.rows["log_index"].to_list() == [0.0, pytest.approx(logs.mean())]
    assert answer.rows["standard_error"][1] == pytest.approx(logs.std(ddof=1) / np.sqrt(40))
    assert answer.rows["observations"].to_list() == [40, 40]


@pytest.mark.parametrize("method", METHODS)
def test_a_period_without_sales_lies_between_its_neighbours_in_logs(ask, king_wa, method):
    silent = king_wa.filter(~pl.col("sale_date").is_between(date(2013, 3, 1), date(2013, 4, 30)))
    rows = ask("price_index", silent, method=method, train_periods=84).rows
    gap = rows.filter("imputed")
    assert gap["period"].to_list() == ["2013-03", "2013-04"]
    assert gap["observations"].to_list() == [0, 0]
    assert gap["standard_error"].null_count() == 2
    logs = rows.filter(pl.col("period").is_in(["2013-02", "2013-03", "2013-04", "2013-05"]))["log_index"].to_numpy()
    np.testing.assert_allclose(np.diff(logs, 2), 0, atol=1e-12)


def test_a_characteristic_that_repeats_another_changes_nothing(ask, northgate):
    plain = ask("price_index", northgate, method="hedonic_time_dummy", characteristics=["building_size_sqft", "grade"])
    twice = northgate.with_columns(bathrooms=pl.col("grade") * 2.0)
    named = ["bathrooms", "building_size_sqft", "grade"]
    doubled = ask("price_index", twice, method="hedonic_time_dummy", characteristics=named)
    np.testing.assert_allclose(plain.rows["index"], doubled.rows["index"], rtol=1e-9)


def test_sizes_enter_as_logs_or_as_they_are(ask, northgate):
    both = [
        ask("price_index", northgate, method="hedonic_time_dummy", characteristics=["building_size_sqft"], **p)
        for p in ({}, {"log_characteristics": False})
    ]
    logs, levels = (answer.rows["index"].to_numpy() for answer in both)
    assert 1e-3 < np.abs(logs / levels - 1).max() < 0.1


def test_location_effects_are_those_asked_for(ask, king_wa):
    some = king_wa.filter(pl.col("sale_date") >= date(2015, 1, 1))
    asked = {"method": "hedonic_time_dummy", "location_effects": "neighborhood"}
    found = {
        place: ask("price_index", some, **(asked | {"location_effects": place})).summary
        for place in ("zip", "neighborhood", "none")
    }
    assert [one["location_effects"] for one in found.values()] == ["zip", "neighborhood", "none"]
    assert len({one["constant_quality_change_pct"] for one in found.values()}) == 3
    single = ask("price_index", some.filter(pl.col("zip_code") == "98103"), method="hedonic_time_dummy")
    assert single.summary["location_effects"] == "none"


def test_methods_side_by_side(ask, king_wa):
    answer = ask("price_index", king_wa, compare=True, train_periods=80)
    names = [line["method"] for line in answer.summary["comparison"]]
    assert sorted(names) == sorted(METHODS)
    alone = ask("price_index", king_wa, method="hedonic_imputation")
    assert answer.rows["index_hedonic_imputation"].equals(alone.rows["index"].alias("index_hedonic_imputation"))
    assert answer.rows["index"].equals(answer.rows["index_bmn"].alias("index"))
    changes = [line["change_pct"] for line in answer.summary["comparison"]]
    assert answer.summary["disagreement_pct_points"] == pytest.approx(max(changes) - min(changes))
    assert answer.rows["disagreement_pct"][0] == 0
    assert answer.rows["disagreement_pct"][-1] > 5


def test_only_what_the_records_allow_is_compared(ask, town):
    bare = town.with_columns(parcel_number=pl.lit(None, pl.String))
    answer = ask("price_index", bare, compare=True, method="stratified_median")
    assert {line["method"] for line in answer.summary["comparison"]} == {*HEDONIC, "stratified_median"}
    refused = ask("price_index", town.with_columns(building_size_sqft=None), compare=True)
    assert {line["method"] for line in refused.summary["comparison"]} == {*REPEAT, "stratified_median"}


def test_a_comparison_leaves_out_a_method_that_refuses(ask, king_wa):
    asked = {"weights": "unconstrained", "pairs": "all", "min_hold_months": 0, "train_periods": 80}
    answer = ask("price_index", king_wa, compare=True, **asked)
    assert "method_refused" in reasons(answer)
    assert "case_shiller" not in {line["method"] for line in answer.summary["comparison"]}
    with pytest.raises(InvalidParameters, match="616 of 5102"):
        ask("price_index", king_wa, method="case_shiller", **asked)


def test_medians_are_not_said_to_hold_quality_constant(ask, northgate):
    asked = {"method": "stratified_median", "period": "year"}
    untyped = northgate.with_columns(property_type=pl.lit(None, pl.String))
    for town, strata in ((northgate, ["property_type"]), (untyped, [])):
        answer = ask("price_index", town, **asked)
        assert answer.summary["strata_by"] == strata
        assert " prices rose " in answer.summary["key_finding"]
        assert "constant quality" not in answer.summary["key_finding"]
        assert ("change_unchecked" in reasons(answer)) == (not strata)
    assert answer.summary["constant_quality_change_pct"] == pytest.approx(answer.summary["raw_change_pct"])
    assert "change_unchecked" not in reasons(ask("price_index", untyped, compare=True, **asked))
    assert "prices at constant quality" in ask("price_index", northgate, period="year").summary["key_finding"]


@pytest.mark.parametrize(
    ("lacking", "asked", "field", "said"),
    [
        ("parcel_number", {"method": "bmn"}, "method", "needs parcel_number"),
        (
            "parcel_number",
            {"method": "stratified_median", "one_sale_a_period": True},
            "one_sale_a_period",
            "records no parcel_number; allowed is false",
        ),
        ("building_size_sqft", {"method": "hedonic_imputation"}, "method", "stratified_median"),
        ("grade", {"method": "hedonic_time_dummy", "characteristics": ["grade"]}, "characteristics", "building_size"),
        (
            "neighborhood",
            {"method": "stratified_median", "location_effects": "neighborhood"},
            "location_effects",
            "zip, none",
        ),
        ("neighborhood", {"compare": True, "location_effects": "neighborhood"}, "location_effects", "zip, none"),
    ],
)
def test_a_missing_column_is_named_with_what_can_be_asked(ask, town, lacking, asked, field, said):
    kind = town.schema[lacking]
    with pytest.raises(InvalidParameters, match=said) as refused:
        ask("price_index", town.with_columns(pl.lit(None, kind).alias(lacking)), **asked)
    assert refused.value.field == field
    assert refused.value.allowed


def test_areas_that_a_method_does_not_use_need_not_be_recorded(ask, town):
    bare = town.with_columns(neighborhood=pl.lit(None, pl.String))
    asked = ask("price_index", bare, location_effects="neighborhood")
    assert asked.rows.equals(ask("price_index", bare).rows)


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"method": "median"}, "method", "'bmn'"),
        ({"pairs": "some"}, "pairs", "'sequential' or 'all'"),
        ({"min_hold_months": -1}, "min_hold_months", "greater than or equal to 0"),
        ({"min_hold_months": 601}, "min_hold_months", "less than or equal to 600"),
        ({"min_hold_periods": -1}, "min_hold_periods", "greater than or equal to 0"),
        ({"weights": "none"}, "weights", "'drop_non_positive'"),
        ({"characteristics": []}, "characteristics", "at least 1"),
        ({"characteristics": ["colour"]}, "characteristics.0", "'grade'"),
        ({"characteristics": ["grade", "grade"]}, "characteristics", "twice"),
        ({"location_effects": "street"}, "location_effects", "'zip', 'neighborhood' or 'none'"),
        ({"robust_errors": "yes"}, "robust_errors", "true or false"),
        ({"train_periods": 1}, "train_periods", "greater than or equal to 2"),
        ({"smooth": True}, "smooth", "min_hold_months"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, town, asked, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask("price_index", town, **asked)
    assert refused.value.field == field
    assert said in str(refused.value)


def test_the_file_holds_rows_groups_and_pairs(ask, king_wa):
    answer = ask("price_index", king_wa, group_by="zip_code", period="quarter")
    kinds = dict(answer.table["record"].value_counts().iter_rows())
    assert kinds["index"] == answer.rows.height == 25 * 28
    assert kinds["group"] == 25
    assert kinds["pair"] == answer.data_quality["pairs_formed"]
    pairs = answer.table.filter(pl.col("record") == "pair")
    keys = ["group", "parcel_number", "sale_date_1", "sale_date_2"]
    assert pairs.select(keys).equals(pairs.select(keys).sort(keys))
    told = pairs.drop_nulls("residual")
    left = told["log_change"] - told["index_change"]
    np.testing.assert_allclose(told["residual"], left, atol=1e-12)
    assert pairs["residual"].null_count() < 50


def test_groups_with_few_pairs_have_no_interval_and_thin_periods_are_marked(ask, king_wa):
    answer = ask("price_index", king_wa, group_by="zip_code")
    assert {"interval_too_few_observations", "errors_pooled", "periods_imputed"} <= set(reasons(answer))
    rows = answer.rows.drop_nulls("index").filter(~pl.col("imputed"))
    assert rows.filter(pl.col("thin"))["observations"].max() == 9
    assert rows.filter(~pl.col("thin"))["observations"].min() == 10


def test_volatility_and_revision_by_hand(ask, king_wa):
    answer = ask("price_index", king_wa, period="quarter", train_periods=27)
    level = answer.rows["index"].to_numpy()
    change = np.diff(level) / level[:-1]
    rolling = [change[at : at + 3].std(ddof=1) for at in range(len(change) - 2)]
    assert answer.summary["volatility_mean"] == pytest.approx(np.mean(rolling))
    assert answer.summary["volatility_median"] == pytest.approx(np.median(rolling))
    before = ask("price_index", king_wa, period="quarter", end_date="2016-09-30").rows["index"].to_numpy()
    assert answer.summary["revision_mean"] == pytest.approx(np.mean(level[:27] - before), abs=1e-9)
    assert answer.summary["revision_median"] == pytest.approx(np.median(level[:27] - before), abs=1e-9)
    assert answer.summary["revision_abs_mean"] == pytest.approx(np.mean(np.abs(level[:27] - before)), abs=1e-9)
    assert answer.summary["revisions"] == 27


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_records_changes_no_byte(ask, known, town, method, seed):
    mixed = town.sample(fraction=1, shuffle=True, seed=seed)
    assert (
        render(ask("price_index", mixed, method=method)).sha256
        == render(known("price_index", town, method=method)).sha256
    )


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(factor=st.floats(0.5, 20))
def test_scaling_prices_moves_no_index(ask, known, town, method, factor):
    asked = {"method": method, "sale_filter": {"min_price": 0}}
    plain = known("price_index", town, **asked).rows
    scaled = ask("price_index", town.with_columns(pl.col("sale_price") * factor), **asked).rows
    assert_frame_equal(plain, scaled, rel_tol=1e-6, abs_tol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(price=st.sampled_from([-5.0, 0.0, 100.0, 9_999.0, 5e12]), home=st.integers(0, 299))
def test_a_sale_that_is_excluded_changes_nothing(ask, known, town, sales, method, price, home):
    one = sales(sale_id=["x"], parcel_number=[f"p{home:06d}"], sale_date=[date(2014, 6, 9)], sale_price=[price])
    plain = known("price_index", town, method=method)
    more = ask("price_index", pl.concat([town, one]), method=method)
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1
