"""Batches as another client may write them: compressed by any codec, with header names of any bytes."""

from __future__ import annotations

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from support.rawnames import RawName, batch_of

from terrafusion.adapters.kafka_records import TolerantRecords, read_any_header_name

FOREIGN = RawName(b"\xff\xfe\x00")
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def read(fetched):
    records = TolerantRecords(fetched)
    seen, at = [], -1
    while records.has_next():
        for record in records.next_batch():
            if record.offset > at:  # as aiokafka's fetcher drops what it has seen
                seen.append((record.value, record.headers))
                at = record.offset
    return seen


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
def test_a_record_with_such_a_name_is_read_like_those_around_it(codec):
    fetched = batch_of(
        (b"before", [("a", b"1")]), (b"foreign", [(FOREIGN, b"\xff"), ("b", None)]), (b"after", []), codec=codec
    )
    assert read(fetched) == [
        (b"before", [("a", b"1")]),
        (b"foreign", [("\\xff\\xfe\x00", b"\xff"), ("b", None)]),
        (b"after", []),
    ]


def test_the_batches_behind_it_are_read_too():
    first = batch_of((b"foreign", [(FOREIGN, b"1")]))
    assert [value for value, _ in read(first + batch_of((b"next", []), base=1))] == [b"foreign", b"next"]


def test_aiokafka_alone_would_stand_still():
    records = MemoryRecords(batch_of((b"foreign", [(FOREIGN, b"1")])))
    with pytest.raises(UnicodeDecodeError):
        list(records.next_batch())


def test_it_says_of_a_batch_what_aiokafka_says():
    fetched = batch_of((b"x", []))
    ours, theirs = TolerantRecords(fetched).next_batch(), MemoryRecords(fetched).next_batch()
    assert ours.validate_crc()
    for name in ("base_offset", "next_offset", "is_control_batch", "is_transactional", "producer_id"):
        assert getattr(ours, name) == getattr(theirs, name)


def test_a_part_of_a_batch_is_none():
    fetched = batch_of((b"x", []))[:-1]
    records = TolerantRecords(fetched)
    assert (records.has_next(), records.size_in_bytes()) == (False, len(fetched))


def test_every_consumer_of_the_process_reads_so(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    read_any_header_name()
    assert fetcher.MemoryRecords is TolerantRecords
