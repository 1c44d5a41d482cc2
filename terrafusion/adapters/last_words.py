"""What workers ended themselves for, kept for the next one to count: a metric dies with its process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from models.troubles import Part


class LastWords:
    """A small file of the workers of one address."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Mapping[str, int]:
        """Return how often each part was the reason; empty where nothing can be read."""
        with suppress(OSError, ValueError, TypeError):
            told = orjson.loads(self._file.read_bytes())
            return {part.value: int(told[part]) for part in Part if part in told}
        return {}

    def add(self, part: str) -> None:
        """Count one more; a disk that takes nothing is not what a worker ends for.

        Written beside and put in place: a death in between loses no count.
        """
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_suffix(".new")
            beside.write_bytes(orjson.dumps(Counter(self.read()) + Counter([str(part)])))
            beside.replace(self._file)
