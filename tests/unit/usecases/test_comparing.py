"""What changed between two answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import Conflict, InvalidRequest
from terrafusion.usecases.comparing import change, compare, with_defaults
from terrafusion.wording import other_bases

NOTHING = {"matched": 0, "changed": [], "only_first": [], "only_second": [], "other_bases": []}


def result(**parts: Any) -> dict[str, Any]:
    empty = {"result_summary": {}, "data_quality": {}, "warnings": [], "trends": [], "rows": []}
    return {**empty, "result_data_location": "file:///a.parquet", **parts}


def job(**told: Any) -> dict[str, Any]:
    return {
        "job_id": "a",
        "analysis_type": "trend_analysis",
        "county_id": "king_wa",
        "status": "COMPLETED",
        "parameters": {},
        "completed_at": "2026-03-01T12:00:00Z",
        "data_version": "v1",
        "result_sha256": "s",
        "result": result(),
        **told,
    }


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return compare(job(result=result(**first)), job(result=result(**second)))


def test_the_same_answer_twice_has_no_changes() -> None:
    told = compare(job(), job(result=result(result_data_location="file:///b.parquet")))
    assert (told["same_data"], told["same_answer"]) == (True, True)
    assert (told["parameters"], told["trends"], told["rows"]) == ([], NOTHING, NOTHING)


def test_data_and_parameters() -> None:
    first = job(parameters={"period": "year", "sale_filter": {"min_price": 1, "exclude_codes": []}})
    second = job(
        data_version="v2", parameters={"period": "month", "sale_filter": {"min_price": 1, "exclude_codes": ["A"]}}
    )
    told = compare(first, second)
    assert told["same_data"] is False
    assert [(each["name"], each["first"], each["second"]) for each in told["parameters"]] == [
        ("period", "year", "month"),
        ("sale_filter.exclude_codes", [], ["A"]),
    ]


def test_headline_figures_have_both_values_difference_and_percent() -> None:
    first = {"key_finding": "Up.", "sales": 200, "raw_change_pct": 4.0, "flag": True, "county_id": "a", "gone": 1}
    second = {"key_finding": "Down.", "sales": 150, "raw_change_pct": 5.0, "flag": False, "county_id": "b", "new": None}
    told = compared({"result_summary": first}, {"result_summary": second})
    assert told["figures"] == [
        {"name": "sales", "first": 200, "second": 150, "difference": -50, "percent": -25.0},
        {"name": "raw_change_pct", "first": 4.0, "second": 5.0, "difference": 1.0, "percent": None},
        {"name": "gone", "first": 1, "second": None, "difference": None, "percent": None},
    ]
    assert [each["name"] for each in told["statements"]] == ["key_finding", "flag"]


def test_an_interval_is_told_with_its_figure_also_where_one_end_stays() -> None:
    told = compared(
        {"rows": [{"group": "a", "median_price": 2.0, "median_ci_low": 1.0, "median_ci_high": 3.0, "n": 9}]},
        {"rows": [{"group": "a", "median_price": 2.5, "median_ci_low": 1.0, "median_ci_high": 4.0, "n": 9}]},
    )
    (row,) = told["rows"]["changed"]
    assert [one["name"] for one in row["figures"]] == ["median_price", "median_ci_low", "median_ci_high"]


def point(group: str, period: str, **figures: Any) -> dict[str, Any]:
    return {"group": group, "period": period, "period_start": period, **figures}


def test_trends_are_matched_by_group_and_period() -> None:
    first = [point("98101", "2014", median_price=100.0, n=5), point("98101", "2015", n=1), point("98102", "2014", n=2)]
    second = [point("98102", "2014", n=2), point("98101", "2014", median_price=110.0, n=5), point("98103", "2014", n=9)]
    told = compared({"trends": first}, {"trends": second})["trends"]
    assert told["matched"] == 2
    assert told["changed"] == [
        {"group": "98101", "period": "2014", "figures": [change("median_price", 100.0, 110.0)]},
    ]
    assert told["only_first"] == [{"group": "98101", "period": "2015"}]
    assert told["only_second"] == [{"group": "98103", "period": "2014"}]


def test_indices_that_are_100_in_different_periods_are_told() -> None:
    """130 less 104 is no disagreement where the one began two years before the other."""
    first = [point("all", str(year), index=100.0 + 10 * at) for at, year in enumerate(range(2010, 2014))]
    later = [point("all", "2010", index=None), *(point("all", str(year), index=100.0) for year in (2012, 2013))]
    told = compared({"rows": first, "trends": first}, {"rows": later, "trends": first})
    assert told["rows"]["other_bases"] == [{"group": "all", "first": "2010", "second": "2012"}]
    assert told["trends"]["other_bases"] == []
    assert "is 100 in 2010 in the first and in 2012 in the second" in other_bases(told["rows"]["other_bases"])


def test_no_base_is_told_where_no_row_is_at_100() -> None:
    """A forecast's index is 100 before its rows begin, and a partial period may stand before the base."""
    forecasts = [[point("all", year, index=140.0) for year in years] for years in (("2017", "2018"), ("2018", "2019"))]
    assert compared(*({"rows": rows} for rows in forecasts))["rows"]["other_bases"] == []
    partial = [point("all", "2013", index=96.5), point("all", "2014", index=100.0)]
    assert compared({"rows": partial}, {"rows": partial[1:]})["rows"]["other_bases"] == []
    early = [point("all", "2013", index=100.0), point("all", "2014", index=103.0)]
    assert compared({"rows": partial}, {"rows": early})["rows"]["other_bases"] != []


def test_tiers_and_sections_are_matched_too() -> None:
    first = [point("all", "2014", tier=tier, n=tier) for tier in range(3)]
    second = [point("all", "2014", tier=tier, n=7) for tier in range(3)]
    told = compared({"trends": first}, {"trends": second})["trends"]
    assert [(row["tier"], row["figures"][0]["first"]) for row in told["changed"]] == [(0, 0), (1, 1), (2, 2)]
    rows = [
        {"section": section, "name": "a", "measure": "m", "group": None, "n": 1} for section in ("fields", "checks")
    ]
    assert compared({"rows": rows}, {"rows": rows})["rows"]["matched"] == 2


def test_rows_with_one_key_are_not_confused() -> None:
    twice = [{"group": "a", "n": 1}, {"group": "a", "n": 2}, {"group": "b", "n": 3}]
    told = compared({"rows": twice}, {"rows": [{"group": "a", "n": 7}, {"group": "b", "n": 4}]})["rows"]
    assert [row["group"] for row in told["changed"]] == ["b"]
    assert told["only_second"] == [{"group": "a"}]
    assert compared({"rows": [{"n": 1}]}, {"rows": [{"n": 2}]})["rows"] == NOTHING


def test_quality_and_warnings() -> None:
    thin, old = {"code": "thin", "message": "t"}, {"code": "old", "message": "o"}
    first = {"data_quality": {"used": 10, "excluded": {"below": 2}}, "warnings": [thin]}
    second = {"data_quality": {"used": 10, "excluded": {"below": 3, "codes": 1}}, "warnings": [old]}
    told = compared(first, second)
    assert [each["name"] for each in told["data_quality"]] == ["excluded.below", "excluded.codes"]
    assert told["warnings"] == {"only_first": [thin], "only_second": [old]}


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "FAILED", "CANCELLED"])
def test_a_job_without_an_answer_is_refused(status: str) -> None:
    with pytest.raises(Conflict, match=f"job b is {status}; only COMPLETED"):
        compare(job(), job(job_id="b", status=status, result=None))


def test_other_types_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="different types, trend_analysis and price_trend_by_zip"):
        compare(job(), job(analysis_type="price_trend_by_zip"))


def test_a_default_that_is_spelled_out_is_no_change() -> None:
    catalogue = load_catalogue()
    first, second = (with_defaults(job(parameters=given), catalogue) for given in ({}, {"period": "month"}))
    assert compare(first, second)["parameters"] == []
    unknown = job(analysis_type="another's", parameters={"a": 1})
    assert with_defaults(unknown, catalogue) == unknown
    outdated = job(parameters={"gone": 1})
    assert with_defaults(outdated, catalogue) == outdated


VALUES = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text(max_size=3)
SUMMARIES = st.dictionaries(st.sampled_from("abcdef"), VALUES | st.dictionaries(st.sampled_from("xyz"), VALUES))
ROWS = st.lists(
    st.builds(point, st.sampled_from("ABC"), st.sampled_from(["2014", "2015"]), n=st.none() | st.integers(0, 9)),
    unique_by=lambda row: (row["group"], row["period"]),
)


@given(summary=SUMMARIES, rows=ROWS, order=st.randoms())
def test_an_answer_does_not_differ_from_itself_in_any_order(summary: Any, rows: Any, order: Any) -> None:
    shuffled = order.sample(rows, len(rows))
    told = compared({"result_summary": summary, "trends": rows}, {"result_summary": summary, "trends": shuffled})
    assert told["trends"] == NOTHING | {"matched": len(rows)}
    assert told["statements"] == []
    assert all(figure["difference"] in (0, None) for figure in told["figures"])


@given(first=ROWS, second=ROWS)
def test_what_is_told_leads_from_the_first_to_the_second(first: Any, second: Any) -> None:
    told = compared({"trends": first}, {"trends": second})["trends"]
    told_key = [(row["group"], row["period"]) for row in told["only_first"]]
    left = {(row["group"], row["period"]): row["n"] for row in first}
    for key in told_key:
        del left[key]
    for row in told["changed"]:
        assert left[row["group"], row["period"]] == row["figures"][0]["first"]
        left[row["group"], row["period"]] = row["figures"][0]["second"]
    gained = {(row["group"], row["period"]) for row in told["only_second"]}
    assert left == {
        (row["group"], row["period"]): row["n"] for row in second if (row["group"], row["period"]) not in gained
    }
    assert told["matched"] == len(left)


@given(first=SUMMARIES, second=SUMMARIES)
def test_back_is_there_with_the_other_sign(first: Any, second: Any) -> None:
    there = compared({"data_quality": first}, {"data_quality": second})["data_quality"]
    back = compared({"data_quality": second}, {"data_quality": first})["data_quality"]
    signed = {each["name"]: each["difference"] for each in there}
    assert {each["name"]: each["difference"] and -each["difference"] for each in back} == signed


@given(first=st.integers(-100, 100), second=st.integers(-100, 100))
def test_a_percentage_has_the_sign_of_its_difference(first: int, second: int) -> None:
    told = change("n", first, second)
    assert told["first"] + told["difference"] == second
    if first == 0:
        assert told["percent"] is None
    else:
        assert told["percent"] == pytest.approx(100 * (second - first) / abs(first))
