"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The goals' own sizes unless told otherwise."""

    jobs: int = 10_000
    """No-op jobs of the throughput."""
    seconds: int = 20
    """Length of the latency run."""
    sales: int = 1_000_000
    """Sales of the county whose prices are asked for."""
    finished: int = 100_000
    """Jobs that a worker finds finished when it starts."""
    listed: int = 1_000_000
    """Jobs that lists are read of."""
