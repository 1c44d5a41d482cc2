"""Each reason, its bounds, the order of reasons, and the decisions of people."""

import hashlib
import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.profile import CountyProfile, SaleOverride
from terrafusion.analysis.validation import parties, words
from terrafusion.analysis.validation.reasons import CODES, REASONS


def reasons(told, sale_id="0"):
    return told[sale_id]["reason_codes"]


def test_codes_that_the_county_maps_decide(market, judge):
    profile = CountyProfile(validity_codes={"Q": True, "U": False}, deed_types={"WD": True, "QC": False})
    told = judge(market(3, validity_code=["U", "Q", None], deed_type=["WD", "QC", "Quit Claim"]), profile)
    assert [reasons(told, name) for name in "012"] == [
        ["validity_code_not_arms_length"],
        ["deed_type_not_arms_length"],
        ["deed_not_market"],
    ]
    assert not any(row["valid"] for row in told.values())


def test_codes_that_the_county_does_not_map_are_told_and_decide_nothing(market, ask):
    answer = ask("sale_validation", market(2, validity_code=["Q", "?"]), CountyProfile(validity_codes={"Q": True}))
    assert answer.table["valid"].all()
    assert "validity_code_unmapped" in {caution.code for caution in answer.warnings}


def test_the_countys_map_wins_over_the_name_of_a_deed(market, judge):
    profile = CountyProfile(deed_types={"Quit Claim Deed": True})
    given = market(2, deed_type=["Quit Claim Deed", "Sheriff's Deed"])
    assert reasons(judge(given, profile), "0") == []
    assert reasons(judge(given, profile), "1") == ["deed_not_market"]
    assert reasons(judge(given), "0") == ["deed_not_market"]


@pytest.mark.parametrize(
    ("name", "sells"),
    [
        ("Warranty Deed", True),
        ("Special Warranty", True),
        ("Trustee's Deed", True),
        ("Trustee's Deed Upon Sale", False),
        ("REFEREE'S DEED", False),
        ("Treasurer's Deed", False),
        ("TAX COLLECTOR DEED", False),
        ("Judicial Sale Deed", False),
        ("Court Order", False),
        ("Commissioner's Deed", False),
        ("Executrix Deed", False),
        ("INTERSPOUSAL TRANSFER", False),
        ("Corrected Warranty", False),
        ("Bargain and Sale Deed", True),
        ("Quit-Claim Deed", False),
        ("QUITCLAIM", False),
        ("Tax Deed", False),
        ("Executor's Deed", False),
        ("Deed in Lieu of Foreclosure", False),
        ("CERTIFICATE OF TRANSFER", False),
        ("Correction Deed", False),
        ("Q C D", False),
        ("Q.C.", False),
        ("Q/C Deed", False),
        ("MASTER'S DEED", False),
        ("Master in Equity Deed", False),
        ("Non-Warranty Deed", False),
        ("Fiduciary Deed", False),
        ("Deed of Distribution", False),
        ("Receiver\u2019s Deed", False),
        ("TOD Deed", False),
        ("Confirmatory Deed", False),
        ("Survivorship Deed", True),
        ("Limited Warranty Deed", True),
        ("Grant Deed", True),
    ],
)
def test_names_of_deeds(name, sells):
    assert parties.market_deeds(pl.Series([name])) == {name: sells}


PARTIES = [
    ("John Smith", "JOHN  SMITH", ["buyer_is_seller"]),
    ("Jane O'Neil", "JANE ONEIL", ["buyer_is_seller"]),
    ("SMITH, JOHN", "Smith, Mary", ["family_sale"]),
    ("DE LA CRUZ, ANA", "DELACRUZ, PABLO", ["family_sale"]),
    ("GARCÍA, JOSE", "GARCIA, ANA", ["family_sale"]),
    ("ZAJAC, EVA", "ZAJAC, ADAM TRUSTEE", ["family_sale", "non_person"]),
    ("VAN DYKE, PAUL", "VAN BUREN, CARL", []),
    ("SMITH, JOHN", "Mary Smith", ["like_names"]),
    ("SMITH JOHN", "SMITH MARY", ["like_names"]),
    ("John & Mary Smith", "Adam Smith Jr.", ["like_names"]),
    ("SMITH JR JOHN", "JOHN A SMITH", ["like_names"]),
    ("SMITH III JOHN", "JOHN A SMITH JR", ["like_names"]),
    ("Marge Simpson", "Homer J Simpson and Bart Baz", ["like_names"]),
    ("The Zajac Family Trust", "Eva Zajac", ["like_names", "non_person"]),
    ("JOSE GARCÍA", "ANA GARCIA", ["like_names"]),
    ("BRITTANY JONES", "BRITTANY SMITH", ["like_names"]),
    ("WEI CHEN", "WEI LI", ["like_names"]),
    ("SMITH JOHN", "JOHN SMITH", ["like_names"]),
    ("SMITH AB", "AB SMITH", ["like_names"]),
    ("THOMAS JAMES", "JAMES THOMAS", ["like_names"]),
    ("DE LA CRUZ ANA", "ANA DE LA CRUZ", ["like_names"]),
    ("JOHN A SMITH", "SMITH JOHN", ["like_names"]),
    ("SMITH JOHN & MARY", "JOHN SMITH TR", ["like_names", "non_person"]),
    ("ROBERT JOHNSON TTEE", "JOHNSON ROBERT", ["like_names", "non_person"]),
    ("The Robert Johnson Family Trust", "JOHNSON ROBERT", ["like_names", "non_person"]),
    ("JOHNSON FAMILY TRUST", "JOHNSON ROBERT", ["like_names", "non_person"]),
    ("THOMAS JAMES A", "THOMAS JAMES", ["like_names"]),
    ("JOHN DAVID SMITH", "JOHN DAVID BROWN", []),
    ("MARIA ZAJAC TR", "ANDREA NOWAK TR", ["non_person"]),
    ("ACME HOMES LLC", "HOMES ACME LLC", ["non_person"]),
    ("VAN DYKE PAUL", "VAN BUREN CARL", []),
    ("DE LA CRUZ ANA", "DE LEON PABLO", []),
    ("ST JOHN MARY", "ST CLAIR ROBERT", []),
    ("MC DONALD JAMES", "MC NEIL JAMES", []),
    ("FIRST AMERICAN TRUST", "FIRST MIDWEST TRUST", ["non_person"]),
    ("Redacted", "REDACTED", []),
    ("Owner of record", "OWNER OF RECORD", []),
    ("John Smith", "John Brown", []),
    ("SMITH JOHN", "BROWN JOHN", []),
    ("J", "J X", []),
    ("Frank Church", "Ann Banks", []),
    ("Loan Nguyen", "Charity Jones", []),
    ("Unknown", "unknown", []),
    (None, None, []),
    ("", "", []),
    ("Wells Fargo Bank, N.A.", "Eva Zajac", ["financial_party"]),
    ("Eva Zajac", "Federal National Mortgage Association", ["government_party", "financial_party", "non_person"]),
    ("City of Toledo", "Eva Zajac", ["government_party"]),
    ("LUCAS COUNTY", "Eva Zajac", ["government_party"]),
    ("Toledo City", "Eva Zajac", ["government_party"]),
    ("Sylvania Township", "Eva Zajac", ["government_party"]),
    ("Ottawa Hills Village", "Eva Zajac", ["government_party"]),
    ("Veterans Administration", "Eva Zajac", ["government_party"]),
    ("COUNTY LINE HOMES LLC", "Eva Zajac", ["non_person"]),
    ("City Lights, Inc.", "Village Green LLC", ["non_person"]),
    ("PARTY CITY", "Eva Zajac", []),
    ("Leisure Village", "Eva Zajac", []),
    ("COUNTY SEAT SALOON LLC", "TOWN & COUNTRY HOMES INC", ["non_person"]),
    ("STATE OF MIND LLC", "Eva Zajac", ["non_person"]),
    ("USA Homes, Inc.", "Eva Zajac", ["non_person"]),
    ("CITY OF SEATTLE, A MUNICIPAL CORPORATION", "Eva Zajac", ["government_party", "non_person"]),
    ("CITY OF ATLANTA LAND BANK AUTHORITY INC", "Eva Zajac", ["government_party", "financial_party", "non_person"]),
    ("St. Mary's Church", "Eva Zajac", ["charitable_party"]),
    ("ST CLAIR FRANK", "Ann Church", []),
    ("Lucas County Sheriff", "Eva Zajac", ["court_party"]),
    ("First Baptist Church", "Eva Zajac", ["charitable_party"]),
    ("Eva Zajac", "Estate of Adam Nowak", ["estate_party"]),
    ("Acme Homes, L.L.C.", "Eva Zajac", ["non_person"]),
    ("Doug Bank", "Eva Zajac", []),
    ("BANK, DOUGLAS J. JR", "Eva Zajac", []),
    ("Doug & Mary Bank", "Eva Zajac", []),
    ("BANK JOHN", "BANK MARY", ["like_names"]),
    ("BANK, JOHN", "BANK, MARY", ["family_sale"]),
    ("John Sheriff", "Mary College", []),
    ("Chase Bank", "Eva Zajac", ["financial_party"]),
    ("Howard Bank", "Eva Zajac", ["financial_party"]),
    ("Wayne Bank", "Eva Zajac", ["financial_party"]),
    ("Frost Bank", "Eva Zajac", ["financial_party"]),
    ("John Deere Bank", "Eva Zajac", ["financial_party"]),
    ("Bank of Ann Arbor", "Eva Zajac", ["financial_party"]),
    ("James Bank FSB", "Eva Zajac", ["financial_party"]),
    ("CITIBANK N.A.", "Eva Zajac", ["financial_party"]),
    ("FHLMC", "Eva Zajac", ["government_party"]),
    ("Sheriff John Smith", "Eva Zajac", ["court_party"]),
    ("John Smith Sheriff", "Eva Zajac", ["court_party"]),
    ("John Carroll University", "Eva Zajac", ["charitable_party"]),
    ("Master in Equity", "Eva Zajac", ["court_party"]),
    ("DOUG SMITH", "DOUG JONES", []),
    ("Acme Homes LLC", "Acme Holdings Inc", ["non_person"]),
]


@pytest.mark.parametrize(("buyer", "seller", "wanted"), PARTIES)
def test_names_of_parties(market, judge, buyer, seller, wanted):
    given = market(2, buyer=[buyer, "Zoe Yilmaz"], seller=[seller, "Uma Virtanen"])
    told = judge(given)
    assert reasons(told) == wanted
    assert told["0"]["valid"] == (not set(wanted) - {"family_sale", "like_names", "non_person"})
    assert reasons(told, "1") == []


def test_a_name_of_too_many_sales_to_oneself_is_none_whatever_was_asked(market, ask):
    given = market(40, buyer=["On file"] * 12 + ["Zoe Yilmaz"] * 28, seller=["On file"] * 12 + ["Uma Virtanen"] * 28)
    for asked in ({}, {"start_date": "2014-01-20"}):
        answer = ask("sale_validation", given, checks=["same_party"], **asked)
        assert answer.table["valid"].all()
        assert "names_of_nobody" in {caution.code for caution in answer.warnings}


def test_a_company_supports_and_decides_only_where_asked(market, judge):
    given = market(2, buyer=["Acme LLC", "Zoe Yilmaz"], seller=["Eva Zajac", "Uma Virtanen"])
    assert judge(given)["0"]["valid"]
    assert not judge(given, supporting=[])["0"]["valid"]
    bank = market(2, buyer=["Acme Bank", "Zoe Yilmaz"], seller=["Eva Zajac", "Uma Virtanen"])
    assert not judge(bank)["0"]["valid"]
    assert judge(bank, supporting=["financial_party"])["0"]["valid"]


def test_price_bounds_are_inclusive(market, judge):
    told = judge(market(4, sale_price=[9_999.99, 10_000, 500_000, 500_000.01]), max_price=500_000)
    assert [reasons(told, name) for name in "0123"] == [["below_min_price"], [], [], ["above_max_price"]]


def test_deeds_of_several_parcels(market, judge):
    told = judge(market(3, parcels_in_deed=[2, 1, None]))
    assert [reasons(told, name) for name in "012"] == [["multi_parcel"], [], []]


def test_the_same_price_within_a_year_is_the_same_sale_told_twice(market, judge):
    days = [date(2014, 1, 1), date(2015, 1, 1), date(2016, 1, 2), date(2014, 1, 1), date(2014, 1, 1)]
    given = market(5, sale_date=days, sale_price=[3e5, 3e5, 3e5, 2e5, 2e5], parcel_number=["a", "a", "a", "b", "b"])
    told = judge(given)
    assert [reasons(told, name) for name in "01234"] == [[], ["duplicate_sale"], [], [], ["duplicate_sale"]]
    assert [reasons(judge(given, duplicate_days=364), name) for name in "14"] == [[], ["duplicate_sale"]]
    assert reasons(judge(given, duplicate_days=366), "2") == ["duplicate_sale"]


def test_of_sales_on_one_day_the_dearest_counts(market, judge):
    given = market(3, sale_date=[date(2014, 1, 1)] * 3, sale_price=[2e5, 3e5, 1e5], parcel_number=["a", "a", "b"])
    told = judge(given)
    assert [reasons(told, name) for name in "012"] == [["same_day_sale"], [], []]


def test_a_short_hold_supports(market, judge):
    days = [date(2014, 1, 1), date(2014, 12, 31), date(2015, 12, 31)]
    told = judge(market(3, sale_date=days, parcel_number=["a", "a", "a"]))
    assert [reasons(told, name) for name in "012"] == [[], ["short_hold"], []]
    assert told["1"]["valid"]
    briefly = judge(market(3, sale_date=days, parcel_number=["a", "a", "a"]), sale_filter={"min_hold_days": 365})
    assert reasons(briefly, "1") == ["held_too_briefly", "short_hold"]
    assert not briefly["1"]["valid"]


def test_a_flip_goes_from_the_mean_out_of_the_bounds(market, judge):
    given = market(60, step=0, sale_date=[date(2014, 1, 1)] * 58 + [date(2014, 1, 1), date(2014, 6, 1)])
    price = given["sale_price"].to_list()
    given = given.sort("sale_id").with_columns(
        sale_price=pl.when(pl.col("sale_id") == "59")
        .then(float(np.exp(13.4)))
        .when(pl.col("sale_id") == "58")
        .then(float(np.exp(12.4)))
        .otherwise("sale_price"),
        parcel_number=pl.when(pl.col("sale_id").is_in(["58", "59"])).then(pl.lit("flip")).otherwise("parcel_number"),
    )
    told = judge(given)
    assert len(price) == 60
    assert reasons(told, "59")[0] == "high_price"
    assert {"home_flip"} <= set(judge(given, checks=["price", "short_hold"])["59"]["reason_codes"])
    assert reasons(told, "58") == []


def test_years_alone_tell_no_hold(market, judge):
    given = market(
        2, sale_date=[date(2014, 7, 1)] * 2, sale_price=[3e5, 3e5], parcel_number=["a", "a"], year_only=[True] * 2
    )
    assert reasons(judge(given), "1") == []


def test_at_most_three_reasons_stand_there_and_what_decides_comes_first(market, judge, ask):
    given = market(
        40,
        step=0,
        buyer=["Acme Bank LLC"] + ["Zoe Yilmaz"] * 39,
        seller=["Estate of Eva Zajac"] + ["Uma Virtanen"] * 39,
        parcels_in_deed=[3] + [1] * 39,
        deed_type=["Quit Claim"] + ["Warranty"] * 39,
    )
    told = judge(given)
    assert reasons(told) == ["deed_not_market", "financial_party", "estate_party"]
    summary = ask("sale_validation", given).summary
    assert summary["reasons"]["multi_parcel"] == summary["reasons"]["non_person"] == 1
    first = judge(given, supporting=["deed_not_market", "financial_party"])
    assert reasons(first) == ["estate_party", "multi_parcel", "non_person"]


def test_the_bounds_of_z_are_inclusive(market, judge):
    given = market(100, step=0, building_size_sqft=[None] * 100)
    z = {name: row["z_price"] for name, row in judge(given).items()}
    top, bottom = max(z, key=z.get), min(z, key=z.get)
    at = judge(given, sd_high=z[top], sd_low=-z[bottom])
    assert (reasons(at, top), reasons(at, bottom)) == ([], [])
    beyond = judge(given, sd_high=z[top] * 0.9999, sd_low=-z[bottom] * 0.9999)
    assert (reasons(beyond, top), reasons(beyond, bottom)) == (["high_price"], ["low_price"])


def test_prices_and_unit_prices_are_judged_apart(market, judge):
    random = np.random.default_rng(1)
    size = np.exp(random.normal(7.5, 0.05, 60))
    size[0] *= 3
    told = judge(market(60, step=0, building_size_sqft=size, spread=0.1))
    assert reasons(told) == ["low_unit_price"]
    assert abs(told["0"]["z_price"]) < 2
    small = judge(market(60, step=0, building_size_sqft=[None] * 31 + list(size[31:])))
    assert {row["unit_price_n"] for row in small.values()} == {29}
    assert {row["z_unit_price"] for row in small.values()} == {None}
    assert small["0"]["z_price"] is not None


def test_the_shared_filter_gives_reasons_too(market, judge):
    given = market(40, step=0, validity_code=["7"] + ["0"] * 39)
    assert reasons(judge(given, sale_filter={"exclude_codes": ["7"]})) == ["excluded_code"]
    far = market(40, step=0, sale_price=[9e6] + [3e5 + sale for sale in range(39)])
    assert reasons(judge(far, sale_filter={"outlier_method": "iqr"}))[0] == "outlier"
    quiet = {"arms_length_only": False}
    same = market(2, buyer=["Eva Zajac", "Zoe Yilmaz"], seller=["Eva Zajac", "Uma Virtanen"])
    assert reasons(judge(same, sale_filter=quiet)) == []


def decided(valid, reason="seen"):
    return SaleOverride(valid=valid, reason=reason, decided_by="Ann", decided_on=date(2015, 5, 1))


def test_decisions_win_over_all_rules_and_are_told(market, judge, ask):
    given = market(40, step=0, parcels_in_deed=[2, 2] + [1] * 38)
    profile = CountyProfile(sale_overrides={"0": decided(valid=True), "2": decided(valid=False)})
    told = judge(given, profile, overrides={"1": {"valid": True, "reason": "one home on two lots"}})
    assert [told[name]["valid"] for name in "0123"] == [True, True, False, True]
    assert [told[name]["valid_by_rules"] for name in "0123"] == [False, False, True, True]
    assert reasons(told, "0") == ["multi_parcel"]
    assert reasons(told, "2") == ["overridden_not_arms_length"]
    assert (told["1"]["override_source"], told["1"]["override_reason"]) == ("request", "one home on two lots")
    assert (told["0"]["override_source"], told["0"]["override_decided_by"]) == ("profile", "Ann")
    assert told["0"]["override_decided_on"] == date(2015, 5, 1)
    assert told["3"]["group_n"] == 39  # both that are valid after all count, the one that is not does not
    summary = ask("sale_validation", given, profile).summary
    assert summary["overrides"] == {"request": 0, "profile": 2, "changed": 2}


def test_the_requests_decision_wins_over_the_profiles(market, judge, ask):
    given = market(3)
    profile = CountyProfile(sale_overrides={"0": decided(valid=True), "gone": decided(valid=True)})
    asked = {"overrides": {"0": {"valid": False, "reason": "what if"}}}
    row = judge(given, profile, **asked)["0"]
    assert (row["valid"], row["override_source"], row["override_reason"]) == (False, "request", "what if")
    codes = {caution.code for caution in ask("sale_validation", given, profile, **asked).warnings}
    assert {"overrides_disagree", "override_of_unknown_sale"} <= codes


def test_the_rules_and_their_version_move_together():
    """A change of a word or a reason is a change of the rules: raise VALIDATION_RULES, then this digest."""
    lists = {name: sorted(value) for name, value in vars(words).items() if name.isupper() and not name.startswith("_")}
    told = json.dumps([lists, [list(reason) for reason in REASONS]], sort_keys=True)
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == DIGEST
    assert len(set(CODES)) == len(CODES)


DIGEST = "7a1089af71ed4343"
