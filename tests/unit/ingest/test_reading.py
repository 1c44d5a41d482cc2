"""Files of sales as counties send them: what is read, what is rejected and why."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.ingest.cells import DateOrder
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import RecordsFile, read_records
from terrafusion.ingest.repeats import without_repeats

GOOD = {"parcel_number": "P1", "sale_date": "2014-05-31", "sale_price": "250000"}


def read_csv(tmp_path: Path, text: str) -> RecordsFile:
    file = tmp_path / "sales.csv"
    file.write_text(text, encoding="utf-8")
    return read_records(file, SALES)


def read_rows(tmp_path: Path, *rows: dict[str, Any]) -> RecordsFile:
    file = tmp_path / "sales.csv"
    pl.DataFrame([GOOD | row for row in rows], infer_schema_length=None).write_csv(file)
    return read_records(file, SALES)


def only(file: RecordsFile) -> dict[str, Any]:
    assert file.rejected.is_empty()
    (row,) = file.records.to_dicts()
    return row


def test_the_frame_has_the_one_schema(tmp_path: Path) -> None:
    file = read_rows(tmp_path, {})
    assert file.records.schema == SALES_SCHEMA | {"attributes": pl.String(), "row": pl.UInt32()}
    assert (file.read, file.records.height, file.warnings) == (1, 1, [])


def test_names_are_found_whatever_their_case_and_order(tmp_path: Path) -> None:
    row = only(read_csv(tmp_path, "\ufeff Sale_Price ,ZIP_CODE,Parcel_Number,SALE_DATE\n1,02134,P,2014-05-31\n"))
    assert (row["parcel_number"], row["sale_price"], row["zip_code"]) == ("P", 1.0, "02134")


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("250000", 250_000.0),
        (" $250,000.50 ", 250_000.5),
        ("$1,250,000", 1_250_000.0),
        ("$ 99", 99.0),
        ("250 000", 250_000.0),
        ("2.5e5", 250_000.0),
        ("1,5", None),
        ("1.250.000,00", None),
        ("12,34,567", None),
        ("inf", None),
        ("a lot", None),
    ],
)
def test_prices_as_people_write_them(tmp_path: Path, written: str, price: float | None) -> None:
    file = read_rows(tmp_path, {"sale_price": written})
    assert file.records["sale_price"].to_list() == ([] if price is None else [price])
    assert file.reasons == ({} if price else {"price_not_a_number": 1})


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2014-05-31", date(2014, 5, 31)),
        ("2014-05-31T23:59:59", date(2014, 5, 31)),
        ("2014-05-31 00:00:00.000Z", date(2014, 5, 31)),
        ("2014-5-31", date(2014, 5, 31)),
        ("2014/05/31", date(2014, 5, 31)),
        ("20140531", date(2014, 5, 31)),
        ("05/31/2014", date(2014, 5, 31)),
        ("5/31/2014 12:00:00 AM", date(2014, 5, 31)),
        ("31.05.2014", date(2014, 5, 31)),
        ("31-5-2014", date(2014, 5, 31)),
        ("04/04/2014", date(2014, 4, 4)),
        ("2014-02-30", None),
        ("02/30/2014", None),
        ("13/13/2014", None),
        ("05/31/14", None),
        ("05/31-2014", None),
        ("2014053", None),
        ("2014-05-31x", None),
        ("41790", None),
    ],
)
def test_dates_of_one_reading(tmp_path: Path, written: str, day: date | None) -> None:
    file = read_rows(tmp_path, {"sale_date": written})
    assert file.records["sale_date"].to_list() == ([] if day is None else [day])
    assert file.reasons == ({} if day else {"bad_date": 1})


@pytest.mark.parametrize("written", ["03/04/2014", "3.4.2014", "03-04-2014 10:00"])
def test_a_date_of_two_readings_is_refused_unless_somebody_says_which(tmp_path: Path, written: str) -> None:
    file = read_rows(tmp_path, {"sale_date": written})
    assert file.rejected.rows() == [
        (
            1,
            "sale_date",
            "ambiguous_date",
            written,
            "sale_date: it may be month first or day first; write it as 2014-05-31, or load with --date-order",
        )
    ]
    path = tmp_path / "sales.csv"
    by_month, by_day = (read_records(path, SALES, order).records["sale_date"].to_list() for order in DateOrder)
    assert (by_month, by_day) == ([date(2014, 3, 4)], [date(2014, 4, 3)])


def test_what_contradicts_the_order_that_was_said_is_no_date(tmp_path: Path) -> None:
    read_rows(tmp_path, {"sale_date": "31/05/2014"}, {"sale_date": "05/31/2014"}, {})
    file = read_records(tmp_path / "sales.csv", SALES, DateOrder.MONTH_FIRST)
    assert file.rejected.select("row", "reason").rows() == [(1, "bad_date")]


def test_numbers_of_eight_digits_are_dates(tmp_path: Path) -> None:
    file = tmp_path / "sales.parquet"
    sales = pl.DataFrame({"parcel_number": "P", "sale_date": [20140531, 2014], "sale_price": 1})
    sales.write_parquet(file)
    read = read_records(file, SALES)
    assert read.records["sale_date"].to_list() == [date(2014, 5, 31)]
    assert read.reasons == {"year_alone": 1}


def test_a_year_in_place_of_a_date_is_told_where_it_belongs(tmp_path: Path) -> None:
    file = read_rows(tmp_path, {"sale_date": "2010"}, {"sale_date": "1066"}, {"sale_date": "3010"})
    assert file.rejected["reason"].to_list() == ["year_alone", "bad_date", "bad_date"]
    said = "sale_date: it is a year without a day; put it into a column sale_year"
    assert file.rejected["message"][0] == said


@pytest.mark.parametrize(
    ("change", "reason", "column"),
    [
        ({"parcel_number": " "}, "missing_parcel", "parcel_number"),
        ({"sale_date": None}, "missing_date", "sale_date"),
        ({"sale_date": "soon"}, "bad_date", "sale_date"),
        ({"sale_date": "0014-05-31"}, "date_out_of_range", "sale_date"),
        ({"sale_date": "2914-05-31"}, "date_out_of_range", "sale_date"),
        ({"sale_price": None}, "missing_price", "sale_price"),
        ({"sale_price": "n/a"}, "price_not_a_number", "sale_price"),
        ({"sale_price": "€1,250,000"}, "price_not_in_dollars", "sale_price"),
        ({"sale_price": "-£ 99"}, "price_not_in_dollars", "sale_price"),
        ({"sale_price": "99 ¥"}, "price_not_in_dollars", "sale_price"),
        ({"sale_price": "$soon"}, "price_not_a_number", "sale_price"),
        ({"sale_price": "0"}, "price_not_positive", "sale_price"),
        ({"sale_price": "-5"}, "price_not_positive", "sale_price"),
        ({"buyer": "A\0B"}, "nul_character", "buyer"),
        ({"remark": "A\0B"}, "nul_character", "remark"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_of(tmp_path: Path, change: dict[str, Any], reason: str, column: str) -> None:
    file = read_rows(tmp_path, {"buyer": "x", "remark": "y"}, {"buyer": "x", "remark": "y"} | change, {"buyer": "x"})
    (told,) = file.rejected.to_dicts()
    assert (told["row"], told["reason"], told["column"]) == (2, reason, column)
    assert (told["value"] or "").strip() == (change[column] or "").strip()
    assert file.read == 3
    assert file.records["row"].to_list() == [1, 3]


def test_one_row_has_one_reason(tmp_path: Path) -> None:
    file = read_rows(tmp_path, {"parcel_number": None, "sale_date": "x", "sale_price": "-1"})
    assert file.reasons == {"missing_parcel": 1}


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    file = read_csv(tmp_path, "parcel_number,sale_date,sale_price\n\nP,2014-05-31,-1\n,,\n")
    assert file.read == 1
    assert file.rejected["row"].to_list() == [2]


def test_a_year_stands_for_its_first_of_july(tmp_path: Path) -> None:
    file = read_csv(tmp_path, "parcel_number,sale_year,sale_price\nA,2015,1\nB,2015.5,1\nC,,1\nD,15,1\n")
    assert file.records.select("parcel_number", "sale_date", "year_only").rows() == [("A", date(2015, 7, 1), True)]
    assert file.reasons == {"bad_year": 1, "missing_date": 1, "date_out_of_range": 1}
    assert [caution.code for caution in file.warnings] == ["year_only_dates"]


@pytest.mark.parametrize(
    ("day", "count", "told"), [("01-01", 10, 1), ("07-01", 10, 1), ("01-01", 9, 0), ("03-01", 10, 0)]
)
def test_a_day_that_may_stand_for_a_year_is_told(tmp_path: Path, day: str, count: int, told: int) -> None:
    rows = [f"A{at},2015-{day},1" for at in range(count)] + [f"B{at},2015-05-{at % 28 + 1:02},1" for at in range(100)]
    file = read_csv(tmp_path, "\n".join(["parcel_number,sale_date,sale_price", *rows]))
    assert [caution.code for caution in file.warnings] == ["dates_for_years"] * told
    few = [*rows, *(f"C{at},2015-06-02,1" for at in range(100))]
    assert not read_csv(tmp_path, "\n".join(["parcel_number,sale_date,sale_price", *few])).warnings


def test_of_a_file_that_knows_months_alone_no_day_stands_for_a_year(tmp_path: Path) -> None:
    rows = [f"A{at},2015-{at % 12 + 1:02}-01,1" for at in range(240)]
    assert not read_csv(tmp_path, "\n".join(["parcel_number,sale_date,sale_price", *rows])).warnings


def test_a_date_goes_before_a_year(tmp_path: Path) -> None:
    text = "parcel_number,sale_date,sale_year,sale_price\nA,2014-05-31,2015,1\nB,,2015,1\nC,bad,2015,1\n"
    file = read_csv(tmp_path, text)
    assert file.records["sale_date"].to_list() == [date(2014, 5, 31), date(2015, 7, 1)]
    assert file.records["year_only"].to_list() == [False, True]
    assert file.reasons == {"bad_date": 1}


def test_unknown_columns_become_attributes(tmp_path: Path) -> None:
    row = only(read_csv(tmp_path, 'parcel_number,sale_date,sale_price,Wall,Rooms\nP,2014-05-31,1,"a ""b""\\",\n'))
    assert orjson.loads(row["attributes"]) == {"wall": 'a "b"\\'}


def test_no_unknown_columns_are_no_attributes(tmp_path: Path) -> None:
    assert only(read_rows(tmp_path, {}))["attributes"] is None


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("stories", "bilevel"),
        ("latitude", "91"),
        ("longitude", "-180.5"),
        ("year_built", "1950.5"),
        ("year_built", "19850"),
        ("lot_size_sqft", "-1"),
        ("bedrooms", "some"),
        ("waterfront", "perhaps"),
        ("parcels_in_deed", "0"),
    ],
)
def test_a_cell_that_cannot_be_read_is_missing_and_kept(tmp_path: Path, column: str, written: str) -> None:
    file = read_rows(tmp_path, {column: written})
    row = only(file)
    assert row[column] is None
    assert orjson.loads(row["attributes"]) == {column: written}
    assert [caution.code for caution in file.warnings] == ["unreadable_cells"]
    assert column in file.warnings[0].message


@pytest.mark.parametrize(
    ("column", "written", "value"),
    [
        ("stories", "one+half", 1.5),
        ("stories", "Two", 2.0),
        ("stories", "1.5", 1.5),
        ("waterfront", "Yes", True),
        ("waterfront", "0", False),
        ("year_built", "1950.0", 1950),
        ("assessed_value", "$1,000", 1000.0),
        ("zip_code", "98103-1234", "98103"),
        ("zip_code", "981031234", "98103"),
        ("zip_code", "2134", "02134"),
        ("zip_code", "K1A 0B1", "K1A 0B1"),
        ("parcel_number", "000123", "000123"),
        ("bedrooms", " ", None),
    ],
)
def test_cells_are_read(tmp_path: Path, column: str, written: str, value: object) -> None:
    assert only(read_rows(tmp_path, {column: written}))[column] == value


def test_parquet_columns_of_other_types_are_read(tmp_path: Path) -> None:
    file = tmp_path / "sales.parquet"
    pl.DataFrame(
        {
            "Parcel_Number": [123, 124],
            "sale_date": [datetime(2014, 5, 31, 23, 0, tzinfo=UTC), None],
            "sale_price": [pl.Series([1], dtype=pl.Decimal(12, 2))[0], None],
            "zip_code": [2134.0, None],
            "waterfront": [1, 0],
            "property_type": pl.Series(["SFR", "CONDO"], dtype=pl.Categorical),
            "bedrooms": [float("nan"), 1.0],
            "tags": [["a"], ["b"]],
            "seen": [date(2014, 1, 1), None],
        }
    ).write_parquet(file)
    read = read_records(file, SALES)
    (row,) = read.records.to_dicts()
    assert row["parcel_number"] == "123"
    assert row["sale_date"] == date(2014, 5, 31)
    assert "dates_of_a_zone" in [caution.code for caution in read.warnings]
    assert (row["zip_code"], row["waterfront"], row["property_type"], row["bedrooms"]) == ("02134", True, "SFR", None)
    assert orjson.loads(row["attributes"]) == {"tags": ["a"], "seen": "2014-01-01"}
    assert read.reasons == {"missing_date": 1}


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_a_day_cut_from_times_of_a_zone_is_told(tmp_path: Path, zone: str) -> None:
    """Three in the morning in Greenwich is the evening before in Seattle: the file's zone decides the day, and is named."""
    file, moment = tmp_path / "sales.parquet", pl.Series([datetime(2014, 6, 1, 3, tzinfo=UTC), None])
    times = moment.dt.convert_time_zone(zone)
    given = {"parcel_number": ["1", "2"], "sale_date": times, "sale_year": [None, 2015], "sale_price": [1, 1]}
    pl.DataFrame(given).write_parquet(file)
    read = read_records(file, SALES)
    day = date(2014, 6, 1) if zone == "UTC" else date(2014, 5, 31)
    assert read.records["sale_date"].to_list() == [day, date(2015, 7, 1)]
    (said,) = (caution.message for caution in read.warnings if caution.code == "dates_of_a_zone")
    assert said == f"sale_date has times of {zone} in 1 row; the day there is taken, which may not be the county's."


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("2014-06-01T03:00:00Z", "UTC"),
        ("2014-06-01 03:00+0200", "+0200"),
        ("2014/6/1 3:00:00.5 AM-07:00", "-07:00"),
        ("2014-06-01T03:00:00", None),
        ("2014-06-01 03:00", None),
        ("2014-06-01", None),
        ("20140601", None),
    ],
)
def test_a_zone_written_behind_a_date_is_told(tmp_path: Path, written: str, named: str | None) -> None:
    file = read_rows(tmp_path, {"sale_date": written}, {"sale_date": "2014-05-31"}, {"sale_date": "soon 3:00Z"})
    assert file.records["sale_date"].to_list() == [date(2014, 6, 1), date(2014, 5, 31)]
    said = [caution.message for caution in file.warnings if caution.code == "dates_of_a_zone"]
    assert [message.split(";")[0] for message in said] == (
        [f"sale_date has times of {named} in 1 row"] if named else []
    )


def test_sales_that_share_an_id_are_rejected_but_the_first(tmp_path: Path) -> None:
    file = read_rows(tmp_path, {"sale_id": "7"}, {"sale_id": "7", "sale_price": "2"}, {"sale_id": "8"})
    assert file.records.height == 3
    once = without_repeats(file)
    assert once.records["sale_price"].to_list() == [250_000.0, 250_000.0]
    assert once.rejected.to_dicts() == [
        {
            "row": 2,
            "column": "sale_id",
            "reason": "duplicate_sale_id",
            "value": "7",
            "message": "sale_id: an earlier row has the same sale_id",
        }
    ]
    assert once.read == once.records.height + once.rejected.height


def test_repeated_rows_without_an_id_are_all_kept(tmp_path: Path) -> None:
    file = without_repeats(read_rows(tmp_path, {}, {}, {}))
    assert file.records["sale_id"].to_list() == [f"P1/2014-05-31/{number}" for number in (1, 2, 3)]


def test_a_row_is_read_alike_alone_and_among_others(tmp_path: Path) -> None:
    choice = random.Random(7).choice
    rows = [
        {
            "parcel_number": choice(["A", "B", " ", None]),
            "sale_date": choice(["2014-05-31", "2014-05-31T10:00", "soon", None]),
            "sale_year": choice(["2015", "x", None]),
            "sale_price": choice(["1", "$1,000", "2.5e3", "-1", "n/a", None]),
            "stories": choice(["one", "2", "bilevel", None]),
            "zip_code": choice(["98103", "2134", "98103-1234", None]),
            "wall": choice(['wo"od', None]),
            "rooms": choice(["7", None]),
        }
        for _ in range(60)
    ]
    together = read_rows(tmp_path, *rows)
    told = {row["row"]: row for row in (*together.records.to_dicts(), *together.rejected.to_dicts())}
    assert sorted(told) == list(range(1, 61))
    for number, row in enumerate(rows, start=1):
        alone = read_rows(tmp_path, row)
        (expected,) = (*alone.records.to_dicts(), *alone.rejected.to_dicts())
        differing = {name for name in expected if expected[name] != told[number].get(name)}
        assert differing <= {"row", "sale_id"}, (number, row)
