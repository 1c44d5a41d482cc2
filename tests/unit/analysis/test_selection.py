from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis.facts import SHARED_NAME, Facts
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.names import _begin_alike, apart, plain
from terrafusion.analysis.parameters import SaleFilter, SharedParameters
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.selection import select

DAY = date(2014, 5, 1)
PROFILE = CountyProfile(validity_codes={"V": True, "X": False}, deed_types={"WD": True, "QC": False})


@pytest.fixture
def chosen(sales):
    def run(columns, profile=None, rules=None, **parameters):
        frame = sales(**{"sale_date": DAY, "sale_price": 100_000.0} | columns).with_columns(
            pl.lit("all").alias("group")
        )
        frame = Facts(frame.lazy()).beside(frame, [SHARED_NAME])
        wanted = SharedParameters(sale_filter=SaleFilter(**(rules or {})), **parameters)
        return select(frame, wanted, profile or CountyProfile(), groups=["zip_code"] if "zip_code" in columns else [])

    return run


def codes(selection):
    return [caution.code for caution in selection.warnings]


def test_a_hold_is_told_only_between_sales_whose_days_are_known(chosen):
    """Placeholder days lie 365 or 366 apart, or on one day: they tell nothing of how long a home was held."""
    days = [date(2014, 6, 25), date(2014, 7, 1), date(2014, 7, 1), date(2014, 7, 3), date(2015, 7, 1), date(2015, 7, 3)]
    given = {"parcel_number": "p", "sale_date": days, "year_only": [False, True, True, False, True, False]}
    briefly, long = (chosen(given, rules={"min_hold_days": least}) for least in (9, 366))
    assert briefly.excluded == {"held_too_briefly": 1}
    assert briefly.used["sale_date"].to_list() == [days[0], days[1], days[2], days[4], days[5]]
    assert long.excluded == {"held_too_briefly": 2}
    (said,) = (caution for caution in long.warnings if caution.code == "hold_unknown")
    assert said.message == "Of 3 sales only the year is known, so none of them was excluded as held too briefly"


def test_nothing_is_said_of_holds_that_are_known_or_not_asked_for(chosen):
    given = {"parcel_number": "p", "sale_date": [date(2014, 7, 1), date(2014, 7, 9)], "year_only": True}
    assert "hold_unknown" not in codes(chosen(given))
    assert "hold_unknown" not in codes(chosen(given | {"year_only": False}, rules={"min_hold_days": 9}))


def test_each_exclusion_has_the_first_reason_that_applies(chosen):
    found = chosen(
        {
            "zip_code": ["1", "1", "1", "1", None, "2", "1", "1"],
            "sale_price": [1e5, None, float("nan"), 9_999.0, 1e5, 1.0, -5.0, float("inf")],
        },
        zip_codes=["00001"],
    )
    assert found.excluded == {"missing_price": 4, "outside_zip_codes": 4}
    assert found.used.is_empty()


@pytest.mark.parametrize(
    ("columns", "asked", "said"),
    [
        (
            {"property_type": ["condo", "house", "house"]},
            {"property_types": ["houses"]},
            "No sale has property_type 'houses'; there are house, condo; did you mean house?",
        ),
        (
            {"zip_code": [f"{98100 + n}" for n in range(20)]},
            {"zip_codes": ["43617", "02134"]},
            "No sale has zip_code '02134', '43617'; there are "
            + ", ".join(map(str, range(98100, 98112)))
            + " and 8 more",
        ),
        (
            {"zip_code": ["98103", "98105"]},
            {"zip_codes": ["98104"]},
            "No sale has zip_code '98104'; there are 98103, 98105",
        ),
        (
            {"neighborhood": [None, None]},
            {"neighborhoods": ["North"]},
            "No sale has neighborhood 'North': nothing is recorded of it",
        ),
        (
            {"sale_date": [date(2014, 5, 2), date(2013, 1, 1), None]},
            {"start_year": 2100},
            "No sale is of a day from 2100-01-01; there are sales from 2013-01-01 to 2014-05-02",
        ),
    ],
)
def test_the_one_filter_that_leaves_nothing_is_told_with_what_there_is(chosen, columns, asked, said):
    found = chosen(columns, **asked)
    assert found.used.is_empty()
    (message,) = [caution.message for caution in found.warnings if caution.code == "filter_matches_nothing"]
    assert message == said


def test_filters_that_each_match_are_not_blamed(chosen):
    columns = {"zip_code": ["98103", "98104"], "property_type": ["condo", "house"]}
    found = chosen(columns, zip_codes=["98103"], property_types=["house"])
    assert found.used.is_empty()
    assert "filter_matches_nothing" not in codes(found)
    assert "filter_matches_nothing" not in codes(chosen(columns, zip_codes=["98103", "99999"]))


def test_missing_groups_and_low_prices(chosen):
    found = chosen({"zip_code": ["1", None, "1"], "sale_price": [10_000, 50_000, 9_999]})
    assert (found.read, found.used.height) == (3, 1)
    assert found.excluded == {"missing_zip_code": 1, "below_min_price": 1}


def test_dates_are_inclusive(chosen):
    days = [date(2014, 1, 1), date(2014, 1, 2), date(2014, 1, 3), date(2014, 1, 4), None]
    found = chosen({"sale_date": days}, start_date="2014-01-02", end_date="2014-01-03")
    assert found.used["sale_date"].to_list() == days[1:3]
    assert found.excluded == {"missing_date": 1, "outside_dates": 2}


def test_arms_length_by_the_countys_codes(chosen):
    found = chosen({"validity_code": ["V", "X", None, "?", "V"], "deed_type": ["WD", "WD", "QC", None, None]}, PROFILE)
    assert found.excluded == {"validity_code_not_arms_length": 1, "deed_type_not_arms_length": 1}
    assert codes(found) == ["validity_code_unmapped"]
    assert "1 sales" in found.warnings[0].message


def test_a_sale_to_oneself_is_not_arms_length(chosen):
    found = chosen({"buyer": ["Ann Lee", " ann LEE ", None, ""], "seller": ["Bob", "Ann Lee", None, ""]})
    assert found.excluded == {"buyer_is_seller": 1}
    assert codes(found) == []


@pytest.mark.parametrize(
    ("buyer", "seller"),
    [("O'BRIEN, KATE", "obrien kate"), ("JOSE GARCÍA", "Jose Garcia"), ("A & B Co.", "A AND B CO"), ("ÉVA Ő", "eva o")],
)
def test_a_sale_to_oneself_is_found_whatever_the_punctuation(chosen, buyer, seller):
    found = chosen({"buyer": [buyer, "Bob"], "seller": [seller, "Eva"], "sale_price": [1e5, 2e5]})
    assert (found.used["sale_price"].to_list(), found.excluded) == ([2e5], {"buyer_is_seller": 1})


def test_names_that_are_one_begin_alike():
    names = ["", " ", "A", "a", "'a", "Á", "ANN", "ann", "B", "Z", "[", "{", "@", "ß", "SS", "ss", "é", "E", "1", ",Z"]
    pairs = pl.DataFrame([(one, other) for one in names for other in names], schema=["buyer", "seller"], orient="row")
    told = plain(pairs).select(apart(pl.all()))
    one, alike = told.select((pl.col("buyer") == pl.col("seller")).arg_true())["buyer"], _begin_alike(pairs)
    assert set(one) <= set(alike)
    assert one.len() > len(names)
    assert pairs[alike].filter(buyer="ANN")["seller"].to_list() == [*names[:7], "ann", *names[10:14], "é", "1", ",Z"]


def test_of_what_decided_it_keeps_whether_it_is_known(chosen):
    found = chosen({"buyer": ["Ann", None], "seller": ["Bob", "Eva"], "deed_type": [None, "WD"]}, PROFILE)
    assert [found.used[name].to_list() for name in ("buyer", "deed_type")] == [[True, None], [None, True]]
    assert found.recorded.to_list() == [DAY, DAY]


@pytest.mark.parametrize("name", ["Unknown", "REDACTED", "T B D", "Not available", "OWNER OF RECORD", "Confidential"])
def test_where_no_name_is_known_nobody_sold_to_oneself(chosen, name):
    assert chosen({"buyer": [name, "Bob"], "seller": [name, "Eva"]}).excluded == {}


def test_a_name_of_too_many_sales_to_oneself_is_none(chosen):
    def found(times, of):
        other = [f"Buyer {sale}" for sale in range(of - times)]
        names = ["As on file"] * times
        return chosen({"buyer": [*names, *other], "seller": [*names, *("Eva" for _ in other)]})

    assert (found(10, 20).excluded, codes(found(10, 20))) == ({}, ["names_of_nobody"])
    assert found(9, 20).excluded == {"buyer_is_seller": 9}
    assert (found(10, 1_000).excluded, codes(found(10, 1_000))) == ({"buyer_is_seller": 10}, [])
    assert "In 10 sales buyer and seller are both called AS ON FILE" in found(10, 20).warnings[0].message


def test_where_nothing_tells_arms_length_it_says_so(chosen):
    found = chosen({"validity_code": ["X", "V"]})
    assert (found.excluded, codes(found)) == ({}, ["arms_length_unknown"])
    assert codes(chosen({"validity_code": ["X"]}, rules={"arms_length_only": False})) == []


def test_multi_parcel_deeds_and_codes(chosen):
    columns = {"parcels_in_deed": [1, 2, None], "deed_type": ["A", "B", "C"]}
    found = chosen(columns, rules={"exclude_multi_parcel": True, "exclude_codes": ["C"], "arms_length_only": False})
    assert found.excluded == {"multi_parcel": 1, "excluded_code": 1}
    assert "multi_parcel_unknown" in codes(chosen({"deed_type": ["A"]}, rules={"exclude_multi_parcel": True}))


def test_hold_days_count_from_the_parcels_earlier_day(chosen):
    days = [date(2014, 1, 1), date(2014, 1, 1), date(2014, 3, 2), date(2014, 6, 1), date(2014, 1, 2)]
    found = chosen({"sale_date": days, "parcel_number": ["a", "a", "a", "a", "b"]}, rules={"min_hold_days": 90})
    assert found.excluded == {"held_too_briefly": 1}


@pytest.mark.parametrize("method", ["iqr", "group_z", "quantile"])
def test_outliers_go_up_to_the_allowed_share(chosen, method):
    prices = [100_000.0 + 10 * place for place in range(58)] + [9e6, 1e7]
    found = chosen({"sale_price": prices}, rules={"outlier_method": method, "max_trim_fraction": 0.034})
    assert found.used["sale_price"].max() < 1e6
    assert found.excluded["outlier"] == 2
    capped = chosen({"sale_price": prices}, rules={"outlier_method": "iqr", "max_trim_fraction": 0.02})
    assert capped.used["sale_price"].max() == 9e6
    assert "trim_capped" in codes(capped)


def test_small_groups_are_not_trimmed_and_equal_prices_are_no_outliers(chosen):
    small = chosen({"sale_price": [100_000.0] * 28 + [9e9]}, rules={"outlier_method": "iqr"})
    assert (small.excluded, "outliers_not_trimmed" in codes(small)) == ({}, True)
    assert chosen({"sale_price": [123_456.0] * 100}, rules={"outlier_method": "group_z"}).excluded == {}


SALES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.dates(date(2013, 12, 1), date(2014, 2, 1))),
        st.one_of(st.none(), st.floats(allow_nan=True), st.floats(5_000, 500_000)),
        st.sampled_from(["V", "X", "?", None]),
        st.sampled_from(["p", "q"]),
        st.sampled_from([True, False, None]),
    ),
    max_size=60,
)


@given(SALES, st.sampled_from(["none", "iqr", "group_z", "quantile"]))
def test_used_and_excluded_are_what_was_read(made, method):
    names = ["sale_date", "sale_price", "validity_code", "parcel_number", "year_only"]
    frame = pl.DataFrame(made, schema={name: SALES_SCHEMA[name] for name in names}, orient="row").with_columns(
        pl.lit(None, pl.String).alias("deed_type"),
        pl.lit(None, pl.String).alias("buyer"),
        pl.lit(None, pl.String).alias("seller"),
        pl.lit("all").alias("group"),
    )
    rules = SaleFilter(outlier_method=method, outlier_multiplier=1.0, min_hold_days=30)
    found = select(frame, SharedParameters(start_date=date(2014, 1, 1), sale_filter=rules), PROFILE, groups=[])
    assert found.used.height + sum(found.excluded.values()) == found.read == len(made)


@pytest.mark.parametrize(
    ("day", "code", "said", "bound"),
    [
        (date(2031, 1, 1), "after_a_long_pause", "2031-01-01 or later", {"end_date": "2031-12-31"}),
        (date(1900, 1, 1), "before_a_long_pause", "1900-01-01 or earlier", {"start_date": "1900-01-01"}),
    ],
)
@pytest.mark.parametrize("kind", ["trend_analysis", "sales_velocity", "price_index", "time_adjustment"])
def test_a_sale_beyond_a_long_pause_changes_no_answer_and_is_told(ask, sales, kind, day, code, said, bound):
    days = [date(2012, 1, 1) + timedelta(days=3 * number) for number in range(300)]
    prices = [100_000.0 + 500 * number for number in range(300)]
    parcels = [f"p{number % 120}" for number in range(300)]
    sizes = [1_000.0 + 7 * (number % 40) for number in range(301)]
    given = {"sale_price": [*prices, 1e6], "parcel_number": [*parcels, "x"], "building_size_sqft": sizes}
    stray = sales(sale_date=[*days, day], **given)
    sound = sales(sale_date=days, **{name: values[:300] for name, values in given.items()})
    told, asked = ask(kind, stray), ask(kind, sound)
    assert told.data_quality["excluded"] == {code: 1}
    assert f"1 of 301 sales is dated {said}" in next(c.message for c in told.warnings if c.code == code)
    assert told.summary["key_finding"] == asked.summary["key_finding"]
    assert told.table.equals(asked.table)
    kept = ask(kind, stray, **bound)
    assert kept.data_quality["excluded"] == {}


@pytest.mark.parametrize(
    "kind", ["ratio_study", "equity_study", "price_distribution", "price_per_sqft", "coverage_report"]
)
@pytest.mark.parametrize(
    ("day", "code", "bound"),
    [(date(2031, 1, 1), "after_a_long_pause", "end_date"), (date(1900, 1, 1), "before_a_long_pause", "start_date")],
)
def test_an_answer_that_lays_out_no_span_uses_sales_beyond_a_long_pause_and_tells_of_them(
    ask, sales, kind, day, code, bound
):
    days = [date(2012, 1, 1) + timedelta(days=3 * number) for number in range(300)]
    stray = sales(
        sale_date=[*days, day],
        sale_price=[100_000.0 + 500 * number for number in range(301)],
        assessed_value=[95_000.0 + 450 * number for number in range(301)],
        building_size_sqft=[1_000.0 + 7 * (number % 40) for number in range(301)],
    )
    told = ask(kind, stray)
    assert (told.data_quality["used"], told.data_quality["excluded"]) == (301, {})
    (message,) = (caution.message for caution in told.warnings if caution.code == code)
    assert message.startswith("1 of 301 sales is dated ")
    assert message.endswith(
        f", and used all the same, but for slopes and indices of time; {'an' if bound == 'end_date' else 'a'} {bound} can leave them out"
    )
