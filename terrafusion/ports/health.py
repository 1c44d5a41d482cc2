"""Whether this worker is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be well, and what was seen."""

    ok: bool
    detail: str


class Health(Protocol):
    """Whether this worker is alive, and whether it can do its work."""

    def alive(self) -> Check:
        """Say whether the process still turns; asks nobody outside it."""

    async def checks(self) -> Mapping[str, Check]:
        """Ask each service the worker needs."""
