"""Files written once: in a folder, and in a store that is not one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from terrafusion.adapters.objects import Objects, ResultDocuments, document_location, shrink
from terrafusion.errors import Conflict, Misconfigured, NotFound, Unavailable
from terrafusion.settings import Settings


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects(str(tmp_path / "re sults") if request.param == "folder" else "memory:///")


def test_a_file_is_read_as_it_was_written(objects: Objects) -> None:
    location = objects.put_new("county/type/job.parquet", b"rows")
    assert location.startswith(("file:///", "memory:"))
    assert objects.exists(location)
    assert objects.get(location) == b"rows"


def test_the_same_bytes_may_be_written_again(objects: Objects) -> None:
    assert objects.put_new("a.parquet", b"rows") == objects.put_new("a.parquet", b"rows")


def test_other_bytes_under_the_same_name_are_a_conflict(objects: Objects) -> None:
    location = objects.put_new("a.parquet", b"rows")
    with pytest.raises(Conflict, match="exists with other bytes"):
        objects.put_new("a.parquet", b"other")
    assert objects.get(location) == b"rows"


def test_a_missing_file_is_not_found(objects: Objects, tmp_path: Path) -> None:
    location = f"{objects.url}/none.parquet"
    assert not objects.exists(location)
    with pytest.raises(NotFound, match="no file"):
        objects.get(location)
    with pytest.raises(NotFound, match="no file"):
        objects.local_copy(location, tmp_path / "cache")


def test_a_location_elsewhere_is_refused(objects: Objects) -> None:
    with pytest.raises(Unavailable, match="does not lie under"):
        objects.get("file:///etc/passwd")


def test_a_local_file_needs_no_copy(tmp_path: Path) -> None:
    objects = Objects((tmp_path / "results").as_uri())
    location = objects.put_new("a/b.parquet", b"rows")
    assert objects.local_copy(location, tmp_path / "cache") == tmp_path / "results/a/b.parquet"
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed writer leaves what it wrote")
def test_a_writer_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """At the worst moment: all is written, and the file has its name not yet."""
    killed = "import os; os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
    write = (
        f"from terrafusion.adapters.objects import Objects; Objects({str(tmp_path)!r}).put_new('a/b.parquet', b'rows')"
    )
    done = subprocess.run([sys.executable, "-c", killed + write], check=False)
    assert done.returncode == -9
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_system_without_nameless_files_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrafusion.adapters.objects._nameless", lambda _folder: None)
    objects = Objects(str(tmp_path))
    location = objects.put_new("a/b.parquet", b"rows")
    assert objects.get(location) == b"rows"
    with pytest.raises(Conflict):
        objects.put_new("a/b.parquet", b"other")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.parquet"]


def test_nothing_but_the_file_is_left_in_the_folder(tmp_path: Path) -> None:
    objects = Objects(str(tmp_path))
    for data in (b"rows", b"rows", b"other"):
        try:
            objects.put_new("a.parquet", data)
        except Conflict:
            continue
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_far_file_is_copied_once(tmp_path: Path) -> None:
    objects = Objects("memory:///")
    location = objects.put_new("a/b.parquet", b"rows")
    copy = objects.local_copy(location, tmp_path / "cache")
    assert copy.suffix == ".parquet"
    copy.write_bytes(b"kept")
    assert objects.local_copy(location, tmp_path / "cache").read_bytes() == b"kept"
    assert list((tmp_path / "cache").iterdir()) == [copy]


def test_the_cache_forgets_what_was_used_longest_ago(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    shrink(tmp_path, 5, spare=tmp_path / "oldest")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "oldest"}


def test_copies_stay_within_what_the_settings_say(tmp_path: Path) -> None:
    objects = Objects.of(Settings(results_url="memory:///", cache_gib=9 / 2**30))
    copies = [objects.local_copy(objects.put_new(f"{n}.parquet", b"12345"), tmp_path) for n in range(2)]
    assert [copy.exists() for copy in copies] == [False, True]
    assert Settings().cache_gib == 20


@pytest.mark.parametrize("url", ["ftp://somewhere/else", "s3://", "file:///proc/nowhere"])
def test_a_place_that_cannot_be_is_refused_at_once(url: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be kept under"):
        Objects(url)


async def test_the_document_lies_beside_the_rows(objects: Objects, tmp_path: Path) -> None:
    documents = ResultDocuments(objects, tmp_path / "cache")
    location = objects.put_new("county/type/job.parquet", b"rows")
    assert await documents.read(location) is None
    objects.put_new("county/type/job.json", b'{"result_summary": {"n": 3}}')
    assert await documents.read(location) == {"result_summary": {"n": 3}}


async def test_a_result_file_is_read_some_at_a_time(objects: Objects, tmp_path: Path) -> None:
    documents, data = ResultDocuments(objects, tmp_path / "cache"), bytes(range(256)) * 20_000
    location = objects.put_new("county/type/job.parquet", data)
    file = await documents.stream(location)
    chunks = [chunk async for chunk in file.chunks]
    assert (file.length, b"".join(chunks)) == (len(data), data)
    assert len(chunks) > 2 or not objects.url.startswith("file")
    assert (await documents.local(location)).read_bytes() == data
    for missing in (documents.stream, documents.local):
        with pytest.raises(NotFound):
            await missing(location.replace("job", "gone"))


async def test_a_result_kept_elsewhere_is_unavailable(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await ResultDocuments(objects, tmp_path).read("s3://gone/a.parquet")


def test_the_location_of_a_document() -> None:
    assert document_location("s3://b/c/job.parquet") == "s3://b/c/job.json"
