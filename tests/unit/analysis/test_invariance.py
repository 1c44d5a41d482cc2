"""What must not show in any answer: the order of the records, how they are cut into files, the number of threads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import digests
from support.markets import county, large, roll

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[3]
FORMS = {"split": 1, "shuffled": 2}
"""How the records are handed over, and to which of the processes."""


def started(folder, threads, *forms):
    """Ask every type in a process of its own, with so many threads in all that computes."""
    counts = dict.fromkeys(("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(threads))
    command = [sys.executable, digests.__file__, str(folder), *forms]
    told = {"PATH": "", "PYTHONPATH": str(ROOT)} | counts
    return subprocess.Popen(command, env=told, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The digests by number of threads and form; the two processes run beside each other."""
    folder = tmp_path_factory.mktemp("county")
    recipe = large(4_000)
    county(recipe, seed=1).write_parquet(folder / "sales.parquet")
    roll(recipe, seed=1).write_parquet(folder / "roll.parquet")
    processes = {1: started(folder, 1, "sorted", "split"), 2: started(folder, 2, "sorted", "shuffled")}
    said = {threads: process.communicate(timeout=500) for threads, process in processes.items()}
    assert not any(process.returncode for process in processes.values()), said
    return {threads: json.loads(printed) for threads, (printed, _) in said.items()}


@pytest.mark.parametrize("name", digests.asked())
def test_the_number_of_threads_does_not_show(found, name):
    assert found[2]["sorted"][name] == found[1]["sorted"][name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", digests.asked())
def test_neither_order_nor_cutting_shows(found, name, form):
    threads = FORMS[form]
    assert found[threads][form][name] == found[threads]["sorted"][name]
