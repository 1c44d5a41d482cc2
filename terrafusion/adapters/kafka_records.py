"""Batches of records whose header names may hold any bytes.

Kafka takes a header's name as bytes, and clients in other languages write any. aiokafka decodes names as UTF-8 and
raises at one that is not, before anybody sees its record and again at each fetch: the partition would stand still.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH_AT: Final = 8
OVERHEAD: Final = 12
"""Bytes before those that a batch's length counts: its base offset and that length."""


class TolerantRecords:
    """What a fetch returned of one partition; batches that aiokafka cannot read are read once more, name by name."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0
        self._records = MemoryRecords(fetched)

    def has_next(self) -> bool:
        """Say whether a whole batch is left."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """Return how much was fetched."""
        return int(self._records.size_in_bytes())

    def next_batch(self) -> TolerantBatch:
        """Return the next batch."""
        start = self._at
        self._at += OVERHEAD + struct.unpack_from(">i", self._fetched, start + LENGTH_AT)[0]
        return TolerantBatch(self._records.next_batch(), self._fetched[start : self._at])


class TolerantBatch:
    """A batch as aiokafka reads it, until a header's name is no UTF-8."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Yield the records; those that were read before the one with such a name come again, and readers drop them."""
        try:
            yield from self._batch
        except UnicodeDecodeError:
            yield from _AnyNames(self._raw)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc]  # final for others; there is no other way in
    _buffer: bytes

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _AnyBytes(self._buffer)


class _AnyBytes(bytes):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _AnyBytes(found) if isinstance(found, bytes) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def read_any_header_name() -> None:
    r"""Let every consumer of this process read records with such names; their bytes are shown as ``\\xff``."""
    fetcher.MemoryRecords = TolerantRecords
