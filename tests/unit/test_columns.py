"""Snapshots looked through column by column."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from terrafusion.adapters.columns import SnapshotColumns
from terrafusion.adapters.objects import Objects
from terrafusion.errors import Unavailable
from terrafusion.ports.counties import Column, Coverage


async def test_each_column_says_how_much_of_it_is_filled(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"zip_code": ["98103", None, ""], "grade": [None, None, None], "attributes": ["{}", None, None]}
    )
    frame.write_parquet(tmp_path / "sales.parquet")
    objects = Objects(str(tmp_path))
    columns = SnapshotColumns(objects, tmp_path / "cache")
    found = Coverage(3, [Column("zip_code", 2), Column("grade", 0), Column("attributes", 1)])
    assert await columns.of(f"{objects.url}/sales.parquet") == found
    (tmp_path / "sales.parquet").unlink()
    assert await columns.of(f"{objects.url}/sales.parquet") == found


@pytest.mark.parametrize("content", [None, b"no parquet"])
async def test_what_cannot_be_read_is_unavailable(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "sales.parquet").write_bytes(content)
    objects = Objects(str(tmp_path))
    with pytest.raises(Unavailable):
        await SnapshotColumns(objects, tmp_path / "cache").of(f"{objects.url}/sales.parquet")
