"""Waiting with a limit, for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], *, what: str, within: float = 20, every: float = 0.02) -> T:
    """Look until something true is seen and return it; fail with a sentence when that takes too long."""
    end = time.monotonic() + within
    while True:
        if seen := look():
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {seen!r}")
        time.sleep(every)
