"""The result files as retention sees them: those of a job, and those that nobody needs any more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from terrafusion.adapters.objects import Objects, document_location, result_path
from terrafusion.ports.retention import EndedJob, OldFile

UUID_TEXT: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
RESULT: Final = re.compile(rf"[^/]+/[^/]+/({UUID_TEXT})\.(?:parquet|json)")
UNFINISHED: Final = re.compile(r"(?:.+\.(?:parquet|json)\.|doctor/)[0-9a-f]{32}(?:#[0-9]+)?")
"""Written under another name first, by a process that did not live to rename it. Nothing else is ever swept."""


class StoredFiles:
    """Fulfils `terrafusion.ports.retention.KeptFiles`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def remove_results(self, jobs: Sequence[EndedJob]) -> None:
        """Remove rows and documents by where they would lie: an attempt that was cut off may have left some."""
        rows = [result_path(job.county_id, job.analysis_type, job.job_id) for job in jobs]
        paths = [path for row in rows for path in (row, document_location(row))]
        await asyncio.to_thread(self._objects.delete_all, paths)

    async def remove_snapshots(self, locations: Sequence[str]) -> None:
        """Remove what lies where results are kept now; what an earlier URL holds stays there, as results do."""
        if paths := [path for location in locations if (path := self._objects.path_of(location))]:
            await asyncio.to_thread(self._objects.delete_all, paths)

    async def old(self, *, age: timedelta) -> AsyncIterator[Sequence[OldFile]]:
        """Return old files, some at a time."""
        before = datetime.now(UTC) - age
        stored = self._objects.stored()
        while (some := await asyncio.to_thread(next, stored, None)) is not None:
            named = (_named(path) for path, written in some if written < before)
            yield [file for file in named if file is not None]

    async def remove(self, files: Sequence[OldFile]) -> None:
        """Remove files."""
        if files:
            await asyncio.to_thread(self._objects.delete_all, [file.path for file in files])


def _named(path: str) -> OldFile | None:
    if result := RESULT.fullmatch(path):
        return OldFile(path, UUID(result[1]))
    return OldFile(path, None) if UNFINISHED.fullmatch(path) else None
