"""`terrafusion demo`: results that can be read, and nothing that goes on running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

DEMO = (sys.executable, "-m", "terrafusion", "demo")


def left_in(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(folder) in words_of(process)]


def words_of(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), *process.environ().values()])
    except (psutil.Error, OSError):
        return ""


def nothing_runs_in(folder: Path, *, within: float = 20) -> bool:
    until = time.monotonic() + within
    while left := left_in(folder):
        if time.monotonic() > until:
            pytest.fail(f"still running: {[process.cmdline() for process in left]}")
        time.sleep(0.2)
    return True


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with (
        (folder / "out").open("w") as out,
        (folder / "err").open("w") as err,
        subprocess.Popen(
            [*DEMO, *options], stdout=out, stderr=err, text=True, env={**os.environ, "TMPDIR": str(folder)}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_for(folder: Path, sentence: str) -> None:
    until = time.monotonic() + 60
    while sentence not in (folder / "err").read_text():
        assert time.monotonic() < until, (folder / "err").read_text()
        time.sleep(0.1)


def test_it_ends_by_itself_with_results_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.wait(120) == 0, (tmp_path / "err").read_text()
    assert nothing_runs_in(tmp_path, within=0)
    assert list(tmp_path.glob("terrafusion-demo-*")) == []
    shown, told = (tmp_path / "out").read_text(), (tmp_path / "err").read_text()
    assert "price_trend_by_zip · king_wa" in shown
    assert "98115" in shown
    assert "prices at constant quality" in shown
    assert "…" not in shown, "a figure is cut"
    assert "FAILED (simulated_failure)" in shown
    assert "RUNNING" in told
    assert "Status page: http://127.0.0.1:" in told


def test_ctrl_c_stops_all_of_it(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_for(tmp_path, "kafka is up")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert nothing_runs_in(tmp_path, within=0)
    assert list(tmp_path.glob("terrafusion-demo-*")) == []


@pytest.mark.by_hand
def test_kill_9_leaves_nothing_running(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_for(tmp_path, "RUNNING")
        assert len(left_in(tmp_path)) > 3
        process.kill()
    assert nothing_runs_in(tmp_path)


@pytest.mark.by_hand
def test_kept_it_stays_up_until_ctrl_c_and_as_json_it_is_one_document(tmp_path: Path) -> None:
    with demo(tmp_path, "--keep", "--json") as process:
        wait_for(tmp_path, "Ctrl-C stops all of it")
        document = json.loads((tmp_path / "out").read_text())
        assert [job["status"] for job in document["jobs"]] == ["COMPLETED"] * 3 + ["FAILED"]
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert nothing_runs_in(tmp_path, within=0)
