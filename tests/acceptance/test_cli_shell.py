"""The command as a shell runs it: pipes that end early, closed outputs, Ctrl-C, full disks, and its two names."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

PYTHON = shlex.quote(sys.executable)
COMMAND = shlex.quote(str(Path(sys.executable).with_name("terrafusion")))
MODULE = f"{PYTHON} -m terrafusion"
SALES = Path(__file__).parents[2] / "terrafusion" / "samples" / "lucas_oh_sales.parquet"
ANALYZE = f'analyze trend_analysis --sales {shlex.quote(str(SALES))} --params \'{{"period": "year"}}\''


def shell(line: str, **told: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "TERRAFUSION_HTTP_PORT": "1", **told}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, timeout=60, env=given, check=False
    )


def test_both_names_are_one_command() -> None:
    by_name, by_module = shell(f"{COMMAND} --version"), shell(f"{MODULE} --version")
    assert by_name.stdout == by_module.stdout == f"terrafusion {version('terrafusion-market-analysis')}\n"
    assert shell(f"{COMMAND} --help").stdout == shell(f"{MODULE} --help").stdout


def test_a_reader_that_leaves_early_is_no_error_to_tell() -> None:
    ran = shell(f"{MODULE} schema openapi | head -n 1")
    assert (ran.stdout, ran.stderr) == ("{\n", "")


def test_a_reader_that_has_left_is_no_error_to_tell() -> None:
    ran = shell(f"{MODULE} schema events | true; {MODULE} --help | true")
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize("words", ["--help", "schema events", "config show", ANALYZE])
def test_stdout_closed(words: str) -> None:
    ran = shell(f"{MODULE} {words} >&-")
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)


@pytest.mark.parametrize("words", ["list", "--nix", "status 7"])
def test_stderr_closed(words: str) -> None:
    ran = shell(f"{MODULE} {words} 2>&-")
    assert (ran.returncode, ran.stdout, ran.stderr) == (3 if words == "list" else 2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("words", ["--help", "schema events", "config show --json"])
def test_no_room_for_the_answer_is_told(words: str) -> None:
    ran = shell(f"{MODULE} {words} >/dev/full")
    assert (ran.returncode, ran.stderr) == (1, "terrafusion: No space left on device.\n")


def test_progress_is_plain_lines_beside_the_one_document() -> None:
    ran = shell(f"{MODULE} {ANALYZE} --json")
    assert json.loads(ran.stdout)["analysis_type"] == "trend_analysis"
    first, *more = ran.stderr.splitlines()
    assert first == "Reading lucas_oh_sales.parquet"
    assert len(more) == len(set(more)) > 0
    assert "\x1b" not in ran.stderr


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Somebody who listens and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize("words", ["list", "status 0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10", "doctor"])
def test_ctrl_c_ends_a_command_that_waits(words: str, silent: socket.socket) -> None:
    port = silent.getsockname()[1]
    told = {**os.environ, "TERRAFUSION_HTTP_PORT": str(port), "TERRAFUSION_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [sys.executable, "-m", "terrafusion", *words.split()],
        env=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        asking, _ = silent.accept()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=20)
        asking.close()
    assert (waiting.returncode, out, err) == (130, "", "")
