"""What a check of `terrafusion doctor` found, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. One that is ok and has advice is a note: nothing is wrong, but somebody should know."""

    check: str
    ok: bool
    detail: str
    advice: str | None = None


def lines(finding: Finding) -> Iterator[str]:
    """Tell a finding."""
    verdict = "WRONG" if not finding.ok else "note" if finding.advice else "ok"
    yield f"{verdict:<6}{finding.check:<14}{finding.detail}"
    if finding.advice:
        yield f"{'':<20}{finding.advice}"
