import io
import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render
from terrafusion.analysis.equity.findings import vertical
from terrafusion.analysis.equity.rows import GROUP, SCHEMA, VERTICAL
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters

STUDY = "equity_study"
QUICK = {"interval_method": "analytic", "permutations": 99}
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def row_of(answer):
    return answer.rows.row(0, named=True)


def codes(answer):
    return {caution.code for caution in answer.warnings}


def file(answer):
    return render(answer).sha256


def test_the_vertical_measures_are_the_ratio_study_s(ask, town):
    sales = town(400, bias=-0.05)
    own, ratio = (ask(kind, sales, bootstrap_iterations=100, group_by="zip_code") for kind in (STUDY, "ratio_study"))
    names = [name for name in GROUP if name in ratio.rows.columns]
    assert {f"{name}_ci_low" for name in VERTICAL} <= set(names)
    assert_frame_equal(own.rows.filter(record="group").select(names), ratio.rows.select(names))
    assert own.summary["prb"] == ratio.summary["prb"]


def test_prices_are_first_brought_to_one_date_where_it_is_asked(ask, town):
    day = pl.col("sale_date").dt.epoch("d") - 16_071
    rising = town(600).with_columns(pl.col("sale_price") * (1 + day / 1400))
    own, ratio = (
        ask(kind, rising, time_adjust="hedonic", interval_method="analytic") for kind in (STUDY, "ratio_study")
    )
    assert own.summary["median"] == ratio.summary["median"] < ask(STUDY, rising, **QUICK).summary["median"]
    assert own.summary["prb"] == ratio.summary["prb"]
    like, raw = (row_of(ask(STUDY, rising, time_adjust=how, **QUICK)) for how in ("hedonic", "none"))
    assert like["price_per_sqft_cod_within"] < raw["price_per_sqft_cod_within"]
    assert like["value_per_sqft_cod_within"] == raw["value_per_sqft_cod_within"]


def test_sales_of_which_only_the_year_is_known_are_told(ask, town):
    assert "year_only" in codes(ask(STUDY, town(100, year_only=[True] * 100), **QUICK))
    with pytest.raises(InvalidParameters, match="group_by is 'sale_month'"):
        ask(STUDY, town(100, year_only=[True] * 100), group_by="sale_month")


def test_the_groups_of_value_are_deciles(ask, town):
    sales = town(403)
    found = ask(STUDY, sales, **QUICK).rows.filter(record="value_group")
    price, value = (sales[name].to_numpy() for name in ("sale_price", "assessed_value"))
    ratio = value / price
    proxy = 0.5 * price + 0.5 * value / np.median(ratio)
    code = np.searchsorted(np.quantile(proxy, np.arange(1, 10) / 10), proxy, side="left")
    assert found["value_group"].to_list() == list(range(1, 11))
    assert found["n"].to_list() == np.bincount(code).tolist()
    assert found["median"].to_list() == pytest.approx([np.median(ratio[code == one]) for one in range(10)])
    assert found["value_low"].to_list() == pytest.approx([proxy[code == one].min() for one in range(10)])
    assert (found["median_ci_low"] < found["median"]).all()
    by_price = ask(STUDY, sales, value_proxy="price", value_groups=4, **QUICK).rows.filter(record="value_group")
    assert by_price["value_high"].to_list()[-1] == price.max()
    assert by_price.height == 4


def test_groups_of_value_below_min_sales_are_counted_and_not_told(ask, town):
    found = ask(STUDY, town(60), **QUICK).rows.filter(record="value_group")
    assert found["n"].sum() == 60
    assert found["suppressed"].all()
    assert [found[name].null_count() for name in ("median", "value_low", "value_high")] == [10, 10, 10]


@pytest.mark.parametrize(
    ("bias", "said"),
    [(-0.12, "ratios fall with value by PRB, VEI and MKI"), (0.12, "ratios rise with value by PRB, VEI")],
)
def test_ratios_that_fall_or_rise_beyond_the_bands_are_told(ask, town, bias, said):
    answer = ask(STUDY, town(800, bias=bias), **QUICK)
    assert said in answer.summary["key_finding"]
    assert np.sign(answer.summary["prb"]) == np.sign(answer.summary["vei"]) == np.sign(bias)


def fair(sales, seed, *, n, price_noise, value_noise):
    """Make homes that are all assessed at 0.9 of their value, but for noise that does not depend on it."""
    random = np.random.default_rng(seed)
    value = np.exp(random.normal(12.3, 0.4, n))
    price, assessed = (
        share * value * np.exp(random.normal(0, noise, n)) for share, noise in ((1, price_noise), (0.9, value_noise))
    )
    return sales(sale_date=[date(2014, 6, 1)] * n, sale_price=price, assessed_value=assessed)


def test_a_fair_county_with_noisy_prices_is_not_called_unfair(ask, sales):
    """Of 4,200 sales noise in prices alone moves PRB and MKI clearly off 0 and 1, and MKI (0.94) even off its band."""
    for seed in range(10):
        made = fair(sales, seed, n=4_200, price_noise=0.10, value_noise=0.05)
        answer = ask(STUDY, made, interval_method="analytic", permutations=0)
        assert answer.summary["prb_ci_high"] < 0
        assert answer.summary["mki_ci_high"] < 1
        assert answer.summary["mki"] == pytest.approx(0.94, abs=0.01)
        assert vertical(row_of(answer)) not in {"falling", "rising"}
        assert "higher level" not in answer.summary["key_finding"]
        assert "noise_looks_like_bias" in codes(answer)


def test_where_noise_alone_leaves_the_bands_the_sentence_says_that_it_can(ask, sales):
    made = fair(sales, 0, n=4_200, price_noise=0.40, value_noise=0.05)
    answer = ask(STUDY, made, interval_method="analytic", permutations=0)
    said = "ratios fall with value by PRB, VEI and MKI, as they do for noise in prices where assessments are fair"
    assert said in answer.summary["key_finding"]
    assert "higher level" not in answer.summary["key_finding"]
    assert "noise_looks_like_bias" in codes(answer)


@pytest.mark.parametrize(
    ("prb", "vei", "mki", "said"),
    [
        ((-0.09, -0.06), (-19.0, -11.0), (0.9, 0.94), "falling"),
        ((0.06, 0.09), (11.0, 19.0), (1.06, 1.1), "rising"),
        ((-0.05, 0.05), (-10.0, 10.0), (0.95, 1.05), "within"),
        ((-0.04, -0.01), (-9.0, -1.0), (0.96, 0.99), "within"),
        ((-0.06, -0.01), (-9.0, -1.0), (0.96, 0.99), "unclear"),
        ((-0.09, -0.05), (-19.0, -10.0), (0.9, 0.95), "unclear"),
        ((-0.09, -0.0504), (-19.0, -10.04), (0.9, 0.9496), "unclear"),
        ((-0.0504, 0.01), (-10.04, 1.0), (0.9496, 1.0), "within"),
        ((-0.09, -0.06), (-19.0, -11.0), (0.9, 0.96), "disagree"),
        ((-0.09, -0.06), (11.0, 19.0), (0.9, 0.94), "disagree"),
        ((-0.01, 0.01), (-19.0, -11.0), (0.99, 1.01), "disagree"),
        ((-0.09, -0.06), (None, None), (0.9, 0.94), "unknown"),
    ],
)
def test_all_three_measures_have_to_say_it(prb, vei, mki, said):
    told = {"prb": prb, "vei": vei, "mki": mki}
    assert vertical({f"{name}_ci_{end}": told[name][end == "high"] for name in told for end in ("low", "high")}) == said


def test_unfair_places_show_among_neighbours_and_like_homes(ask, town):
    fair, unfair = (ask(STUDY, town(900, places=places), **QUICK) for places in ((0.0, 0.0, 0.0), (-0.15, 0.0, 0.15)))
    assert abs(fair.summary["moran_z"]) < 4 < unfair.summary["moran_z"]
    assert unfair.summary["moran_permutation_p"] == 0.02
    assert "ratios of neighbours are more alike than chance" in unfair.summary["key_finding"]
    medians = (
        unfair.rows.filter(record="cluster").group_by(pl.col("cluster").str.slice(0, 9)).agg(pl.col("median").median())
    )
    assert medians["median"].max() - medians["median"].min() > 0.2


def test_like_homes_have_like_prices(ask, town):
    answer = ask(STUDY, town(900), **QUICK)
    row = row_of(answer)
    clusters = answer.rows.filter(record="cluster")
    assert row["clusters"] == clusters.height > 10
    assert row["clustered"] == clusters["n"].sum()
    assert row["clustered"] + row["in_no_cluster"] + row["without_size"] == row["n"] == 900
    assert clusters["n"].min() >= 15
    weighted = (clusters["price_per_sqft_cod"] * clusters["n"]).sum() / clusters["n"].sum()
    assert row["price_per_sqft_cod_within"] == pytest.approx(weighted)
    for name in ("price_per_sqft", "value_per_sqft"):
        assert row[f"{name}_cod_within"] < row[f"{name}_cod_within_corrected"] < row[f"{name}_cod_overall"]
        assert row[f"{name}_within_to_overall_ci_low"] < row[f"{name}_within_to_overall"] < 1


def test_clusters_below_min_sales_are_counted_and_not_told(ask, town):
    found = ask(STUDY, town(300), min_cluster=6, min_sales=12, **QUICK).rows.filter(record="cluster")
    thin = found.filter("suppressed")
    assert (thin["n"] < 12).all()
    assert thin.height > 3
    for name in ("median", "price_per_sqft_median", "value_per_sqft_cod"):
        assert thin[name].null_count() == thin.height
        assert found.filter(~pl.col("suppressed"))[name].null_count() == 0


def test_a_group_is_studied_as_if_it_were_alone(ask, town):
    sales = town(500)
    grouped = ask(STUDY, sales, group_by="zip_code", **QUICK)
    alone = ask(STUDY, sales.filter(zip_code="43601"), group_by="zip_code", **QUICK)
    assert_frame_equal(grouped.rows.filter(group="43601"), alone.rows)
    whole = ask(STUDY, sales, **QUICK)
    assert {name: whole.summary[name] for name in GROUP if name in whole.summary} == {
        name: grouped.summary[name] for name in GROUP if name in grouped.summary
    }
    assert sum(grouped.summary["group_vertical"].values()) == grouped.summary["groups"] == 3


def test_the_rows_have_one_shape_and_the_file_has_all_of_them(ask, town):
    for answer in (ask(STUDY, town(300), **QUICK), ask(STUDY, town(300), zip_codes=["00001"])):
        rendered = render(answer)
        assert answer.rows.schema == pl.Schema(SCHEMA)
        assert pl.read_parquet(io.BytesIO(rendered.parquet)).equals(answer.rows)
        json.dumps(rendered.document, allow_nan=False)


def test_an_empty_selection_is_an_answer(ask, town):
    answer = ask(STUDY, town(50), zip_codes=["00001"])
    assert answer.summary["data_points_analyzed"] == answer.rows.height == 0
    assert "no sales" in answer.summary["key_finding"]
    assert answer.data_quality["excluded"] == {"outside_zip_codes": 50}
    assert ask(STUDY, town(5).clear(), trim="iqr3").data_quality["read"] == 0


@pytest.mark.parametrize("n", [1, 2, 9, 10, 29])
def test_few_sales_say_how_many_there_are_and_are_needed(ask, town, n):
    answer = ask(STUDY, town(n), **QUICK)
    row = row_of(answer)
    assert (row["n"], row["suppressed"]) == (n, n < 10)
    if n < 10:
        assert {value for name, value in row.items() if name not in {"record", "group", "n", "suppressed"}} == {None}
        assert "10 or more" in answer.summary["key_finding"]
    else:
        assert {"moran_too_few_places", "no_clusters"} <= codes(answer)
        assert row["moran_i"] is None
        assert any(f"at {n} places" in caution.message and "needs 30" in caution.message for caution in answer.warnings)


def test_what_the_records_lack_is_named_and_the_rest_told(ask, town, without):
    told = ask(STUDY, without("building_size_sqft", "latitude"), **QUICK)
    assert {"sizes_unknown", "coordinates_unknown"} <= codes(told)
    assert "building_size_sqft" in str(told.warnings)
    assert (row_of(told)["clusters"], row_of(told)["moran_places"]) == (0, 0)
    assert row_of(told)["prb"] is not None
    with pytest.raises(InvalidParameters, match="value_field is 'assessed_value'") as refused:
        ask(STUDY, without("assessed_value"))
    assert refused.value.field == "value_field"
    with pytest.raises(InvalidParameters, match="group_by is 'grade'"):
        ask(STUDY, town(50), group_by="grade")


def test_outlying_ratios_are_left_out_where_it_is_asked(ask, town):
    wild = (
        town(200)
        .with_row_index("row")
        .with_columns(assessed_value=pl.col("assessed_value") * pl.when(pl.col("row") == 7).then(40).otherwise(1))
    )
    plain, trimmed = (ask(STUDY, wild.drop("row"), trim=trim, **QUICK) for trim in ("none", "iqr3"))
    assert trimmed.data_quality["excluded"] == {"ratio_outlier": 1}
    assert (row_of(plain)["n"], row_of(trimmed)["n"]) == (200, 199)
    assert abs(row_of(trimmed)["prb"]) < abs(row_of(plain)["prb"])
    by_zip = ask(STUDY, wild.drop("row"), trim="iqr3", group_by="zip_code", **QUICK)
    assert by_zip.data_quality["excluded"] == {"ratio_outlier": 1}
    assert ask(STUDY, wild.drop("row").head(25), trim="iqr3", **QUICK).data_quality["excluded"] == {}


def test_equal_ratios_are_as_fair_as_can_be(ask, town):
    same = town(200).with_columns(assessed_value=pl.col("sale_price"))
    answer = ask(STUDY, same, **QUICK)
    row = row_of(answer)
    assert (row["prb"], row["moran_i"]) == (pytest.approx(0, abs=1e-12), None)
    assert "moran_all_equal" in codes(answer)
    assert "PRB, VEI and MKI lie within the IAAO's bands" in answer.summary["key_finding"]


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"min_cluster": 5}, "min_cluster", "greater than or equal to 6"),
        ({"value_groups": 1}, "value_groups", "greater than or equal to 2"),
        ({"value_proxy": "value"}, "value_proxy", "'both' or 'price'"),
        ({"neighbors": 0}, "neighbors", "greater than or equal to 1"),
        ({"neighbors": 101}, "neighbors", "less than or equal to 100"),
        ({"permutations": 10_000}, "permutations", "less than or equal to 9999"),
        ({"size_bands": [2000.0, 1000.0]}, "size_bands", "must rise"),
        ({"size_bands": []}, "size_bands", "at least 1"),
        ({"built_band_years": 1.5}, "built_band_years", "whole number"),
        ({"trim": "iqr2"}, "trim", "'none', 'iqr1.5' or 'iqr3'"),
        ({"bands": 1}, "bands", "size_bands"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(wrong, field, said):
    with pytest.raises(InvalidParameters) as refused:
        load_catalogue().check(STUDY, wrong)
    assert refused.value.field.split(".")[0] == field
    assert said in str(refused.value)


@few
@given(st.integers(20, 120), st.integers(0, 1000))
def test_the_order_of_the_records_does_not_show(ask, town, n, seed):
    sales = town(n, seed=seed)
    rounded = sales.with_columns(
        pl.col("latitude", "longitude").round(2), (pl.col("assessed_value") / 1e4).ceil() * 1e4
    )
    mixed = rounded.sample(fraction=1, shuffle=True, seed=seed)
    wanted = {"group_by": "zip_code", "min_cluster": 6, "neighbors": 2, "trim": "iqr1.5", **QUICK}
    split = pl.concat([mixed[:10], mixed[10:]], rechunk=False)
    assert file(ask(STUDY, rounded, **wanted)) == file(ask(STUDY, split, **wanted))


@pytest.mark.parametrize("factor", [0.25, 7.3])
def test_values_and_prices_scaled_together_change_dollars_only(ask, town, factor):
    sales = town(300)
    scaled = sales.with_columns(pl.col("sale_price", "assessed_value") * factor)
    dollars = ["value_low", "value_high", "price_per_sqft_median", "value_per_sqft_median"]
    one, other = (ask(STUDY, made, **QUICK, sale_filter={"min_price": 0}).rows for made in (sales, scaled))
    assert_frame_equal(one.drop(dollars), other.drop(dollars), rel_tol=1e-7, abs_tol=1e-9)
    assert_frame_equal(one.select(pl.col(dollars) * factor), other.select(dollars), rel_tol=1e-9)


def test_values_scaled_alone_move_levels_only(ask, town):
    sales = town(300)
    scaled = sales.with_columns(pl.col("assessed_value") * 0.7)
    levels = ["median", "median_ci_low", "median_ci_high", "value_per_sqft_median"]
    verdicts = ["median_verdict"]
    one, other = (ask(STUDY, made, **QUICK).rows for made in (sales, scaled))
    assert_frame_equal(one.drop(*levels, *verdicts), other.drop(*levels, *verdicts), rel_tol=1e-7, abs_tol=1e-9)
    assert_frame_equal(one.select(pl.col(levels) * 0.7), other.select(levels), rel_tol=1e-9)


@pytest.mark.parametrize("odd", [{"sale_price": 1.0}, {"assessed_value": None}, {"sale_date": date(2030, 1, 1)}])
def test_a_sale_that_is_not_used_changes_no_byte(ask, town, odd):
    sales = town(150)
    one = sales.head(1).with_columns(
        sale_id=pl.lit("odd"), **{name: pl.lit(value, sales.schema[name]) for name, value in odd.items()}
    )
    wanted = {"end_date": "2029-12-31", **QUICK}
    assert file(ask(STUDY, sales, **wanted)) == file(ask(STUDY, pl.concat([one, sales]), **wanted))
