"""Property tests on a machine that others use too: no time limits, nothing left on disk."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
