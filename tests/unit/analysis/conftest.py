"""Sales made by hand, the sample counties, and one call that asks an analysis."""

import json
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from terrafusion.analysis.api import Answer, Records
from terrafusion.analysis.frames import SALES_ORDER, SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue

REFERENCE = Path(__file__).parents[4] / "shared" / "reference"


def _conform(sales: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.col(name).cast(kind) if name in sales.columns else pl.lit(None, kind).alias(name)
        for name, kind in SALES_SCHEMA.items()
    ]
    return sales.select(columns).sort(SALES_ORDER)


@pytest.fixture
def sales() -> Callable[..., pl.DataFrame]:
    """Make sales of the one schema from columns; ids and parcels are numbered where not given."""

    def make(**columns: Any) -> pl.DataFrame:
        given = pl.DataFrame(columns)
        numbers = pl.int_range(given.height).cast(pl.String)
        for name in ("sale_id", "parcel_number"):
            given = given if name in columns else given.with_columns(numbers.alias(name))
        return _conform(given)

    return make


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """Ask an analysis of a frame of sales, with a profile where it matters."""
    catalogue = load_catalogue()

    def run(kind: str, given: pl.DataFrame, profile: CountyProfile | None = None, **parameters: Any) -> Answer:
        records = Records("here", "v1", given.lazy(), profile or CountyProfile())
        return catalogue.get(kind).answer(records, catalogue.check(kind, parameters), lambda done, doing: None)

    return run


@pytest.fixture
def known(ask: Callable[..., Answer]) -> Callable[..., Answer]:
    """Ask once a test of a frame what its examples are held against."""
    answers: dict[tuple[str, int, str], tuple[pl.DataFrame, Answer]] = {}

    def run(kind: str, given: pl.DataFrame, **parameters: Any) -> Answer:
        asked = (kind, id(given), json.dumps(parameters, sort_keys=True))
        if asked not in answers:
            answers[asked] = given, ask(kind, given, **parameters)
        return answers[asked][1]

    return run


@pytest.fixture(scope="session")
def king_wa() -> pl.DataFrame:
    """The sample county with characteristics: 43,313 Seattle sales."""
    with as_file(files("terrafusion") / "samples" / "king_wa_sales.parquet") as path:
        return _conform(pl.read_parquet(path))


@pytest.fixture(scope="session")
def lucas_oh() -> pl.DataFrame:
    """The sample county with assessed values: 25,357 sales."""
    with as_file(files("terrafusion") / "samples" / "lucas_oh_sales.parquet") as path:
        given = pl.read_parquet(path)
    storeys = pl.col("stories").replace_strict({"one": 1.0, "one+half": 1.5, "two": 2.0}, default=None)
    return _conform(given.with_columns(storeys, sale_id=pl.col("parcel_number")))


@pytest.fixture(scope="session")
def king_2014_15() -> pl.DataFrame:
    """21,597 sales of King County with the recorded ZIP, which the project does not carry."""
    path = REFERENCE / "counties" / "kingcounty_2014_15_sales.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return _conform(pl.read_parquet(path).with_row_index("sale_id"))


@pytest.fixture(scope="session")
def king_2014_15_months() -> pl.DataFrame:
    """Another engine's monthly figures of the same sales."""
    path = REFERENCE / "index" / "kingcounty_2014_15_month.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return pl.read_csv(path)


@pytest.fixture(scope="session")
def reference() -> Callable[[str], pl.DataFrame]:
    """Read a table of reference that the project does not carry; skips where it is not here."""

    def read(name: str) -> pl.DataFrame:
        path = REFERENCE / name
        if not path.exists():
            pytest.skip(f"{path} is not here")
        return pl.read_csv(path, null_values="NA")

    return read
