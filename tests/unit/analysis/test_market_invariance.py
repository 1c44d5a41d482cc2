"""Neither the number of threads nor how the records were cut into files shows in what is measured of the market."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from support.markets import Recipe, market

from terrafusion.analysis.document import render

ROOT = Path(__file__).parents[3]
KINDS = ("price_distribution", "price_per_sqft", "sales_velocity")
ASKED = {"group_by": "zip_code"}

ALONE = """
import sys, polars as pl
from terrafusion.analysis.api import Records
from terrafusion.analysis.document import render
from terrafusion.analysis.registry import load_catalogue
assert pl.thread_pool_size() == 1
catalogue, sales = load_catalogue(), pl.scan_parquet(sys.argv[1])
for kind in sys.argv[2:]:
    wanted = catalogue.check(kind, {"group_by": "zip_code"})
    print(render(catalogue.get(kind).compute(Records("here", "v1", sales), wanted, lambda *_: None)).sha256)
"""


@pytest.fixture
def town(sales):
    made = market(Recipe(homes=3000, periods=30, sales_per_home=2.0), seed=5)
    return sales(**{name: made[name] for name in made.columns})


def files(ask, given):
    return [render(ask(kind, given, **ASKED)).sha256 for kind in KINDS]


def test_the_number_of_threads_does_not_show(ask, town, tmp_path):
    town.write_parquet(tmp_path / "sales.parquet")
    command = [sys.executable, "-c", ALONE, str(tmp_path / "sales.parquet"), *KINDS]
    alone = {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, env=alone, cwd=ROOT, capture_output=True, check=True, text=True, timeout=60)
    assert said.stdout.split() == files(ask, town)


def test_how_the_records_were_split_does_not_show(ask, town):
    parts = [town.slice(at, 700) for at in range(0, town.height, 700)]
    assert files(ask, pl.concat(parts[::-1], rechunk=False)) == files(ask, town)
