"""What the README tells people to type is typed here, word for word, against a running `dev`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
SHELL = [text for language, text in BLOCK.findall(README) if language == "sh"]
(CLIENT,) = [text for language, text in BLOCK.findall(README) if language == "python"]
USUAL = "http://127.0.0.1:6066"
SALES = "parcel_number,sale_date,sale_price\n" + "".join(
    f"{number},{year}-05-{number % 28 + 1:02},{200_000 + 1_000 * number}\n"
    for year in (2014, 2015)
    for number in range(40)
)


@dataclass
class Terminal:
    """A shell in the folder where `dev` runs, with `.venv/bin` in its PATH."""

    folder: Path
    said: dict[str, Any]

    @property
    def services(self) -> dict[str, str]:
        """What `.terrafusion/env` says, as it stays in a terminal that has read it."""
        lines = (self.folder / ".terrafusion" / "env").read_text().splitlines()
        return dict(line.removeprefix("export ").replace("'", "").split("=", 1) for line in lines if "=" in line)

    def type(self, *command: str) -> str:
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.services, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def shell(self, beginning: str) -> str:
        (block,) = [text for text in SHELL if text.startswith(beginning)]
        return self.type("sh", "-eu", "-c", block.replace(USUAL, self.said["http_url"]))


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("readme")
    command = [sys.executable, "-m", "terrafusion", "dev", "--http-port", "0"]
    with (
        (folder / "err").open("w") as errors,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as dev,
    ):
        try:
            assert dev.stdout is not None
            line = dev.stdout.readline()
            assert line, (folder / "err").read_text()
            yield Terminal(folder, json.loads(line))
        finally:
            dev.terminate()
            dev.wait(60)


def test_with_the_command(terminal: Terminal) -> None:
    told = terminal.shell(". .terrafusion/env")
    assert "98115" in told
    assert re.search(r"COMPLETED +price_trend_by_zip +king_wa", told)


def test_how_to_operate_it(terminal: Terminal) -> None:
    told = terminal.shell("JOB=$(terrafusion run trend")
    assert "The data are the same." in told
    assert re.search(r"county lucas_oh, since .* new records come", told)
    assert "lucas_oh goes on." in told
    assert re.search(r"ok +worker", told)


def test_with_curl_alone(terminal: Terminal) -> None:
    told = terminal.shell("URL=")
    accepted, *events, results = [line for line in told.splitlines() if line.startswith(("{", "data:"))]
    job = json.loads(results)
    assert json.loads(accepted)["job_id"] == job["job_id"]
    assert json.loads(events[-1].removeprefix("data: "))["status"] == job["status"] == "COMPLETED"
    assert job["result"]["trends"]


def test_with_confluent_kafka_alone(terminal: Terminal) -> None:
    client = f"import os; os.environ['TERRAFUSION_KAFKA_BOOTSTRAP'] = {terminal.said['kafka_bootstrap']!r}\n{CLIENT}"
    finding, file = terminal.type(sys.executable, "-c", client).splitlines()
    assert finding.startswith("COMPLETED From 1993 to 1997")
    assert re.fullmatch(r"file:///.*/lucas_oh/trend_analysis/.*\.parquet [0-9a-f]{64}", file)


def test_without_any_service(terminal: Terminal) -> None:
    (terminal.folder / "sales.csv").write_text(SALES)
    assert "Rows read 80, rejected 0" in terminal.shell("terrafusion analyze")
