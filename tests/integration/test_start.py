"""A worker that does not come to its work ends itself, and says why: nobody else would notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from terrafusion.adapters.guard import EXIT_LOOP, EXIT_STOOD_STILL
from terrafusion.embedded.processes import free_port

ROOT = Path(__file__).parents[2]
WITHIN_S = 120
WORKER = "from terrafusion.settings import Settings; from terrafusion.worker import run; run(Settings())"
"""Without the command's own look at the services."""


def start(folder: Path, wedged: str) -> subprocess.Popen[str]:
    given = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "WEDGED": wedged,
        "TERRAFUSION_ANALYSIS_MODULES": "support.wedged",
        "TERRAFUSION_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
        "TERRAFUSION_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "TERRAFUSION_DATA_DIR": str(folder / wedged),
        "TERRAFUSION_HTTP_PORT": str(free_port()),
        "TERRAFUSION_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-c", WORKER]
    return subprocess.Popen(command, env={**os.environ, **given}, stderr=subprocess.PIPE, text=True)


def waited_for(worker: subprocess.Popen[str]) -> list[str]:
    """Return what it said to its end."""
    with worker:
        try:
            return worker.communicate(timeout=WITHIN_S)[1].splitlines()
        finally:
            worker.kill()


@pytest.mark.timeout(2 * WITHIN_S)
def test_a_worker_that_is_wedged_before_it_has_begun_ends_itself(tmp_path: Path) -> None:
    ways = {
        "import": (EXIT_STOOD_STILL, "start"),
        "service": (EXIT_STOOD_STILL, "start"),
        "loop": (EXIT_LOOP, "loop"),
    }
    workers = {way: start(tmp_path, way) for way in ways}
    ends = {way: waited_for(worker) for way, worker in workers.items()}
    for way, said in ends.items():
        worker, (code, part) = workers[way], ways[way]
        assert worker.returncode == code, (way, said)
        [told] = [orjson.loads(line) for line in said if "worker ends itself" in line]
        assert (told["part"], told["exit_code"]) == (part, code)
        [words] = (tmp_path / way).glob("last-words-*.json")
        assert orjson.loads(words.read_bytes()) == {part: 1}
