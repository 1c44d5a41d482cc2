import io
import json
import re
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.metrics import adjusted_rand_score

from terrafusion.analysis.api import Records
from terrafusion.analysis.areas.tables import SCHEMA
from terrafusion.analysis.document import render
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters

KIND = "comparable_market_area"
PART = np.arange(18) % 6 // 2
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file(answer):
    return render(answer).sha256


def codes(answer):
    return {caution.code for caution in answer.warnings}


def areas_of(answer):
    return answer.rows.filter(record="area").sort("area")


@pytest.mark.parametrize("seed", range(8))
def test_planted_market_areas_are_found(ask, county, seed):
    found = areas_of(ask(KIND, county(100, seed=seed), n_areas=3))
    assert adjusted_rand_score(PART, found["market_area"]) == 1


def test_planted_market_areas_of_neighborhoods_are_found_and_judged_against_zips(ask, county):
    answer = ask(KIND, county(60), unit="neighborhood", n_areas=3)
    found = areas_of(answer)
    assert found.height == 36
    assert adjusted_rand_score(np.repeat(PART, 2), found["market_area"]) == 1
    told = {row["measure"]: row for row in answer.summary["within"]}
    assert (told["quality"]["market_areas"], told["quality"]["zip_codes"]) == (3, 18)
    assert told["quality"]["ratio"] == pytest.approx(1, abs=0.03)


def test_areas_that_do_not_differ_are_not_said_to(ask, county):
    answer = ask(KIND, county(apart=0.0), n_areas=3)
    told = {row["measure"]: row for row in answer.summary["within"]}
    assert told["quality"]["ratio_ci_low"] < 1.005
    assert told["quality"]["f_p"] > 0.001
    assert areas_of(answer)["level_pct"].abs().max() < 20


def test_the_market_areas_hold_their_areas(ask, county):
    answer = ask(KIND, county(), n_areas=4)
    areas, joined = areas_of(answer), answer.rows.filter(record="market_area")
    assert joined["market_area"].to_list() == [1, 2, 3, 4]
    assert (
        joined["n"].to_list() == areas.group_by("market_area").agg(pl.col("n").sum()).sort("market_area")["n"].to_list()
    )
    assert joined["areas"].sum() == 18
    assert sorted(", ".join(joined["members"]).split(", ")) == areas["area"].to_list()
    assert joined["n"].sum() == answer.summary["data_points_analyzed"] == 720
    weighted = sum(
        areas.filter(market_area=1).select(pl.col("observations") * (1 + pl.col("level_pct") / 100).log()).to_series()
    )
    own = joined.row(0, named=True)
    assert np.log1p(own["level_pct"] / 100) == pytest.approx(weighted / own["observations"])
    assert own["level_pct_ci_low"] < own["level_pct"] < own["level_pct_ci_high"]
    assert "18 ZIP codes are joined into 4 market areas" in answer.summary["key_finding"]


def test_market_areas_come_before_the_areas_and_so_into_the_document(ask, county):
    found = ask(KIND, county(), n_areas=3).rows["record"].to_list()
    assert found == ["market_area"] * 3 + ["area"] * 18


def test_more_areas_than_memory_is_for_are_refused(ask, county, monkeypatch):
    monkeypatch.setattr("terrafusion.analysis.areas.answer._MOST", 17)
    with pytest.raises(InvalidParameters, match="18 have enough sales to compare; allowed is a selection of 17"):
        ask(KIND, county(), n_areas=3)


def test_of_a_cell_without_sales_no_path_is_told(ask, county):
    sales = county().filter((pl.col("zip_code") != "43600") | (pl.col("sale_date").dt.year() != 2011))
    told = ask(KIND, sales, n_areas=3).table.filter(record="path", area="43600")
    names = ["deviation_pct", "deviation_pct_ci_low", "deviation_pct_ci_high"]
    assert told.filter(period="2011").select("observations", *names).row(0) == (0, None, None, None)
    assert told.filter(pl.col("period") != "2011").select(names).null_count().row(0) == (0, 0, 0)


def test_the_areas_most_like_one_are_those_of_its_part(ask, county):
    answer = ask(KIND, county(), subject_area="43600", top_n=5)
    rows = answer.rows
    assert rows["rank"].to_list() == [0, 1, 2, 3, 4, 5]
    assert rows["area"][0] == "43600"
    assert set(rows["area"]) == {"43600", "43601", "43606", "43607", "43612", "43613"}
    assert rows["similarity"][0] == 1
    assert rows["similarity"].is_sorted(descending=True)
    assert rows["similarity"].is_between(0, 1).all()
    apart = rows.select(pl.sum_horizontal(pl.col("^.*_distance$") ** 2)).to_series()
    assert rows["similarity"].to_list() == pytest.approx(np.exp(-apart / 2).to_list())
    assert answer.summary["most_alike"][0] == {"area": rows["area"][1], "similarity": rows["similarity"][1]}
    assert f"{rows['area'][1]} ({rows['similarity'][1]:.2f})" in answer.summary["key_finding"]
    ranked = answer.table.filter(pl.col("rank").is_not_null())
    assert ranked["rank"].to_list() == list(range(18))
    assert ask(KIND, county(), subject_area="43600-1234", top_n=5).rows.equals(rows)


def test_weights_say_what_counts(ask, county):
    by_place = ask(
        KIND,
        county(),
        subject_area="43600",
        top_n=2,
        feature_weights=dict.fromkeys(("level", "growth", "unit_price", "activity", "mix"), 0.0),
    )
    assert by_place.summary["features"] == {"location": 1.0}
    assert by_place.rows["area"].to_list()[:1] + sorted(by_place.rows["area"][1:]) == ["43600", "43601", "43606"]
    assert by_place.rows["level_distance"].null_count() == 3


def test_levels_growth_and_paths_are_those_of_the_county(ask, county):
    answer = ask(KIND, county(120), n_areas=3)
    found = areas_of(answer)
    levels = np.log1p(found["level_pct"].to_numpy() / 100)
    truth = 0.25 * PART + (0.03 + 0.04 * PART) * 2
    assert levels - levels.mean() == pytest.approx(truth - truth.mean(), abs=0.05)
    assert np.log1p(found["growth_pct_a_year"].to_numpy() / 100) == pytest.approx(0.03 + 0.04 * PART, abs=0.03)
    assert answer.summary["county_growth_pct_a_year"] == pytest.approx(7.2, abs=1)
    for name in ("level_pct", "growth_pct_a_year", "median_price_per_sqft"):
        assert (found[f"{name}_ci_low"] < found[name]).all()
        assert (found[name] < found[f"{name}_ci_high"]).all()
    paths = answer.table.filter(record="path")
    assert paths.height == 18 * 4
    assert paths["period"].unique().sort().to_list() == ["2010", "2011", "2012", "2013"]
    assert paths["observations"].sum() == 18 * 120
    last = paths.filter(period="2013").sort("area")["deviation_pct"].to_numpy()
    assert last[PART == 2].mean() > 1 > -1 > last[PART == 0].mean()
    price = county(120).filter(zip_code="43605").select(pl.col("sale_price") / pl.col("building_size_sqft")).to_series()
    assert found.filter(area="43605")["median_price_per_sqft"].item() == pytest.approx(price.median())


def test_turnover_is_of_the_parcels_of_the_roll(county):
    sales = county()
    parcels = {
        "parcel_number": [f"p{one}" for one in range(3600)],
        "zip_code": [f"43{600 + one % 18}" for one in range(3600)],
    }
    roll = pl.DataFrame(parcels).select(
        pl.col(name).cast(kind) if name in parcels else pl.lit(None, kind).alias(name)
        for name, kind in PROPERTIES_SCHEMA.items()
    )
    catalogue = load_catalogue()
    records = Records("here", "v1", sales.lazy(), properties=roll.lazy())
    answer = catalogue.get(KIND).compute(records, catalogue.check(KIND, {"n_areas": 3}), lambda *_: None)
    found = areas_of(answer)
    assert set(found["parcels"]) == {200}
    assert found["turnover_pct"].to_list() == pytest.approx((found["sales_a_year"] / 2).to_list())
    assert "turnover_unknown" not in codes(answer)


def test_thin_areas_are_flagged_and_go_to_the_nearest(ask, county):
    sales = county()
    one = sales.filter(zip_code="43605").head(4).with_columns(zip_code=pl.lit("43699"))
    nowhere = one.with_columns(pl.lit(None, pl.Float64).alias("latitude"), zip_code=pl.lit("43698"))
    answer = ask(KIND, pl.concat([sales, one, nowhere]), n_areas=3)
    found = areas_of(answer)
    thin = found.filter("thin")
    assert thin["area"].to_list() == ["43698", "43699"]
    near = found.filter(area="43605")["market_area"].item()
    assert thin["market_area"].to_list() == [None, near]
    assert thin["n"].to_list() == [4, 4]
    assert thin.select("level_pct", "growth_pct_a_year", "median_price_per_sqft", "mean_year_built").null_count().row(
        0
    ) == (2, 2, 2, 2)
    assert "areas_thin" in codes(answer)
    assert_frame_equal(
        found.filter(~pl.col("thin"))["market_area"].to_frame(),
        areas_of(ask(KIND, sales, n_areas=3))["market_area"].to_frame(),
    )
    subject = ask(KIND, pl.concat([sales, one]), subject_area="43605")
    assert "43699" not in subject.rows["area"]
    assert "43699" in subject.table["area"]


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [
        (("latitude", "longitude"), {"location"}),
        (("building_size_sqft",), {"unit_price"}),
        (("building_size_sqft", "year_built"), {"unit_price", "mix"}),
    ],
)
def test_what_the_records_lack_is_left_out_and_told(ask, bare, missing, left_out):
    answer = ask(KIND, bare(*missing), n_areas=3)
    assert {"level", "growth", "unit_price", "activity", "mix", "location"} - set(
        answer.summary["features"]
    ) == left_out
    told = [caution.message for caution in answer.warnings if caution.code == "feature_left_out"]
    assert len(told) == len(left_out)
    assert ("quality_not_held_constant" in codes(answer)) == ("mix" in left_out)
    assert set(areas_of(answer)["market_area"]) == {1, 2, 3}


def test_a_unit_that_is_not_recorded_is_refused(ask, bare):
    with pytest.raises(InvalidParameters, match="no neighborhood; allowed is zip") as refused:
        ask(KIND, bare("neighborhood"), unit="neighborhood", n_areas=2)
    assert refused.value.field == "unit"
    with pytest.raises(InvalidParameters, match="no zip_code; allowed is neighborhood"):
        ask(KIND, bare("zip_code"), n_areas=2)
    answer = ask(KIND, bare("zip_code", each=60), unit="neighborhood", n_areas=3)
    assert answer.summary["within"] == []
    assert answer.summary["key_finding"].endswith("are joined into 3 market areas.")


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"n_areas": 19}, "n_areas", "18 of 18 areas have 10 or more sales to compare; allowed is 2 to 18"),
        ({"n_areas": 3, "min_sales": 41}, None, "0 have 41 or more"),
        ({"subject_area": "99999"}, "subject_area", "has no sale that is selected"),
        (
            {
                "subject_area": "43600",
                "feature_weights": dict.fromkeys(("level", "growth", "unit_price", "mix", "activity", "location"), 0.0),
            },
            "feature_weights",
            "above 0",
        ),
    ],
)
def test_what_only_the_records_can_refuse(ask, county, asked, field, said):
    if field is None:
        assert said in ask(KIND, county(), **asked).summary["key_finding"]
        return
    with pytest.raises(InvalidParameters, match=said) as refused:
        ask(KIND, county(), **asked)
    assert refused.value.field == field


def test_a_thin_subject_says_how_many_sales_it_has_and_needs(ask, county):
    sales = county().filter((pl.col("zip_code") != "43600") | (pl.col("sale_date") < date(2010, 4, 1)))
    n = sales.filter(zip_code="43600").height
    with pytest.raises(InvalidParameters, match=f"which has {n} sales; allowed is an area with 10 or more"):
        ask(KIND, sales, subject_area="43600")


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({}, "n_areas", "must be given where subject_area is not"),
        ({"n_areas": 3, "subject_area": "43600"}, "n_areas", "must not stand beside subject_area"),
        ({"n_areas": 3, "top_n": 4}, "top_n", "belongs to subject_area"),
        ({"n_areas": 1}, "n_areas", "greater than or equal to 2"),
        ({"n_areas": 1001}, "n_areas", "less than or equal to 1000"),
        ({"subject_area": "43600", "top_n": 0}, "top_n", "greater than or equal to 1"),
        ({"subject_area": "4360"}, "subject_area", "five digits"),
        ({"n_areas": 3, "unit": "tract"}, "unit", "'zip' or 'neighborhood'"),
        ({"n_areas": 3, "neighbors": 0}, "neighbors", "greater than or equal to 1"),
        ({"n_areas": 3, "feature_weights": {"level": -1.0}}, "feature_weights.level", "greater than or equal to 0"),
        ({"n_areas": 3, "feature_weights": {"view": 1.0}}, "feature_weights.view", "'level'"),
        ({"n_areas": 3, "group_by": "zip_code"}, "group_by.0", "'county'"),
        ({"n_areas": 3, "areas": 3}, "areas", "n_areas"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(wrong, field, said):
    with pytest.raises(InvalidParameters) as refused:
        load_catalogue().check(KIND, wrong)
    assert refused.value.field == field
    assert said in str(refused.value)


def test_an_empty_selection_and_too_few_sales_are_answers_of_the_same_shape(ask, county):
    sales = county()
    empty = ask(KIND, sales, n_areas=3, start_year=2100)
    assert (empty.rows.height, empty.summary["data_points_analyzed"]) == (0, 0)
    assert "no sales" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": 720}
    few_sales = ask(KIND, sales.head(9), subject_area="43600")
    assert "two are needed to compare" in few_sales.summary["key_finding"]
    few_in_each = ask(KIND, sales.filter(pl.col("zip_code") < "43603")[::3].head(36), subject_area="43600", min_sales=5)
    said = re.search(
        r"or more; these (\d+) sales are too few to compare them, (\d+) are needed", few_in_each.summary["key_finding"]
    )
    assert said
    assert int(said[1]) <= 36 < int(said[2])
    assert few_sales.rows["n"].sum() == 9
    assert ask(KIND, sales.clear(), n_areas=3).data_quality["read"] == 0
    one = ask(KIND, sales.filter(zip_code="43600"), n_areas=2)
    assert "in 1 ZIP code, of which 1 has 10 or more" in one.summary["key_finding"]
    for answer in (empty, few_sales, one, ask(KIND, sales, n_areas=3), ask(KIND, sales, subject_area="43600")):
        assert answer.rows.schema == answer.table.schema == pl.Schema(SCHEMA)
        rendered = render(answer)
        assert pl.read_parquet(io.BytesIO(rendered.parquet)).equals(answer.table)
        json.dumps(rendered.document, allow_nan=False)


def test_one_period_and_equal_prices(ask, county):
    short = ask(KIND, county(years=1).filter(pl.col("sale_date").dt.year() == 2010), n_areas=3)
    assert "growth" not in short.summary["features"]
    assert short.summary["county_growth_pct_a_year"] is None
    flat = ask(KIND, county().with_columns(sale_price=pl.lit(250_000.0)), n_areas=3)
    assert [row["ratio"] for row in flat.summary["within"]] == [None, None]
    assert areas_of(flat)["level_pct"].abs().max() < 1e-6


def test_two_areas_are_enough(ask, county):
    two = county().filter(pl.col("zip_code").is_in(["43600", "43605"]))
    assert areas_of(ask(KIND, two, n_areas=2))["market_area"].to_list() == [1, 2]
    alone = ask(KIND, two, subject_area="43605")
    assert "the ZIP code most like 43605 is 43600 (" in alone.summary["key_finding"]


def test_sales_of_which_only_the_year_is_known_are_told(ask, county):
    answer = ask(KIND, county(year_only=[True] * 720), n_areas=3)
    assert "year_only" in codes(answer)
    with pytest.raises(InvalidParameters, match="period is 'quarter'"):
        ask(KIND, county(year_only=[True] * 720), n_areas=3, period="quarter")


@few
@given(st.integers(0, 1000), st.sampled_from([{"n_areas": 4}, {"subject_area": "43607"}]))
def test_the_order_of_the_records_does_not_show(ask, county, seed, asked):
    sales = county(25, seed=seed).with_columns(pl.col("latitude", "longitude").round(2))
    mixed = sales.sample(fraction=1, shuffle=True, seed=seed)
    split = pl.concat([mixed[:100], mixed[100:]], rechunk=False)
    assert file(ask(KIND, sales, **asked)) == file(ask(KIND, split, **asked))


def test_prices_scaled_change_dollars_only(ask, county):
    sales = county()
    one, other = (
        ask(KIND, sales.with_columns(pl.col("sale_price") * factor), subject_area="43600").rows for factor in (1, 3.7)
    )
    dollars = pl.col("^median_price_per_sqft.*$")
    assert_frame_equal(one.select(dollars * 3.7), other.select(dollars), rel_tol=1e-9)
    assert_frame_equal(
        one.select(pl.exclude("^median_price_per_sqft.*$")),
        other.select(pl.exclude("^median_price_per_sqft.*$")),
        rel_tol=1e-6,
        abs_tol=1e-9,
    )


@pytest.mark.parametrize("odd", [{"sale_price": 1.0}, {"zip_code": None}, {"sale_date": date(2030, 1, 1)}])
def test_a_sale_that_is_not_used_changes_no_byte(ask, county, odd):
    sales = county(25)
    one = sales.head(1).with_columns(
        sale_id=pl.lit("odd"), **{name: pl.lit(value, sales.schema[name]) for name, value in odd.items()}
    )
    wanted = {"end_date": "2029-12-31", "n_areas": 3}
    assert file(ask(KIND, sales, **wanted)) == file(ask(KIND, pl.concat([one, sales]), **wanted))
