"""Jobs and analyses as lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from terrafusion.cli.listing import event_line, job_lines, page_lines
from terrafusion.cli.parameters import read_parameters
from terrafusion.errors import InvalidParameters

JOB = {
    "job_id": "9a3e8998-0efa-4582-82c4-45e709f7082d",
    "analysis_type": "trend_analysis",
    "county_id": "king_wa",
    "status": "RUNNING",
    "message": "Holding quality constant",
    "parameters": {"period": "year"},
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:03.25Z",
    "progress": 0.42,
    "failure_reason": None,
    "waiting_for": None,
    "result_summary": None,
}


@pytest.fixture(autouse=True)
def in_seattle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "PST8PDT,M3.2.0,M11.1.0")
        time.tzset()
        yield
    time.tzset()


def test_a_job_is_told_without_what_is_not_there() -> None:
    told = dict(line.split("  ", 1) for line in job_lines(JOB))
    assert {name: value.strip() for name, value in told.items()} == {
        "job id": JOB["job_id"],
        "analysis type": "trend_analysis",
        "county id": "king_wa",
        "status": "RUNNING",
        "message": "Holding quality constant",
        "parameters": '{"period": "year"}',
        "created at": "2026-03-01 04:00:00",
        "updated at": "2026-03-01 04:00:03",
        "progress": "42%",
    }


def test_a_finding_is_told_last() -> None:
    *_, last = job_lines(JOB | {"result_summary": {"key_finding": "Prices rose.", "n": 3}})
    assert last.split("  ", 1)[0] == "finding"
    assert last.endswith("Prices rose.")


def test_a_page_stands_in_columns() -> None:
    failed = JOB | {"status": "FAILED", "county_id": "x", "failure_reason": "timeout"}
    pending = JOB | {"status": "PENDING", "waiting_for": "slots"}
    assert [line.split("82d  ")[1] for line in page_lines([JOB, failed, pending])] == [
        "RUNNING 42%  trend_analysis  king_wa",
        "FAILED       trend_analysis  x        timeout",
        "PENDING      trend_analysis  king_wa  slots",
    ]
    assert list(page_lines([])) == []


def test_a_page_that_is_too_wide_takes_two_lines_a_job() -> None:
    failed = JOB | {"status": "FAILED", "county_id": "x", "failure_reason": "timeout"}
    whole = list(page_lines([JOB, failed]))
    assert list(page_lines([JOB, failed], width=200)) == whole
    narrow = list(page_lines([JOB, failed], width=80))
    assert narrow[1::2] == ["  trend_analysis  king_wa", "  trend_analysis  x        timeout"]
    assert [line.split("82d  ")[1] for line in narrow[::2]] == ["RUNNING 42%", "FAILED"]
    assert max(map(len, narrow)) <= 80
    assert list(page_lines([], width=80)) == []


def test_an_event_is_one_line() -> None:
    assert event_line(JOB) == (
        "2026-03-01 04:00:03  9a3e8998-0efa-4582-82c4-45e709f7082d  RUNNING    42%  trend_analysis king_wa"
        "  Holding quality constant"
    )


@pytest.mark.parametrize("given", ["{period}", "[1]", "null", '{"a": 1, "a": 2}', '{"a": NaN}', '"\\u0000"', "\udcff"])
def test_parameters_mean_one_thing_only(given: str) -> None:
    with pytest.raises(InvalidParameters, match=r"--params is .*; it must be a JSON object such as"):
        read_parameters(given)


@pytest.mark.parametrize(("given", "read"), [("{}", {}), ('{"zip_codes": ["98103"]}', {"zip_codes": ["98103"]})])
def test_parameters_are_read(given: str, read: dict[str, Any]) -> None:
    assert read_parameters(given) == read
