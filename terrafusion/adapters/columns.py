"""What snapshots hold, column by column."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import polars as pl

from terrafusion.adapters.objects import Objects
from terrafusion.errors import NotFound, Unavailable
from terrafusion.ports.counties import Column, Coverage

KEPT: Final = 64
PATIENCE_S: Final = 10.0


class SnapshotColumns:
    """Fulfils `terrafusion.ports.counties.Columns`; a snapshot never changes, so it is looked through once."""

    def __init__(self, objects: Objects, cache: Path) -> None:
        """Take where the snapshots lie, and the folder for those that are fetched from elsewhere."""
        self._objects = objects
        self._cache = cache
        self._known: dict[str, Coverage] = {}

    async def of(self, location: str) -> Coverage:
        """Look through a snapshot in a thread."""
        if location not in self._known:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    found = await asyncio.to_thread(self._look, location)
            except (NotFound, TimeoutError, pl.exceptions.PolarsError, OSError) as error:
                raise Unavailable(f"the snapshot {location} cannot be read now") from error
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[location] = found
        return self._known[location]

    def _look(self, location: str) -> Coverage:
        frame = pl.scan_parquet(self._objects.local_copy(location, self._cache))
        counted = frame.select(pl.len().alias("rows of the file"), pl.all().count()).collect().row(0)
        rows, *filled = counted
        names = frame.collect_schema().names()
        return Coverage(rows, [Column(*pair) for pair in zip(names, filled, strict=True)])
