"""Progress: plain lines where nobody watches, a moving picture where somebody does, never on stdout."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rich.console import Console

from models.jobs import JobStatus
from models.messages import JobStatusChanged
from terrafusion.cli import output, progress
from terrafusion.cli.progress import Board, working

ID = UUID("0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10")
THEN = datetime(2026, 3, 1, tzinfo=UTC)


def event(status: JobStatus, fraction: float) -> JobStatusChanged:
    return JobStatusChanged(
        job_id=ID,
        sequence=1,
        status=status,
        analysis_type="trend_analysis",
        county_id="king_wa",
        attempt=1,
        progress=fraction,
        message="Doing it",
        priority=5,
        created_at=THEN,
        updated_at=THEN,
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "stderr", console)
    monkeypatch.setattr(output, "stderr", console)
    return written


def test_each_step_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    with working("Reading x.csv") as tell:
        for step in ("Reading x.csv", " 10% Telling", " 10% Telling", " 90% Comparing"):
            tell(step)
    assert capsys.readouterr() == ("", "Reading x.csv\n 10% Telling\n 90% Comparing\n")


def test_each_event_of_a_job_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Board({ID: "trend_analysis king_wa"}) as board:
        board.see(event(JobStatus.RUNNING, 0.42))
        board.see(event(JobStatus.COMPLETED, 1.0))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "trend_analysis king_wa       RUNNING    42%  Doing it",
        "trend_analysis king_wa       COMPLETED 100%  Doing it",
    ]


def test_a_terminal_sees_a_picture_that_moves(terminal: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    with working("Reading x.csv") as tell:
        tell("Loading")
    with Board({ID: "trend_analysis king_wa"}) as board:
        board.see(event(JobStatus.RUNNING, 0.42))
    assert "\x1b[" in terminal.getvalue()
    assert "RUNNING" in terminal.getvalue()
    assert capsys.readouterr() == ("", "")
