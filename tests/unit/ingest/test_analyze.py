"""`analyze`: an answer from a file, without any service."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import orjson
import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from terrafusion.cli import analyze
from terrafusion.cli.loading import write_rejected
from terrafusion.errors import InvalidParameters, InvalidRequest, UnknownAnalysisType
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.samples import sample_file

Run = Callable[..., Result]
YEARS = '{"period": "year"}'


@pytest.fixture(scope="module")
def run() -> Run:
    app = typer.Typer()
    analyze.add(app)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sales.csv"
    rows = [f"P{n % 20},201{n % 3}-05-31,{100_000 + n},98103" for n in range(60)]
    file.write_text("\n".join(["parcel_number,sale_date,sale_price,zip_code", *rows, *rows, "Q,soon,1,98103"]))
    return file


def test_one_document_is_printed(run: Run, file: Path) -> None:
    result = run("trend_analysis", "--sales", file, "--params", YEARS, "--json")
    assert result.exit_code == 0, result.exception
    document = orjson.loads(result.stdout)
    assert document["analysis_type"] == "trend_analysis"
    assert document["parameters"]["period"] == "year"
    assert document["file"]["rejected_by_reason"] == {"bad_date": 1}
    assert document["result"]["data_quality"]["read"] == 120  # repeated rows stay
    assert set(document["result"]) == {
        "result_summary", "data_quality", "warnings", "trends", "rows", "pictures", "result_data_location",
    }  # fmt: skip


def test_the_files_are_written(run: Run, file: Path, tmp_path: Path) -> None:
    document = orjson.loads(
        run("trend_analysis", "--sales", file, "--params", YEARS, "--out", tmp_path / "o/ut", "--json").stdout
    )
    written = tmp_path / "o/ut/trend_analysis.parquet"
    assert document["result"]["result_data_location"] == written.as_uri()
    assert sha256(written.read_bytes()).hexdigest() == document["result_sha256"]
    beside = orjson.loads(written.with_suffix(".json").read_bytes())
    assert beside["trends"] == document["result"]["trends"]
    assert [path.name for path in sorted(written.parent.iterdir())] == ["trend_analysis.json", "trend_analysis.parquet"]


def test_the_order_of_rows_does_not_matter(run: Run, tmp_path: Path) -> None:
    sales = pl.read_parquet(sample_file("lucas_oh"))
    sales.sample(fraction=1, shuffle=True, seed=3).write_parquet(tmp_path / "shuffled.parquet")
    one, other = (
        orjson.loads(run("price_trend_by_zip", "--sales", each, "--params", YEARS, "--json").stdout)
        for each in (sample_file("lucas_oh"), tmp_path / "shuffled.parquet")
    )
    assert one == other


def test_people_read_the_finding_and_a_table(run: Run, file: Path) -> None:
    told = run("trend_analysis", "--sales", file, "--params", YEARS).stdout
    assert "median" in told
    assert "2012" in told
    assert "rejected 1" in told


@pytest.mark.parametrize(
    ("words", "error", "field"),
    [
        (("nope",), UnknownAnalysisType, "analysis_type"),
        (("trend_analysis", "--params", "{"), InvalidParameters, "params"),
        (("trend_analysis", "--params", "[]"), InvalidParameters, "params"),
        (("trend_analysis", "--params", '{"period": "day"}'), InvalidParameters, "period"),
        (("trend_analysis", "--county", "a/b"), InvalidRequest, "county"),
        (("trend_analysis", "--out", "/proc/none"), InvalidRequest, "out"),
    ],
)
def test_wrong_usage_is_told_by_field(
    run: Run, file: Path, words: tuple[str, ...], error: type[InvalidRequest], field: str
) -> None:
    result = run(*words, "--sales", file)
    assert isinstance(result.exception, error)
    assert result.exception.field == field


def test_a_file_without_a_good_row_has_no_answer(run: Run, file: Path) -> None:
    file.write_text("parcel_number,sale_date,sale_price\nA,31.05.14,1\n")
    result = run("trend_analysis", "--sales", file)
    assert isinstance(result.exception, InvalidRequest)
    assert "each of its 1 rows is rejected" in str(result.exception)


def test_a_file_of_properties_is_part_of_what_is_analysed(run: Run, file: Path, tmp_path: Path) -> None:
    parcels = tmp_path / "parcels.csv"
    parcels.write_text("parcel_number,year_built\nP1,1990\nP2,old\n")
    alone = orjson.loads(run("trend_analysis", "--sales", file, "--params", YEARS, "--json").stdout)
    ran = run("trend_analysis", "--sales", file, "--properties", parcels, "--params", YEARS, "--json")
    document = orjson.loads(ran.stdout)
    assert (alone["properties_file"], document["properties_file"]["read"]) == (None, 2)
    assert [caution["code"] for caution in document["properties_file"]["warnings"]] == ["unreadable_cells"]
    assert document["data_version"] != alone["data_version"]
    assert document["result"]["trends"] == alone["result"]["trends"]
    assert "Properties: rows read 2" in run("trend_analysis", "--sales", file, "--properties", parcels).stdout


def test_rejected_rows_that_cannot_be_written_are_told_with_the_cause(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_rejected(tmp_path / "gone" / "sales.csv", read_records(file, SALES)) is None
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot be written: " in said
    assert "No such file or directory" in said
