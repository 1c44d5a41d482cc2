"""Snapshots and results: files written once under one URL, in a folder or an object store."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import obstore
import orjson
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Conflict, Misconfigured, NotFound, Unavailable
from terrafusion.ports.documents import ResultBytes
from terrafusion.settings import Settings

WITHOUT_NAMELESS: Final = (errno.EOPNOTSUPP, errno.EISDIR)
"""What file systems say that know no file without a name, such as NFS."""
PATIENCE: Final = timedelta(seconds=20)
LISTED: Final = 1000
CHUNK: Final = 2**20


class Objects:
    """Files that are written once and never changed. A location is the URL of one of them.

    ``url`` is a folder, ``file://``, ``s3://`` or what else obstore speaks. Everything here blocks: call it
    from a thread or a child process. Raises Unavailable where the store cannot be reached.
    """

    def __init__(self, url: str, *, cache_bytes: float = math.inf) -> None:
        """Take the URL, and how much `local_copy` keeps: beyond it the longest unused files go."""
        self._cache_bytes = cache_bytes
        self.url = (url if "://" in url else Path(url).absolute().as_uri()).rstrip("/")
        parts = urlsplit(self.url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._store = _open(self.url, self._folder)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the settings."""
        return cls(settings.results, cache_bytes=settings.cache_gib * 2**30)

    def put_new(self, path: str, data: bytes) -> str:
        """Write a file that must not exist yet and return its location.

        One that is there with the same bytes is left as it is; with others it is a Conflict.
        """
        location = f"{self.url}/{path}"
        with _translated(location):
            try:
                self._create(path, data)
            except AlreadyExistsError:
                self._must_equal(path, data)
        return location

    def get(self, location: str) -> bytes:
        """Read a whole file; raises NotFound where there is none."""
        with _translated(location):
            return bytes(obstore.get(self._store, self._path(location)).bytes())

    def open(self, location: str) -> tuple[int, Iterator[bytes]]:
        """Open a file: its length, and its bytes some at a time; raises NotFound where there is none."""
        with _translated(location):
            found = obstore.get(self._store, self._path(location))
        return found.meta["size"], _chunks(location, found.stream(min_chunk_size=CHUNK))

    def exists(self, location: str) -> bool:
        """Say whether there is such a file."""
        try:
            with _translated(location):
                obstore.head(self._store, self._path(location))
        except NotFound:
            return False
        return True

    def delete(self, location: str) -> None:
        """Remove a file; that there is none is no error."""
        with _translated(location):
            obstore.delete(self._store, self._path(location))

    def delete_all(self, paths: Sequence[str]) -> None:
        """Remove files by their paths under ``url``; that one is not there is no error."""
        with _translated(self.url):
            try:
                obstore.delete(self._store, paths)
            except FileNotFoundError:
                for path in paths:
                    with suppress(FileNotFoundError):
                        obstore.delete(self._store, path)
        cross(Boundary.FILES_REMOVED)

    def stored(self) -> Iterator[Sequence[tuple[str, datetime]]]:
        """Yield every file's path under ``url`` and when it was written, a thousand or so at a time."""
        with _translated(self.url):
            if self._folder is not None:
                yield from _written(self._folder)
                return
            for some in obstore.list(self._store, chunk_size=LISTED):
                yield [(meta["path"], meta["last_modified"]) for meta in some]

    def local_copy(self, location: str, cache: Path) -> Path:
        """Return a path on this machine that holds the file: the file itself, or a copy in ``cache``.

        Ask anew for each use: a copy that is not asked for goes, once there are too many.
        """
        if self._folder is not None:
            return self._there(self._folder / self._path(location))
        copy = cache / f"{sha256(location.encode()).hexdigest()}{Path(location).suffix}"
        try:
            if not _is_kept(copy):
                _keep(copy, self.open(location)[1])
                shrink(cache, self._cache_bytes, spare=copy)
        except OSError as error:
            msg = f"{location} cannot be kept in {cache}: {_first_line(error)}"
            raise Unavailable(msg) from error
        return copy

    @staticmethod
    def _there(path: Path) -> Path:
        with _translated(path.as_uri()):
            path.stat()
        return path

    def path_of(self, location: str) -> str | None:
        """Return the path of a location under ``url``; None where it lies elsewhere."""
        path = location.removeprefix(f"{self.url}/")
        return None if path == location else path

    def _path(self, location: str) -> str:
        path = self.path_of(location)
        if path is None:
            msg = f"{location} does not lie under {self.url}, where results are kept now"
            raise Unavailable(msg)
        return path

    def _create(self, path: str, data: bytes) -> None:
        if self._folder is None:
            obstore.put(self._store, path, data, mode="create")
        else:
            _create_durably(self._store, self._folder, path, data)

    def _must_equal(self, path: str, data: bytes) -> None:
        standing = sha256(obstore.get(self._store, path).bytes()).hexdigest()
        given = sha256(data).hexdigest()
        if standing != given:
            msg = f"{self.url}/{path} exists with other bytes: SHA-256 {standing}, not {given}"
            raise Conflict(msg, field="location", value=path, allowed="a file is written once")


class ResultDocuments:
    """The result documents beside the result files."""

    def __init__(self, objects: Objects, cache: Path) -> None:
        self._objects = objects
        self._cache = cache

    async def read(self, location: str) -> Mapping[str, Any] | None:
        """Return the document that belongs to the result at ``location``; None where it is gone."""
        try:
            return await asyncio.to_thread(self._read, document_location(location))
        except NotFound:
            return None

    async def stream(self, location: str) -> ResultBytes:
        """Open a result file."""
        length, chunks = await asyncio.to_thread(self._objects.open, location)
        return ResultBytes(length, _in_threads(chunks))

    async def local(self, location: str) -> Path:
        """Return a path on this machine that holds the result file."""
        return await asyncio.to_thread(self._objects.local_copy, location, self._cache)

    def _read(self, location: str) -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads(self._objects.get(location))
        return document


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def result_path(county_id: str, analysis_type: str, job_id: UUID) -> str:
    """Return where the rows of a job's result lie under the URL of results."""
    return f"{county_id}/{analysis_type}/{job_id}.parquet"


def document_location(location: str) -> str:
    """Return where the JSON document lies whose rows are at ``location``: the same name with ``.json``."""
    stem, dot, _ = location.rpartition(".")
    return f"{stem if dot else location}.json"


def shrink(cache: Path, limit: float, *, spare: Path) -> None:
    """Delete the longest unused files of ``cache`` until the rest is at most ``limit`` bytes; ``spare`` stays."""
    files = sorted(_stats(cache.iterdir()), key=lambda file: file[1].st_mtime, reverse=True)
    kept = 0
    for path, stat in files:
        kept += stat.st_size
        if kept > limit and path != spare:
            path.unlink(missing_ok=True)


def _written(folder: Path) -> Iterator[Sequence[tuple[str, datetime]]]:
    """List a folder by hand: the store does not show files that it was writing itself when it was killed."""
    for place, _, names in os.walk(folder):
        for begin in range(0, len(names), LISTED):
            paths = (Path(place) / name for name in names[begin : begin + LISTED])
            yield [
                (path.relative_to(folder).as_posix(), datetime.fromtimestamp(stat.st_mtime, UTC))
                for path, stat in _stats(paths)
            ]


def _stats(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in paths:
        try:
            yield path, path.stat()
        except FileNotFoundError:
            continue


def _chunks(location: str, stream: Iterable[Any]) -> Iterator[bytes]:
    with _translated(location):
        yield from map(bytes, stream)


def _is_kept(copy: Path) -> bool:
    """Say whether there is a copy, which is used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def _keep(copy: Path, chunks: Iterator[bytes]) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    staged = copy.with_name(f".{copy.name}.{uuid4().hex}")
    try:
        with staged.open("wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())  # a loss of power must leave no half a copy under a whole one's name
        cross(Boundary.COPY_WRITTEN)
        staged.replace(copy)
    finally:
        staged.unlink(missing_ok=True)


def _open(url: str, folder: Path | None) -> ObjectStore:
    try:
        if folder is not None:
            return LocalStore(prefix=folder, mkdir=True)
        return from_url(
            url,
            client_options={"connect_timeout": "5s", "timeout": "60s"},
            retry_config={"max_retries": 3, "retry_timeout": PATIENCE},
        )
    except (BaseError, OSError, ValueError) as error:
        msg = f"Results cannot be kept under {url}: {_first_line(error)}"
        raise Misconfigured(msg) from error


def _create_durably(store: ObjectStore, folder: Path, path: str, data: bytes) -> None:
    """Write through to the disk before the name is there, so that it never stands for half a file."""
    parent = (folder / path).parent
    parent.mkdir(parents=True, exist_ok=True)
    handle = _nameless(parent)
    if handle is None:
        _create_staged(store, folder, path, data)
    else:
        _create_named(handle, folder / path, data)
    cross(Boundary.FILE_NAMED)
    _sync(parent)


def _nameless(folder: Path) -> int | None:
    """Open a file that has no name yet and is gone with its writer, if that is killed; None where there are none."""
    if sys.platform != "linux":
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError as error:
        if error.errno in WITHOUT_NAMELESS:
            return None
        raise


def _create_named(handle: int, path: Path, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
        cross(Boundary.FILE_WRITTEN)
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.link(f"/proc/self/fd/{handle}", path.name, dst_dir_fd=parent)  # follows the link, as one needs it to
        except FileExistsError as error:
            raise AlreadyExistsError(str(error)) from error
        finally:
            os.close(parent)


def _create_staged(store: ObjectStore, folder: Path, path: str, data: bytes) -> None:
    """Write under another name first."""
    staged = f"{path}.{uuid4().hex}"
    try:
        obstore.put(store, staged, data)
        _sync(folder / staged)
        cross(Boundary.FILE_WRITTEN)
        obstore.rename(store, staged, path, overwrite=False)
    except BaseException:
        with suppress(BaseError):
            obstore.delete(store, staged)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(location: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        msg = f"There is no file {location}"
        raise NotFound(msg, field="location", value=location) from error
    except (BaseError, OSError) as error:
        msg = f"{location} cannot be read or written: {_first_line(error)}"
        raise Unavailable(msg) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
