"""What a person sees of a job's answer."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from terrafusion.cli import build, jobs
from terrafusion.cli.report import bar, report, sparkline
from terrafusion.wording import NOTHING

FAILED = {
    "analysis_type": "FAILING_ANALYSIS_SIM",
    "county_id": "king_wa",
    "status": "FAILED",
    "failure_reason": "simulated_failure",
    "message": "The drill failed on purpose",
    "result": None,
}


def shown(job: dict[str, Any], **options: bool) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(report(job, **options), highlight=False)
    return capture.get()


def point(group: str, period: str, price: float | None, index: float | None) -> dict[str, Any]:
    return {
        "group": group,
        "period": period,
        "partial": period == "2016-Q4",
        "sales_volume": 1203,
        "median_price": price,
        "median_ci_low": price and price * 0.9,
        "median_ci_high": price and price * 1.1,
        "index": index,
    }


def row(group: str, raw: float | None, quality: float | None, *, first: str = "2010-Q1") -> dict[str, Any]:
    return {
        "group": group,
        "sales": 20_446,
        "first_period": None if raw is None else first,
        "last_period": None if raw is None else "2016-Q3",
        "raw_change_pct": raw,
        "constant_quality_change_pct": quality,
    }


def completed(rows: list[dict[str, Any]], trends: list[dict[str, Any]]) -> dict[str, Any]:
    summary = {
        "key_finding": "Prices rose.",
        "group_by": "zip_code",
        "confidence_level": 0.95,
        "first_period": "2010-Q1",
        "last_period": "2016-Q3",
    }
    result = {
        "result_summary": summary,
        "rows": rows,
        "trends": trends,
        "data_quality": {"read": 1300, "used": 1203, "excluded": {"below_min_price": 97}},
        "warnings": [{"code": "thin", "message": "Half of the cells are thin"}],
        "result_data_location": "file:///results/x.parquet",
    }
    names = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "status": "COMPLETED"}
    return {**names, "failure_reason": None, "message": "Completed", "result": result}


def by_zip() -> dict[str, Any]:
    rows = [row("98101", 55.04, 53.16), row("98102", None, None), row("98103", -2.0, None, first="2011-Q1")]
    periods = [f"{year}-Q{quarter}" for year in range(2010, 2017) for quarter in range(1, 5)]
    trends = [point(r["group"], period, 1_250_000.4, 100 + n) for r in rows for n, period in enumerate(periods)]
    return completed(rows, trends)


def test_a_row_has_price_count_interval_and_both_changes_side_by_side() -> None:
    line = next(line for line in shown(by_zip()).splitlines() if line.startswith("98101"))
    assert line.split()[:7] == ["98101", "20,446", "1,203", "$1,250,000", "1,125-1,375k", "+55.0%", "+53.2%"]


def test_a_group_whose_points_are_in_the_file_alone_has_no_count() -> None:
    job = by_zip()
    trends = [point for point in job["result"]["trends"] if point["group"] == "98101"]
    few = [point("98103", "2010-Q1", 1e5, 100.0)]
    text = shown(completed(job["result"]["rows"], [*trends, *few]))
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.startswith("981")}
    assert lines["98102"] == ["98102", "20,446"]
    assert lines["98103"][:4] == ["98103", "*", "20,446", "0"]


def test_eighty_columns_cut_no_figure() -> None:
    text = shown(by_zip())
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_group_measured_over_another_span_is_marked() -> None:
    text = shown(by_zip())
    assert "98103 *" in text
    assert "98101 *" not in text
    assert "98102 *" not in text
    assert "* changes not from 2010-Q1 to 2016-Q3" in text


def test_one_group_is_shown_by_period_and_the_unfinished_one_is_marked() -> None:
    trends = [point("all", "2016-Q3", 200_000, 100.0), point("all", "2016-Q4", 100_000, None)]
    lines = shown(completed([row("all", 1.0, 1.0)], trends)).splitlines()
    whole, half = (next(line for line in lines if line.startswith(f"2016-Q{n}")) for n in (3, 4))
    assert whole.count("█") == 2 * half.count("█") == 24
    assert half.startswith("2016-Q4 *")
    assert "* not a full period" in "\n".join(lines)


def test_tiers_are_told_apart() -> None:
    rows = [row("all", raw, raw) | {"tier": tier, "sales": 900 - tier} for tier, raw in enumerate((5.0, 2.0, 8.0))]
    trends = [point("all", "2016-Q3", 100_000 * (tier + 1), 100.0) | {"tier": tier} for tier in range(3)]
    lines = shown(completed(rows, trends)).splitlines()
    told = [next(line for line in lines if line.startswith(name)) for name in ("all ", "all, tier 1", "all, tier 2")]
    for line, price in zip(told, ("$100,000", "$200,000", "$300,000"), strict=True):
        assert price in line


@pytest.mark.parametrize(
    "rows",
    [
        [{"group": "98101", "n": 812, "median": 0.93}, {"group": "98102", "n": 30, "median": 0.9}],
        [{"group": "all", "period": f"{year}", "index": 100.0} for year in range(2000, 2020)],
    ],
)
def test_rows_of_another_shape_than_trends_are_told_by_the_summary(rows: list[dict[str, Any]]) -> None:
    said = shown(completed(rows, []))
    assert "confidence level 95%" in said
    assert "more groups" not in said
    assert "Used 1,203 of 1,300 sales; not used: below min price 97." in said


def test_rows_of_any_shape_are_a_table_that_fits_with_what_is_left_out_told() -> None:
    kinds = [
        {"group": f"g{n}", "n": n, "same": 1, "median": n / 10, "median_ci_low": 0.1, "median_ci_high": 0.3}
        for n in range(20)
    ]
    wide = [row | {f"column_number_{n}": row["n"] * n for n in range(1, 30)} for row in kinds]
    said = shown(completed(wide, []))
    assert "0.1 (0.1 to 0.3)" in said
    assert "same" not in said
    assert "8 more rows and 22 more columns stand in the JSON and in the file." in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_column_of_which_no_shown_row_knows_anything_is_not_shown() -> None:
    rows = [{"name": f"c{n}", "n": n, "late": n if n > 15 else None} for n in range(20)]
    said = shown(completed(rows, []))
    assert NOTHING not in said
    assert "8 more rows and 1 more column stand in the JSON and in the file." in said


def test_figures_stand_first_what_they_were_made_from_last_and_short() -> None:
    job = completed([{"group": "a", "n": 5}, {"group": "b", "n": 9}], [])
    job["result"]["result_summary"] |= {
        "method": "ratios of sales",
        "prd": 1.05,
        "prd_ci_low": 1.03,
        "prd_ci_high": 1.06,
        "prd_verdict": "not met",
        "trimmed_prd": 1.05,
        "trimmed_cod": 12.0,
        "mdape": 5.57,
        "adjusted_time_slope": None,
        "data_version": "e5c1119fd05f0adc",
    }
    said = shown(job)
    lines = [line.split() for line in said.splitlines()]
    assert ["PRD", "1.05", "(1.03", "to", "1.06)", "not", "met"] in lines
    assert ["Trimmed", "COD", "12"] in lines
    assert ["Median", "error", "5.6%"] in lines
    assert "Trimmed PRD" not in said
    assert "slope" not in said
    assert "verdict" not in said
    told = ("Prices rose.", "PRD", "Note:", "Method: ratios of sales", "Made from data version e5c1119fd05f.")
    places = [said.index(each) for each in told]
    assert places == sorted(places)


def test_of_one_groups_periods_the_last_are_shown() -> None:
    rows = [
        {"group": "all", "period": f"20{n:02}", "index": 100.0 + n, "ci_low": 90.0, "ci_high": 120.0} for n in range(20)
    ]
    said = shown(completed(rows, []))
    assert "2019   119.0 (90.0 to 120.0)" in said
    assert "2007" not in said


def test_an_empty_answer_is_its_finding() -> None:
    text = shown(completed([], []))
    assert "Prices rose." in text
    assert "Note: Half of the cells are thin." in text


def test_the_file_is_named_only_where_it_stays() -> None:
    assert "file:///results/x.parquet" in shown(by_zip())
    assert "file://" not in shown(by_zip(), with_file=False)


def test_a_failure_says_why() -> None:
    assert "FAILED (simulated_failure): The drill failed on purpose" in shown(FAILED)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([None, None], ""),
        ([5.0, 5.0], "▁▁"),
        ([0.0, None, 7.0], "▁ █"),
        ([1.0, 2.0, 3.0], "▁▅█"),
    ],
)
def test_a_sparkline_runs_from_lowest_to_highest(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


@pytest.mark.parametrize(("value", "drawn"), [(0, ""), (8, "████"), (4, "██"), (0.25, "▏"), (5, "██▌")])
def test_a_bar_is_exact_to_an_eighth(value: float, drawn: str) -> None:
    assert bar(value, 8, width=4) == drawn


def test_a_bar_of_nothing() -> None:
    assert bar(0, 0) == ""


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        ("COMPLETED", 0, ""),
        ("FAILED", 1, ""),
        ("CANCELLED", 1, ""),
        ("PENDING", 0, "has no result yet"),
        ("RUNNING", 0, "has no result yet"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_results_end_as_the_job_did(
    monkeypatch: pytest.MonkeyPatch, status: str, code: int, said: str, options: tuple[str, ...]
) -> None:
    answer = FAILED | {"status": status, "result_data_location": None}
    monkeypatch.setattr(jobs, "_job", lambda *_: answer)
    ran = CliRunner().invoke(build(), ["results", "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10", *options])
    assert ran.exit_code == code
    assert status in ran.stdout
    assert said in ran.stderr
    assert bool(said) == bool(ran.stderr)
