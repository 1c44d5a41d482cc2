"""What every method returns: a log index by period with the covariance of its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats

FOR_ROBUST: Final = 6
"""Observations that a period needs for robust errors: below, they are too small by far."""

FREEDOM: Final = 30
"""Observations beyond the parameters that an interval needs: below, normal intervals are too narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A log index over the periods 0 to T - 1 of one group, 0 in its first estimated period, nan where there is none."""

    log_index: Floats
    covariance: Floats
    """T x T, of the log index against its first period; zero where there is none."""
    pooled: Floats
    """The same as if all errors had one variance; used where a period has too few observations."""
    observations: Codes
    """Sales, or sales of pairs, in each period."""
    used: int
    """Sales or pairs in all."""
    freedom: int
    """Observations less parameters."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of the method's own."""
    series: Sequence[Floats] = ()
    """The log indices as they were when each period after the training periods had just been added."""

    @property
    def estimated(self) -> Flags:
        """Which periods have an estimate of their own."""
        return np.isfinite(self.log_index)

    def errors(self) -> Floats:
        """Return the standard error of each period's log index; nan where none can be told."""
        if self.freedom < 1 or not self.estimated.any():
            return np.full(len(self.log_index), np.nan)
        base = int(np.argmax(self.estimated))
        errors = np.array([self.difference(base, period)[1] for period in range(len(self.log_index))])
        return np.where(self.estimated, errors, np.nan)

    def of_common_variance(self) -> Flags:
        """Return which periods' errors are those of one variance: too few observations of their own, or in the first."""
        few = self.observations < FOR_ROBUST
        flags: Flags = self.estimated & (few | few[self.estimated][:1].any())
        return flags

    def difference(self, first: int, last: int) -> tuple[float, float]:
        """Return the change of the log index between two periods, and its standard error."""
        thin = min(self.observations[first], self.observations[last]) < FOR_ROBUST
        cover = self.pooled if thin else self.covariance
        variance = cover[first, first] + cover[last, last] - 2 * cover[first, last]
        error = np.sqrt(max(variance, 0.0)) if self.freedom >= 1 else np.nan
        return float(self.log_index[last] - self.log_index[first]), float(error)


def nothing(observations: Codes, used: int) -> Estimate:
    """Return an index that could not be estimated in any period."""
    periods = len(observations)
    empty = np.zeros((periods, periods))
    return Estimate(
        log_index=np.full(periods, np.nan),
        covariance=empty,
        pooled=empty,
        observations=observations,
        used=used,
        freedom=0,
    )


def filled(log_index: Floats) -> tuple[Floats, Flags]:
    """Interpolate in logs between estimated periods; also return which were. Beyond the ends nothing is filled."""
    known = np.flatnonzero(np.isfinite(log_index))
    if not known.size:
        return log_index, np.zeros(len(log_index), bool)
    places = np.arange(len(log_index))
    inside = (places >= known[0]) & (places <= known[-1])
    whole = np.where(inside, np.interp(places, known, log_index[known]), np.nan)
    return whole, inside & ~np.isfinite(log_index)
