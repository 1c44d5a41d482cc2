"""The commands of loading, as scripts see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from terrafusion.adapters.objects import Objects
from terrafusion.analysis.api import Records
from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli import analyze, data
from terrafusion.errors import InvalidRequest
from terrafusion.samples import sample_file


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    data.add(app)
    analyze.add(app)
    return app


@pytest.fixture
def run(app: typer.Typer, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", database_url)
    monkeypatch.setenv("TERRAFUSION_DATA_DIR", str(tmp_path / "data"))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return invoke


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.exception
    return orjson.loads(result.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sales.csv"
    file.write_text("parcel_number,sale_date,sale_price\nA,2014-05-31,1000\nB,soon,1000\nC,2015-05-31,-1\n")
    return file


def test_rows_are_accounted_for(run: Any, file: Path) -> None:
    told = document(run("load", "sales", str(file), "--county", "here", "--json"))
    assert (told["read"], told["loaded"], told["unchanged"], told["rejected"]) == (3, 1, 0, 2)
    assert told["rejected_by_reason"] == {"bad_date": 1, "price_not_positive": 1}
    assert told["rejected_file"] == str(file.with_name("sales.rejected.csv"))
    assert pl.read_csv(told["rejected_file"]).rows() == [
        (2, "sale_date", "bad_date", "soon", "sale_date: it is no date that is known; write it as 2014-05-31"),
        (3, "sale_price", "price_not_positive", "-1", "sale_price: a price is above 0"),
    ]


def test_the_counties_are_listed(run: Any, file: Path) -> None:
    assert document(run("counties", "--json")) == {"counties": []}
    assert "No county is loaded" in run("counties").stdout
    loaded = document(run("load", "sales", str(file), "--county", "here", "--json"))
    (county,) = document(run("counties", "--json"))["counties"]
    assert (county["county_id"], county["sales"], county["first_sale"]) == ("here", 1, "2014-05-31")
    assert county["data_version"] == loaded["data_version"]
    assert "here" in run("counties").stdout


def test_people_are_told_in_a_table(run: Any, file: Path) -> None:
    told = run("load", "sales", str(file), "--county", "here").stdout
    assert "bad_date" in told
    assert "1  new" in told
    assert "(new)" in told
    assert "(unchanged)" in run("load", "sales", str(file), "--county", "here").stdout


def test_the_file_of_rejected_rows_goes_when_none_is_rejected(run: Any, file: Path) -> None:
    run("load", "sales", str(file), "--county", "here")
    file.write_text("parcel_number,sale_date,sale_price\nA,2014-05-31,1000\n")
    run("load", "sales", str(file), "--county", "here")
    assert not file.with_name("sales.rejected.csv").exists()


def test_a_file_without_a_good_row_changes_nothing(run: Any, file: Path) -> None:
    document(run("load", "sales", str(file), "--county", "here", "--json"))
    before = document(run("counties", "--json"))
    file.write_text("parcel_number,sale_date,sale_price\nA,31.05.14,1000\n")
    result = run("load", "sales", str(file), "--county", "here", "--replace")
    assert isinstance(result.exception, InvalidRequest)
    assert file.with_name("sales.rejected.csv").exists()
    assert document(run("counties", "--json")) == before


@pytest.mark.parametrize("county", ["../up", "", "a b", "a" * 101])
def test_a_county_that_no_request_could_name_is_refused(run: Any, file: Path, county: str) -> None:
    result = run("load", "sales", str(file), "--county", county)
    assert isinstance(result.exception, InvalidRequest)
    assert result.exception.field == "county"


def test_a_job_and_a_file_are_answered_with_the_same_bytes(run: Any) -> None:
    file = str(sample_file("lucas_oh"))
    loaded = document(run("load", "sales", file, "--county", "lucas_oh", "--json"))
    at_hand = document(run("analyze", "trend_analysis", "--sales", file, "--county", "lucas_oh", "--json"))
    assert at_hand["data_version"] == loaded["data_version"]
    catalogue = load_catalogue()
    root = loaded["snapshot_uri"].partition("/snapshots/")[0]
    snapshot = Objects(root).local_copy(loaded["snapshot_uri"], Path("nowhere"))
    answer = catalogue.get("trend_analysis").compute(
        Records("lucas_oh", loaded["data_version"], pl.scan_parquet(snapshot), CountyProfile()),
        catalogue.check("trend_analysis", {}),
        lambda *_: None,
    )
    rendered = render(answer)
    assert at_hand["result_sha256"] == rendered.sha256
    assert at_hand["result"] == orjson.loads(orjson.dumps(rendered.document)) | {"result_data_location": None}


def test_a_file_as_it_comes_from_an_office(run: Any, tmp_path: Path) -> None:
    """Every row that has one meaning is loaded; of each other one it is told where it stands and why."""
    file = tmp_path / "export.csv"
    rows = [
        "Parcel_Number,SALE_DATE,sale_price,buyer",
        'A,12/31/2015,"$425,000",Ann',
        "B,20151231,425000,Bob",
        "C,31.12.2015,425000.00,Zo\xeb",
        "D,03/04/2015,425000,Dan",
        "E,2015-12-31,$425,000,Eve",
        "F,2015-12-31,425000",
        "G,2015-12-31,four,Gus",
        "",
        "H,2015-12-31T10:00:00,425000,Hal",
    ]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode("latin-1"))
    told = document(run("load", "sales", str(file), "--county", "here", "--json"))
    assert (told["read"], told["new"], told["rejected"]) == (8, 3, 5)
    assert pl.read_csv(told["rejected_file"]).select("row", "column", "reason", "value").rows() == [
        (3, "buyer", "not_utf8", "Zo\ufffd"),
        (4, "sale_date", "ambiguous_date", "03/04/2015"),
        (5, None, "too_many_cells", None),
        (6, None, "too_few_cells", None),
        (7, "sale_price", "price_not_a_number", "four"),
    ]
    (county,) = document(run("counties", "--json"))["counties"]
    assert (county["sales"], county["first_sale"], county["last_sale"]) == (3, "2015-12-31", "2015-12-31")


@pytest.mark.parametrize("kind", ["sales", "properties", "listings"])
def test_a_parquet_file_cut_short_changes_nothing(run: Any, file: Path, kind: str) -> None:
    document(run("load", "sales", str(file), "--county", "here", "--json"))
    before = document(run("counties", "--json"))
    short = file.with_name("short.parquet")
    short.write_bytes(sample_file("lucas_oh").read_bytes()[:100_000])
    result = run("load", kind, str(short), "--county", "here", "--replace")
    assert isinstance(result.exception, InvalidRequest)
    assert "no whole Parquet file" in str(result.exception)
    assert document(run("counties", "--json")) == before
