"""Derived ids and snapshots do not depend on the order of the rows."""

from __future__ import annotations

import random
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.frames import SALES_ORDER, SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.ingest.identity import derive_keys
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.snapshot import data_version, encode, records
from terrafusion.samples import SAMPLES, sample_file

SALE = st.fixed_dictionaries(
    {
        "sale_id": st.none() | st.sampled_from(["a", "b"]),
        "parcel_number": st.sampled_from(["P1", "P2"]),
        "sale_date": st.dates(date(2014, 1, 1), date(2014, 1, 2)),
        "sale_price": st.sampled_from([1.0, 2.0, 3.0]),
        "buyer": st.none() | st.sampled_from(["x", "y"]),
        "attributes": st.none() | st.just('{"a":1}'),
    }
)


def frame(sales: list[dict[str, object]]) -> pl.DataFrame:
    rows = pl.DataFrame(sales, schema=SALES_SCHEMA | {"attributes": pl.String()})
    return rows.with_row_index("row", offset=1)


@given(sales=st.lists(SALE, max_size=12), seed=st.integers())
@settings(max_examples=60, deadline=None)
def test_ids_do_not_depend_on_the_order_of_rows(sales: list[dict[str, object]], seed: int) -> None:
    shuffled = random.Random(seed).sample(sales, len(sales))
    one, other = (derive_keys(frame(rows), SALES).drop("row") for rows in (sales, shuffled))
    assert_frame_equal(one.sort(one.columns), other.sort(other.columns))
    assert encode(one, SALES) == encode(other, SALES)


@given(sales=st.lists(SALE, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_sale_has_an_id_and_a_derived_one_is_its_own(sales: list[dict[str, object]]) -> None:
    named = derive_keys(frame(sales), SALES)
    derived = named.filter(pl.col("sale_id").str.contains("/"))
    assert named["row"].to_list() == list(range(1, len(sales) + 1))
    assert named["sale_id"].null_count() == 0
    assert derived["sale_id"].is_unique().all()
    assert derived.height == sum(sale["sale_id"] is None for sale in sales)


def test_all_of_a_county_is_in_its_data_version() -> None:
    parts = {"sales": "a", "listings": "b"}
    versions = [
        data_version(parts, CountyProfile()),
        data_version(parts, CountyProfile(assessment_level=0.35)),
        data_version({"sales": "a"}, CountyProfile()),
        data_version({"sales": "a", "properties": "b"}, CountyProfile()),
        data_version({"sales": "b", "listings": "a"}, CountyProfile()),
    ]
    assert len(set(versions)) == len(versions)


def test_the_version_of_a_county_does_not_change_by_itself() -> None:
    """A release that names the same content otherwise would call every old answer outdated."""
    assert data_version({"sales": "0f"}, CountyProfile()) == sha256(b'{"profile":{},"sales":"0f"}').hexdigest()


@pytest.mark.parametrize("county", SAMPLES)
def test_the_samples_are_whole_and_read_without_loss(county: str) -> None:
    file = read_records(sample_file(county), SALES)
    assert file.rejected.is_empty()
    assert file.records.height == {"king_wa": 43_313, "lucas_oh": 25_357}[county]
    kept = records(county, {"sales": encode(file.records, SALES)}, CountyProfile()).sales.collect()
    assert kept.schema == SALES_SCHEMA
    assert_frame_equal(kept, file.records.select(*SALES_SCHEMA).sort(SALES_ORDER))


def test_a_snapshot_can_be_read_as_a_file_of_sales(tmp_path: Path) -> None:
    snapshot = encode(read_records(sample_file("lucas_oh"), SALES).records, SALES)
    (tmp_path / "snapshot.parquet").write_bytes(snapshot)
    assert encode(read_records(tmp_path / "snapshot.parquet", SALES).records, SALES) == snapshot
