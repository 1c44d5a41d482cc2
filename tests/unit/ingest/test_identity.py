"""Derived ids and snapshots do not depend on the order of the rows."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.api import CountyProfile
from terrafusion.analysis.frames import SALES_ORDER, SALES_SCHEMA
from terrafusion.ingest.identity import derive_ids
from terrafusion.ingest.sales import read_sales
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
    one, other = (derive_ids(frame(rows)).drop("row") for rows in (sales, shuffled))
    assert_frame_equal(one.sort(one.columns), other.sort(other.columns))
    assert encode(one, CountyProfile()) == encode(other, CountyProfile())


@given(sales=st.lists(SALE, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_sale_has_an_id_and_a_derived_one_is_its_own(sales: list[dict[str, object]]) -> None:
    named = derive_ids(frame(sales))
    derived = named.filter(pl.col("sale_id").str.contains("/"))
    assert named["row"].to_list() == list(range(1, len(sales) + 1))
    assert named["sale_id"].null_count() == 0
    assert derived["sale_id"].is_unique().all()
    assert derived.height == sum(sale["sale_id"] is None for sale in sales)


def test_the_profile_is_part_of_the_data_version() -> None:
    sales = frame([])
    level = CountyProfile(assessment_level=0.35)
    assert data_version(encode(sales, CountyProfile())) != data_version(encode(sales, level))


@pytest.mark.parametrize("county", SAMPLES)
def test_the_samples_are_whole_and_read_without_loss(county: str) -> None:
    file = read_sales(sample_file(county))
    assert file.rejected.is_empty()
    assert file.sales.height == {"king_wa": 43_313, "lucas_oh": 25_357}[county]
    kept = records(county, encode(file.sales, CountyProfile()), CountyProfile()).sales.collect()
    assert kept.schema == SALES_SCHEMA
    assert_frame_equal(kept, file.sales.select(*SALES_SCHEMA).sort(SALES_ORDER))


def test_a_snapshot_can_be_read_as_a_file_of_sales(tmp_path: Path) -> None:
    snapshot = encode(read_sales(sample_file("lucas_oh")).sales, CountyProfile())
    (tmp_path / "snapshot.parquet").write_bytes(snapshot)
    assert encode(read_sales(tmp_path / "snapshot.parquet").sales, CountyProfile()) == snapshot
