"""A list that shows itself anew."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from terrafusion.cli import build, watching
from terrafusion.errors import InvalidRequest, Unavailable

JOB = {
    "job_id": "9a3e8998-0efa-4582-82c4-45e709f7082d",
    "analysis_type": "trend_analysis",
    "county_id": "king_wa",
    "status": "RUNNING",
    "created_at": "2026-03-01T12:00:00Z",
    "progress": 0.42,
    "failure_reason": None,
    "waiting_for": None,
}


def test_it_shows_what_is_there_and_goes_on_when_a_worker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(watching, "stdout", Console(file=written, force_terminal=True, width=120, height=5))
    answers: list[Any] = [[JOB] * 9, Unavailable("No worker answers"), []]

    def ask() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"jobs": answer}

    def sleep(_: float) -> None:
        if not answers:
            raise KeyboardInterrupt

    watching.follow(ask, json=False, sleep=sleep)
    told = written.getvalue()
    assert "9 RUNNING; Ctrl-C ends it" in told
    assert told.count(JOB["job_id"]) == 4, "as many as there are lines"
    assert "No worker answers" in told
    assert "There is no such job." in told


@pytest.mark.parametrize("words", [["list", "--watch"], ["list", "--watch", "--json"]])
def test_a_program_gets_no_moving_picture(words: list[str]) -> None:
    told = CliRunner().invoke(build(), words)
    assert isinstance(told.exception, InvalidRequest)
    assert "--watch" in str(told.exception)
