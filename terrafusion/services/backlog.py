"""How much waits for something, and since when."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Gauge


class Backlog:
    """Two gauges: how many wait, and the age of the oldest as it is by now, also while nobody looks."""

    def __init__(self, many: Gauge, age: Gauge, monotonic: Callable[[], float]) -> None:
        self._many = many
        self._monotonic = monotonic
        self._oldest: float | None = None
        age.set_function(self._age)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waited when it was last shown."""
        return self._oldest is None

    def show(self, many: int, age: float = 0.0) -> None:
        """Show how many wait, the oldest for ``age`` seconds until now."""
        self._many.set(many)
        self._oldest = self._monotonic() - age if many else None

    def _age(self) -> float:
        return 0.0 if self._oldest is None else self._monotonic() - self._oldest
