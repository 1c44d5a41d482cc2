"""Which partition a record goes to by its key, as the producers of Java choose it."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=8_192)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key. The hash is pure Python, and every job's key comes four times within moments."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions
