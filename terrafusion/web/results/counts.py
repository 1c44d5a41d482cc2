"""Counts by size, as a document's pictures have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from terrafusion.web.charts.scale import number
from terrafusion.web.results.view import Rows


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lie between each two edges, and how many beyond the outer ones."""

    edges: Sequence[float]
    counts: Sequence[float]
    below: int
    above: int

    @property
    def total(self) -> float:
        """How many there are in all."""
        return sum(self.counts) + self.below + self.above

    @property
    def beyond(self) -> str:
        """Say how many are not drawn."""
        return f"{self.below:,} sales lie below and {self.above:,} above what is drawn."

    @property
    def rows(self) -> Rows:
        """The bins as rows of a table."""
        ends = zip(self.edges, self.edges[1:], self.counts, strict=False)
        return [{"from": low, "to": high, "sales": int(count)} for low, high, count in ends]


def counts_of(told: Any) -> Counts | None:
    """Read counts; None where there are none, or they do not fit their edges."""
    given = told if isinstance(told, Mapping) else {}
    edges, counts = numbers_in(given.get("edges")), numbers_in(given.get("counts"))
    if len(edges) < 2 or len(edges) != len(counts) + 1:  # noqa: PLR2004
        return None
    return Counts(edges, counts, int(number(given.get("below")) or 0), int(number(given.get("above")) or 0))


def numbers_in(value: Any) -> list[float]:
    """Return a list of numbers; nothing where it is none."""
    found = [number(one) for one in value] if isinstance(value, list) else []
    return [one for one in found if one is not None]
