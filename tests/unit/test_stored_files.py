"""Which files retention sees: a job's and unfinished ones that are old, and no other."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.stored_files import StoredFiles
from terrafusion.errors import Unavailable
from terrafusion.ports.retention import EndedJob, OldFile

DAY = timedelta(days=1)
JOB = UUID("9a3e8998-0efa-4582-82c4-45e709f7082d")
HEX = "0123456789abcdef" * 2
OURS = {
    f"king_wa/trend_analysis/{JOB}.parquet": JOB,
    f"king_wa/trend_analysis/{JOB}.json": JOB,
    f"king_wa/trend_analysis/{JOB}.parquet.{HEX}": None,
    f"king_wa/trend_analysis/{JOB}.json.{HEX}#1": None,
    f"snapshots/king_wa/sales/{HEX}{HEX}.parquet.{HEX}": None,
    f"doctor/{HEX}": None,
}
NOT_OURS = (
    f"snapshots/king_wa/sales/{HEX}{HEX}.parquet",
    "king_wa/trend_analysis/report.parquet",
    f"king_wa/{JOB}.parquet",
    f"king_wa/trend_analysis/{JOB}.csv",
    f"king_wa/trend_analysis/more/{JOB}.parquet",
    "notes.txt",
    f"backup.tar.{HEX}",
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def files(folder):
    return StoredFiles(Objects(str(folder)))


def put(folder, path, *, days):
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"x")
    then = time.time() - days * 86_400
    os.utime(place, (then, then))
    return place


async def test_snapshots_are_removed_where_they_lie_here(files, folder):
    kept = put(folder, "snapshots/c/sales/kept.parquet", days=9)
    gone = put(folder, "snapshots/c/sales/gone.parquet", days=9)
    missing = f"{folder.as_uri()}/snapshots/c/sales/missing.parquet"
    await files.remove_snapshots([gone.as_uri(), missing, "s3://bucket/snapshots/c/sales/kept.parquet"])
    await files.remove_snapshots(["s3://bucket/snapshots/c/sales/kept.parquet"])
    assert (gone.exists(), kept.exists()) == (False, True)


async def seen(files):
    return [file async for some in files.old(age=DAY) for file in some]


async def test_only_old_files_of_ours_are_seen(folder, files):
    for path in (*OURS, *NOT_OURS):
        put(folder, path, days=2)
    for path in OURS:
        put(folder, f"new{path}", days=0.9)
    assert sorted(await seen(files), key=lambda file: file.path) == [OldFile(path, OURS[path]) for path in sorted(OURS)]


async def test_they_come_some_at_a_time(folder, files, monkeypatch):
    monkeypatch.setattr("terrafusion.adapters.objects.LISTED", 3)
    for n in range(7):
        put(folder, f"king_wa/a/{UUID(int=n)}.parquet", days=2)
    assert [len(some) async for some in files.old(age=DAY)] == [3, 3, 1]


async def test_an_empty_store_has_none(files):
    assert await seen(files) == []


async def test_what_is_removed_is_gone_and_what_is_not_there_is_no_error(folder, files):
    kept = put(folder, f"king_wa/a/{uuid4()}.parquet", days=2)
    rows, document = (put(folder, f"king_wa/a/{JOB}.{kind}", days=2) for kind in ("parquet", "json"))
    jobs = [EndedJob(UUID(int=1), "king_wa", "a"), EndedJob(JOB, "king_wa", "a"), EndedJob(UUID(int=2), "x", "a")]
    await files.remove_results(jobs)
    await files.remove_results(jobs)
    assert (rows.exists(), document.exists(), kept.exists()) == (False, False, True)
    await files.remove([OldFile(kept.relative_to(folder).as_posix(), None)])
    assert not kept.exists()
    await files.remove([])


async def test_a_store_that_refuses_is_unavailable(folder, files):
    place = folder / f"king_wa/a/{JOB}.parquet"
    place.mkdir(parents=True)  # no file can be removed here
    with pytest.raises(Unavailable):
        await files.remove_results([EndedJob(JOB, "king_wa", "a")])
