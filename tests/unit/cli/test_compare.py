"""A comparison for the eyes, and the command before a worker that answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from terrafusion.adapters.objects import Objects
from terrafusion.analysis.api import Answer
from terrafusion.analysis.document import render
from terrafusion.cli import build
from terrafusion.cli.compare import ROWS, comparison
from terrafusion.client.wire import Wire
from terrafusion.errors import Conflict
from terrafusion.usecases.comparing import compare

FIRST, SECOND = "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10", "9a3e8998-0efa-4582-82c4-45e709f7082d"


def job(job_id: str = FIRST, *, parameters: Any = None, version: str = "v1", **result: Any) -> dict[str, Any]:
    empty = {"result_summary": {}, "data_quality": {}, "warnings": [], "trends": [], "rows": []}
    return {
        "job_id": job_id,
        "analysis_type": "trend_analysis",
        "county_id": "king_wa",
        "status": "COMPLETED",
        "parameters": parameters or {},
        "completed_at": "2026-03-01T12:00:00Z",
        "data_version": version,
        "result_sha256": "s",
        "result": empty | result | {"result_data_location": None},
    }


def shown(first: dict[str, Any], second: dict[str, Any]) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(comparison(compare(first, second)), highlight=False)
    return capture.get()


def trends(*prices: float | None) -> list[dict[str, Any]]:
    return [{"group": "98101", "period": str(1990 + n), "median_price": price} for n, price in enumerate(prices)]


def test_what_is_the_same_is_said_in_a_line() -> None:
    assert shown(job(), job(SECOND)).splitlines()[2:] == ["The answers are the same.", "The data are the same."]


def test_both_values_stand_beside_their_difference() -> None:
    first = job(parameters={"period": "year"}, result_summary={"sales": 2000, "groups": 3, "key_finding": "Up."})
    second = job(
        SECOND,
        parameters={"period": "month"},
        version="v2",
        result_summary={"sales": 1500, "groups": 3, "key_finding": "Down."},
        warnings=[{"code": "thin", "message": "Half of the cells are thin"}],
    )
    text = shown(first, second)
    assert "The data have changed." in text
    assert "sales 2,000  1,500   -500 -25.0" in text
    assert "1 figures are the same." in text
    assert "period  year  month" in text
    assert "first:  Up.\nsecond: Down." in text
    assert "Only the second warns: Half of the cells are thin" in text


def test_of_many_points_those_that_changed_most_are_shown() -> None:
    before = trends(*[100.0] * 20, 1.0)
    text = shown(job(trends=before), job(SECOND, trends=trends(*[100.0 + n for n in range(20)])))
    assert "Trends: 19 of 20 changed" in text
    assert text.index("98101 2009") < text.index("98101 2008")
    assert "98101 1991" not in text
    assert f"{19 - ROWS} more that changed by less" in text
    assert "1 only in the first" in text


def test_eighty_columns_cut_no_figure() -> None:
    long = {"constant_quality_ci_high_pct": 123456.789, "index_standard_error": 0.01234}
    text = shown(job(result_summary=long), job(SECOND, result_summary={name: -value for name, value in long.items()}))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "-246,914" in text


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def tell(*jobs: dict[str, Any]) -> None:
        async def get(_view: Wire, *path: str) -> dict[str, Any]:
            return next(job for job in jobs if path == ("results", job["job_id"]))

        monkeypatch.setattr(Wire, "get", get)

    return tell


def test_one_document(answers: Callable[..., None]) -> None:
    answers(job(), job(SECOND, parameters={"period": "month"}))  # which is the default
    ran = CliRunner().invoke(build(), ["compare", FIRST, SECOND, "--json"])
    document = json.loads(ran.stdout)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [each["job_id"] for each in document["jobs"]] == [FIRST, SECOND]
    assert document["parameters"] == []


def test_points_for_which_the_document_has_no_room_come_from_the_file(
    answers: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERRAFUSION_RESULTS_URL", tmp_path.as_uri())
    rendered = render(Answer(summary={}, table=pl.DataFrame(trends(1.0, 2.0, 3.0)).with_columns(sales=1)))
    location = Objects(tmp_path.as_uri()).put_new("a.parquet", rendered.parquet or b"")
    cut = job(result_summary={"trends_total": 3}, trends=trends(1.0))
    cut["result"]["result_data_location"] = location
    answers(cut, job(SECOND, trends=trends(1.0, 2.0, 4.0)))
    told = json.loads(CliRunner().invoke(build(), ["compare", FIRST, SECOND, "--json"]).stdout)["trends"]
    assert (told["matched"], told["only_first"], told["only_second"]) == (3, [], [])
    assert [row["period"] for row in told["changed"]] == ["1992"]


def test_a_job_that_has_not_ended_well_is_refused(answers: Callable[..., None]) -> None:
    answers(job(), job(SECOND) | {"status": "FAILED", "result": None})
    ran = CliRunner().invoke(build(), ["compare", FIRST, SECOND, "--json"])
    assert isinstance(ran.exception, Conflict)
    assert ran.stdout == ""
