"""The result documents and files of finished jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ResultBytes:
    """A result file as it is: how long it is, and its bytes, some at a time."""

    length: int
    chunks: AsyncIterator[bytes]


class Documents(Protocol):
    """The result documents and files of finished jobs."""

    async def read(self, location: str) -> Mapping[str, Any] | None:
        """Return the document that lies beside the result file at ``location``; raises Unavailable."""

    async def stream(self, location: str) -> ResultBytes:
        """Open the result file at ``location``; raises NotFound, and Unavailable also while it is read."""

    async def local(self, location: str) -> Path:
        """Return a path on this machine that holds the result file; raises NotFound, Unavailable."""
