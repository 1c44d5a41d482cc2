"""What a county's profile may say, and what it does to the selection."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from terrafusion.analysis.profile import CountyProfile

DECIDED = {"reason": "foreclosure", "decided_by": "a.lee", "decided_on": "2026-03-01"}


def override(*, valid: bool) -> dict[str, Any]:
    return {**DECIDED, "valid": valid}


def test_a_profile_that_says_all_there_is_to_say() -> None:
    profile = CountyProfile.model_validate(
        {
            "validity_codes": {"V": True, "X": False},
            "deed_types": {"WD": True},
            "assessment_level": 0.35,
            "roll_year": 2016,
            "market_areas": {"North": {"zip_codes": ["98133-1", "98125"]}, "Lake": {"neighborhoods": ["012"]}},
            "sale_overrides": {"7": override(valid=False)},
        }
    )
    assert profile.market_areas["North"].zip_codes == ("98125", "98133")
    assert profile.sale_overrides["7"].decided_on == date(2026, 3, 1)
    assert CountyProfile.model_validate_json(profile.model_dump_json()) == profile


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"assessment_level": 0}, "assessment_level"),
        ({"assessment_level": 35}, "assessment_level"),
        ({"assessment_level": "0.35"}, "assessment_level"),
        ({"roll_year": 2016.5}, "roll_year"),
        ({"roll_year": 16}, "roll_year"),
        ({"validity_codes": {"V": "yes"}}, "validity_codes"),
        ({"validity_codes": {"": True}}, "validity_codes"),
        ({"deed_types": ["WD"]}, "deed_types"),
        ({"market_areas": {"North": {}}}, "market_areas"),
        ({"market_areas": {"North": {"zip_codes": ["9810"]}}}, "market_areas"),
        ({"market_areas": {"A": {"zip_codes": ["98103"]}, "B": {"zip_codes": ["98103"]}}}, "market_areas"),
        ({"market_areas": {"A": {"neighborhoods": ["1"]}, "B": {"neighborhoods": ["1"]}}}, "market_areas"),
        ({"sale_overrides": {"7": {"valid": True}}}, "sale_overrides"),
        ({"sale_overrides": {"7": {**DECIDED, "valid": 1}}}, "sale_overrides"),
        ({"sale_overrides": {"7": {**DECIDED, "valid": True, "decided_on": "03/04/2026"}}}, "sale_overrides"),
        ({"sale_overrides": {"7": {**DECIDED, "valid": True, "note": "x"}}}, "sale_overrides"),
        ({"arms_length": {}}, "arms_length"),
    ],
)
def test_a_profile_that_cannot_be_meant(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        CountyProfile.model_validate(given)
    assert raised.value.errors()[0]["loc"][0] == field


SALES = {
    "sale_id": ["1", "2", "3", "4", "5"],
    "sale_date": [date(2014, 5, 1)] * 5,
    "sale_price": [100_000.0] * 5,
    "validity_code": ["V", "X", "V", "X", None],
    "buyer": ["Ann", "Ann", "Ann", "Ann", "Bob"],
    "seller": ["Bob", "Bob", "Bob", "Bob", "Bob"],
}


def asked(sales: Any, ask: Any, overrides: dict[str, bool], *, codes: bool = True, **rules: Any) -> Any:
    profile = CountyProfile.model_validate(
        {
            "validity_codes": {"V": True, "X": False} if codes else {},
            "sale_overrides": {sale: override(valid=valid) for sale, valid in overrides.items()},
        }
    )
    return ask("trend_analysis", sales(**SALES), profile, sale_filter=rules, index_method="none")


def test_an_override_wins_over_codes_and_names_and_is_counted(sales: Any, ask: Any) -> None:
    quality = asked(sales, ask, {"2": True, "3": False, "5": True, "1": True}).data_quality
    assert quality["excluded"] == {"overridden_not_arms_length": 1, "validity_code_not_arms_length": 1}
    assert (quality["read"], quality["used"], quality["kept_by_override"]) == (5, 3, 2)


def test_without_overrides_the_codes_decide(sales: Any, ask: Any) -> None:
    quality = asked(sales, ask, {}).data_quality
    assert quality["excluded"] == {"buyer_is_seller": 1, "validity_code_not_arms_length": 2}
    assert quality["kept_by_override"] == 0


def test_an_override_needs_no_codes(sales: Any, ask: Any) -> None:
    answer = asked(sales, ask, {"1": False}, codes=False)
    assert answer.data_quality["excluded"] == {"buyer_is_seller": 1, "overridden_not_arms_length": 1}


def test_overrides_tell_of_sales_that_are_not_there(sales: Any, ask: Any) -> None:
    answer = asked(sales, ask, {"1": True, "gone": False})
    told = {caution.code: caution.message for caution in answer.warnings}
    assert told["override_of_unknown_sale"] == "1 of 2 sale overrides name a sale that the records do not hold"


def test_who_asks_for_all_sales_gets_those_that_were_overridden_too(sales: Any, ask: Any) -> None:
    quality = asked(sales, ask, {"1": False, "2": True}, arms_length_only=False).data_quality
    assert (quality["used"], quality["kept_by_override"]) == (5, 0)


def test_the_rules_of_the_request_hold_for_overridden_sales(sales: Any, ask: Any) -> None:
    quality = asked(sales, ask, {"2": True}, exclude_codes=["X"]).data_quality
    assert quality["excluded"]["excluded_code"] == 1
    assert quality["kept_by_override"] == 0


def test_the_columns_of_overrides_stay_inside(sales: Any, ask: Any) -> None:
    answer = asked(sales, ask, {"1": True})
    assert isinstance(answer.table, pl.DataFrame)
    assert not any("override" in name for name in (*answer.table.columns, *answer.data_quality["null_counts"]))
