"""Files that cannot be taken at all: one sentence that names the file, the column and what is allowed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from terrafusion.ingest.files import UnreadableFile
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records

HEADER = "parcel_number,sale_date,sale_price\n"
ROW = "P,2014-05-31,1\n"


@pytest.mark.parametrize(
    ("text", "complaint", "column"),
    [
        (b"", "empty", None),
        (HEADER.encode(), "no rows", None),
        (b"parcel_number,sale_date\nP,2014-05-31\n", "sale_price is missing", "sale_price"),
        (b"sale_date,sale_price\n2014-05-31,1\n", "parcel_number is missing", "parcel_number"),
        (b"parcel_number,sale_price\nP,1\n", "sale_date is missing", "sale_date"),
        (b"parcel_number;sale_date;sale_price\nP;2014-05-31;1\n", "it has parcel_number;sale_date;sale_price", None),
        (b"parcel_number,sale_date,sale_price,Sale_Price \nP,2014-05-31,1,2\n", "sale_price names 2 columns", None),
        (b"parcel_number,sale_date,sale_price,\nP,2014-05-31,1,2\n", "column 4 has no name", None),
        ((HEADER.replace("date", "d\xe2te") + ROW).encode("latin-1"), "not in UTF-8", None),
        ((HEADER + ROW).encode("utf-16"), "not in UTF-8", None),
        ((HEADER + ROW + 'P,2014-05-31,"1"2\n').encode(), "no regular CSV", None),
        ((HEADER + ROW + '"P,2014-05-31,1\n').encode(), "no regular CSV", None),
    ],
)
def test_a_csv_that_is_none_of_sales(tmp_path: Path, text: bytes, complaint: str, column: str | None) -> None:
    file = tmp_path / "sales.csv"
    file.write_bytes(text)
    with pytest.raises(UnreadableFile, match=complaint) as raised:
        read_records(file, SALES)
    assert str(raised.value).startswith("sales.csv: ")
    assert raised.value.allowed
    if column:
        assert raised.value.field == column


def rejected(tmp_path: Path, text: bytes) -> list[tuple[int, str | None, str, str | None]]:
    """Return row, column, reason and value of each; the others are read."""
    file = tmp_path / "sales.csv"
    file.write_bytes(text)
    read = read_records(file, SALES)
    told = read.rejected.select("row", "column", "reason", "value").rows()
    assert read.read == read.records.height + len(told)
    assert all(read.rejected["message"].str.len_chars() > 20)
    return told


def test_rows_in_another_encoding_are_told_of(tmp_path: Path) -> None:
    rows = [HEADER, ROW, "P\xe9,2014-05-31,1\n", "P,2014-05-31,1\n"]
    text = "\ufeff".encode() + b"".join(row.encode("latin-1") for row in rows) + "\xe9,2014-05-31,1\n".encode()
    assert rejected(tmp_path, text) == [(2, "parcel_number", "not_utf8", "P\ufffd")]


def test_rows_with_too_few_and_too_many_cells_are_told_of(tmp_path: Path) -> None:
    lines = [ROW, "P,2014-05-31,1,2,3\n", "\n", "P,2014-05-31\n", ",,\n", "P,2014-05-31,$425,000\n", ROW]
    assert rejected(tmp_path, (HEADER + "".join(lines)).encode()) == [
        (2, None, "too_many_cells", None),
        (4, None, "too_few_cells", None),
        (6, None, "too_many_cells", None),
    ]


def test_the_first_row_may_be_the_longest(tmp_path: Path) -> None:
    assert rejected(tmp_path, f"{HEADER}P,2014-05-31,1,2\n{ROW}".encode()) == [(1, None, "too_many_cells", None)]


def test_lines_within_quotes_are_no_rows(tmp_path: Path) -> None:
    text = 'parcel_number,sale_date,sale_price,remark\nP,2014-05-31,1,"a\nb,""c"""\nP,2014-05-31\n'
    assert rejected(tmp_path, text.encode()) == [(2, None, "too_few_cells", None)]


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(f'parcel_number,sale_date,sale_price,outline\nP,2014-05-31,1,"{"9," * 200_000}"\n')
    assert len(read_records(file, SALES).records["attributes"][0]) > 400_000


def test_an_empty_column_without_a_name_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("parcel_number,sale_date,sale_price,\nP,2014-05-31,1,\n")
    assert read_records(file, SALES).records["attributes"].to_list() == [None]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    file = tmp_path / "sales.parquet"
    pl.DataFrame({"parcel_number": ["P"] * 9, "sale_year": [2015] * 9, "sale_price": range(1, 10)}).write_parquet(file)
    return file


@pytest.mark.parametrize("keep", [0, 3, 40, 0.5, -1])
def test_a_parquet_file_cut_short(whole: Path, keep: float) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: int(keep * len(data)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(UnreadableFile, match=r"sales.parquet: it is no whole Parquet file"):
        read_records(whole, SALES)


def test_a_parquet_file_with_a_hole(whole: Path) -> None:
    data = bytearray(whole.read_bytes())
    data[4:60] = bytes(56)
    whole.write_bytes(data)
    with pytest.raises(UnreadableFile, match="no whole Parquet file"):
        read_records(whole, SALES)


def test_a_column_of_lists_is_no_price(tmp_path: Path) -> None:
    file = tmp_path / "sales.parquet"
    pl.DataFrame({"parcel_number": ["P"], "sale_year": [2015], "sale_price": [[1]]}).write_parquet(file)
    with pytest.raises(UnreadableFile, match="sale_price is of type List") as raised:
        read_records(file, SALES)
    assert raised.value.field == "sale_price"


@pytest.mark.parametrize("name", ["sales.xlsx", "sales", "none.csv", "folder.csv"])
def test_what_is_no_file_of_a_known_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "sales").write_text(HEADER + ROW)
    with pytest.raises(UnreadableFile, match=r"\.parquet or \.csv"):
        read_records(tmp_path / name, SALES)
