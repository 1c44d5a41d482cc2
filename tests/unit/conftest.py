"""Property tests on a machine that others use too: no time limits, nothing left on disk; and what never changes, once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

from terrafusion.analysis import registry

settings.register_profile("shared", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture(scope="session", autouse=True)
def installed() -> Iterator[None]:
    """Look once at what is installed: each catalogue would read the names of all packages anew."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(registry, "entry_points", cache(registry.entry_points))
        yield
