"""Files of properties and of listings: the same reader, other columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from models.county_tables import listings, property_operational, property_sales
from terrafusion.ingest.files import UnreadableFile
from terrafusion.ingest.identity import derive_keys
from terrafusion.ingest.kinds import KINDS, LISTINGS, PROPERTIES, REASONS, Kind
from terrafusion.ingest.reading import RecordsFile, read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ingest.snapshot import encode

LISTED = {"parcel_number": "P", "list_date": "2015-03-20", "list_price": "$425,000"}


def read_rows(tmp_path: Path, kind: Kind, *rows: dict[str, Any]) -> RecordsFile:
    file = tmp_path / f"{kind.name}.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(file)
    return read_records(file, kind)


@pytest.mark.parametrize(
    ("kind", "table"), [("sales", property_sales), ("properties", property_operational), ("listings", listings)]
)
def test_what_is_read_of_a_kind_is_what_its_table_holds(kind: str, table: Any) -> None:
    assert ("county_id", *KINDS[kind].columns) == tuple(table.c.keys())


def test_a_property_needs_no_more_than_its_parcel(tmp_path: Path) -> None:
    file = read_rows(tmp_path, PROPERTIES, {"parcel_number": "0001"})
    (row,) = file.records.to_dicts()
    assert (row["parcel_number"], row["attributes"], row["row"]) == ("0001", None, 1)
    assert set(row) == {*PROPERTIES.columns, "row"}


def test_a_property_as_an_office_writes_it(tmp_path: Path) -> None:
    given = {
        "Parcel_Number": "0001800010",
        "ADDRESS": "12 Main St",
        "zip_code": "98103-1234",
        "year_built": "1950",
        "stories": "one+half",
        "waterfront": "N",
        "assessed_value": "$401,000",
        "market_value": "401000.00",
        "land_value": "-5",
        "assessment_year": "2016",
        "last_sale_date": "12/31/2015",
        "last_sale_price": "395,000",
        "Roof": "shake",
    }
    file = read_rows(tmp_path, PROPERTIES, given)
    (row,) = file.records.to_dicts()
    assert (row["address"], row["zip_code"], row["year_built"], row["stories"]) == ("12 Main St", "98103", 1950, 1.5)
    assert (row["waterfront"], row["assessed_value"], row["market_value"]) == (False, 401_000, 401_000)
    assert (row["assessment_year"], row["last_sale_date"], row["last_sale_price"]) == (
        2016,
        date(2015, 12, 31),
        395_000,
    )
    assert orjson.loads(row["attributes"]) == {"roof": "shake", "land_value": "-5"}
    assert [caution.code for caution in file.warnings] == ["unreadable_cells"]


@pytest.mark.parametrize("written", ["03/04/2014", "soon", "2914-05-31"])
def test_an_optional_date_that_cannot_be_read_is_missing_and_kept(tmp_path: Path, written: str) -> None:
    file = read_rows(tmp_path, PROPERTIES, {"parcel_number": "P", "last_sale_date": written})
    (row,) = file.records.to_dicts()
    assert row["last_sale_date"] is None
    assert orjson.loads(row["attributes"]) == {"last_sale_date": written}


def test_a_parcel_stands_once_in_the_roll(tmp_path: Path) -> None:
    rows = [{"parcel_number": name, "bedrooms": "1"} for name in ["P", " ", "P", "Q"]]
    file = without_repeats(read_rows(tmp_path, PROPERTIES, *rows))
    assert file.records.select("parcel_number", "bedrooms").rows() == [("P", 1), ("Q", 1)]
    assert file.rejected.select("row", "column", "reason", "value").rows() == [
        (2, "parcel_number", "missing_parcel", None),
        (3, "parcel_number", "duplicate_parcel_number", "P"),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_parcel_of_several_years_the_latest_counts_and_of_rows_that_differ_none(
    tmp_path: Path, order: int
) -> None:
    told = [
        ("P", "2020", "120"),
        ("P", "2019", "100"),
        ("P", "", "90"),
        ("Q", "2020", "7"),
        ("Q", "2020", "8"),
        ("R", "2019", "5"),
    ]
    names = ("parcel_number", "assessment_year", "assessed_value")
    rows = [dict(zip(names, row, strict=True)) for row in told][::order]
    file = without_repeats(read_rows(tmp_path, PROPERTIES, *rows))
    assert sorted(file.records.select("parcel_number", "assessed_value").rows()) == [("P", 120), ("R", 5)]
    assert file.reasons == {"conflicting_parcel_number": 2, "superseded_parcel_number": 2}
    assert file.read == file.records.height + file.rejected.height


def test_a_roll_with_a_row_a_building_is_told_what_differs_and_what_to_do(tmp_path: Path) -> None:
    told = [
        ("P", "900", "1", ""),
        ("P", "400", "2", ""),
        ("Q", "800", "1", "two"),
        ("Q", "800", "1", "three"),
        ("R", "7", "1", ""),
    ]
    names = ("parcel_number", "building_size_sqft", "building", "stories")
    file = without_repeats(read_rows(tmp_path, PROPERTIES, *(dict(zip(names, row, strict=True)) for row in told)))
    assert file.records["parcel_number"].to_list() == ["R"]
    said = f"parcel_number: {REASONS['conflicting_parcel_number']} (they differ in"
    differ = ["building_size_sqft, building", "stories"]
    assert file.rejected["message"].to_list() == [f"{said} {names})" for names in differ for _ in range(2)]
    [warning] = [caution for caution in file.warnings if caution.code == "conflicting_rows"]
    assert "4 rows of 2 parcels differ from each other in building, building_size_sqft, stories" in warning.message
    assert "one row a parcel" in f"{warning.message} {file.rejected['message'][0]}"


@pytest.mark.parametrize(
    ("change", "reason", "column"),
    [
        ({"parcel_number": ""}, "missing_parcel", "parcel_number"),
        ({"list_date": ""}, "missing_date", "list_date"),
        ({"list_date": "03/04/2015"}, "ambiguous_date", "list_date"),
        ({"list_date": "spring"}, "bad_date", "list_date"),
        ({"list_date": "1015-03-20"}, "date_out_of_range", "list_date"),
        ({"list_price": ""}, "missing_price", "list_price"),
        ({"list_price": "on request"}, "price_not_a_number", "list_price"),
        ({"list_price": "0"}, "price_not_positive", "list_price"),
        ({"off_market_date": "2015-03-19"}, "ended_before_it_began", "off_market_date"),
    ],
)
def test_listings_that_cannot_be_used_are_told_of(
    tmp_path: Path, change: dict[str, str], reason: str, column: str
) -> None:
    good = LISTED | {"off_market_date": "2015-03-20", "status": "sold"}
    file = read_rows(tmp_path, LISTINGS, good, good | change)
    assert file.records["row"].to_list() == [1]
    assert file.rejected.select("row", "column", "reason").rows() == [(2, column, reason)]
    assert file.rejected["message"].to_list() == [f"{column}: {REASONS[reason]}"]


def test_listings_of_one_parcel_and_day_are_counted(tmp_path: Path) -> None:
    rows = [LISTED, LISTED | {"list_price": "400000"}, LISTED | {"parcel_number": "Q"}]
    file = read_rows(tmp_path, LISTINGS, *rows)
    assert file.records["listing_id"].to_list() == ["P/2015-03-20/2", "P/2015-03-20/1", "Q/2015-03-20/1"]


def test_a_number_of_the_countys_own_is_kept(tmp_path: Path) -> None:
    file = read_rows(tmp_path, LISTINGS, LISTED | {"listing_id": "MLS-7"}, LISTED | {"listing_id": "MLS-7"})
    assert without_repeats(file).reasons == {"duplicate_listing_id": 1}


@pytest.mark.parametrize(
    ("kind", "missing"), [(PROPERTIES, "parcel_number is"), (LISTINGS, "list_date and list_price are")]
)
def test_what_is_missing_is_told_in_the_words_of_the_kind(tmp_path: Path, kind: Kind, missing: str) -> None:
    columns = {"parcel_number": "P"} if kind is LISTINGS else {"parcel": "P"}
    with pytest.raises(UnreadableFile, match=f"{missing} missing; {kind.name} must have {', '.join(kind.required)}"):
        read_rows(tmp_path, kind, columns)


LISTING = st.fixed_dictionaries(
    {
        "listing_id": st.none() | st.sampled_from(["a", "b"]),
        "parcel_number": st.sampled_from(["P", "Q"]),
        "list_date": st.dates(date(2015, 1, 1), date(2015, 1, 2)),
        "list_price": st.sampled_from([1.0, 2.0]),
        "status": st.none() | st.just("sold"),
    }
)


@given(rows=st.lists(LISTING, max_size=10), order=st.randoms())
@settings(max_examples=40, deadline=None)
def test_a_snapshot_of_listings_does_not_depend_on_the_order_of_rows(rows: list[dict[str, Any]], order: Any) -> None:
    schema = {**LISTINGS.schema, "attributes": pl.String()}
    shuffled = order.sample(rows, len(rows))
    one, other = (
        derive_keys(pl.DataFrame(each, schema=schema).with_row_index("row", offset=1), LISTINGS)
        for each in (rows, shuffled)
    )
    assert encode(one, LISTINGS) == encode(other, LISTINGS)
    assert_frame_equal(one.drop("row").sort(pl.all()), other.drop("row").sort(pl.all()))
    assert one["listing_id"].null_count() == 0
