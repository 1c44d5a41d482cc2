"""The examples of docs/examples, run as they stand, against two workers."""

from __future__ import annotations

import json
import os
import re
import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.rig import ROOT, Rig

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.ready()
    return rig


def run(rig: Rig, name: str, *words: str) -> str:
    return python(rig, str(EXAMPLES / name), *words)


def python(rig: Rig, *words: str) -> str:
    told = {**os.environ, "TERRAFUSION_KAFKA_BOOTSTRAP": rig.bootstrap, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *words]
    ran = subprocess.run(command, env=told, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_what_is_asked_over_kafka_is_answered_over_kafka(ready: Rig, tmp_path: Path) -> None:
    job_id = run(ready, "producer.py", "trend_analysis", "lucas_oh", '{"period": "year"}').strip()
    told = run(ready, "consumer.py", str(tmp_path / "answers.sqlite"), job_id)
    (answer,) = [found for found in map(json.loads, told.splitlines()) if found["job_id"] == job_id]
    assert answer["status"] == "COMPLETED"
    assert answer["finding"].startswith("From 1993 to 1997")
    assert answer["file"].endswith(f"/lucas_oh/trend_analysis/{job_id}.parquet")
    assert ready.web.status(job_id)["correlation_id"] == "docs-example"


def test_what_the_page_of_the_client_shows(ready: Rig) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
    told = python(ready, "-c", block.replace("http://127.0.0.1:6066", ready.web.url))
    assert told.startswith("From 2010")
    assert "shape: (" in told


def test_an_answer_that_comes_twice_is_taken_once() -> None:
    consumer: Any = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "consumer.py")))
    database = sqlite3.connect(":memory:")
    database.execute(consumer.TABLE)

    def record(sequence: int) -> Any:
        event = {"job_id": "a", "sequence": sequence, "status": "FAILED"}
        return SimpleNamespace(
            value=json.dumps(event | {"result_summary": None, "result_data_location": None}).encode()
        )

    assert [bool(consumer.take(database, record(sequence))) for sequence in (3, 3, 2, 5)] == [True, False, False, True]


def test_the_client_asks_follows_and_takes_the_answer(ready: Rig) -> None:
    told = run(ready, "client.py", ready.web.url)
    assert "COMPLETED 100% Completed" in told
    assert "From 1993 to 1997" in told
    assert "median_price" in told
    assert "The whole file has 6 rows" in told
    assert told.rstrip().endswith("FAILED: simulated_failure")
