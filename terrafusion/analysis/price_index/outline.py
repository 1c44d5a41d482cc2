"""What is told of a group's index, without the T x T matrices of its estimate: of many groups these would fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate
from terrafusion.analysis.price_index.measures import revision, volatility

Span = tuple[int, int]
"""Two periods that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How sure intervals are to be, which periods are full, and how many observations a period needs to be compared."""

    z: float
    confidence_level: float
    min_sales: int
    full: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A log index over T periods, nan where it has none, with its errors."""

    log_index: Floats
    errors: Floats
    """Standard errors of the log index against its first period."""
    pooled: Flags
    """Which errors are those of one common variance; see `Estimate.of_common_variance`."""
    observations: Codes
    used: int
    """Sales or pairs that the index rests on; none where no period is estimated."""
    freedom: int
    told: Mapping[str, Any]
    span: Span | None
    """The first and the last period that can be compared; None without two."""
    change: Mapping[str, float | None]
    """The change over the span in per cent, with its interval; null without one."""
    measures: Mapping[str, Any]
    """How rough the index is, how much it is revised, and how many observations it rests on."""

    @property
    def estimated(self) -> Flags:
        """Which periods have an estimate of their own."""
        return np.isfinite(self.log_index)


def outlined(estimate: Estimate, sight: Sight, span: Span | None = None) -> Outline:
    """Tell of an estimate, and of its change over ``span``, which is its own where none is given."""
    compared = span or ends(estimate, sight)
    used = estimate.used if estimate.estimated.any() else 0
    return Outline(
        log_index=estimate.log_index,
        errors=estimate.errors(),
        pooled=estimate.of_common_variance(),
        observations=estimate.observations,
        used=used,
        freedom=estimate.freedom,
        told=estimate.told,
        span=compared,
        change=NO_CHANGE if compared is None else change(estimate, compared, sight),
        measures={"used": used, **volatility(estimate.log_index), **revision(estimate.series)},
    )


def ends(estimate: Estimate, sight: Sight) -> Span | None:
    """Return the first and last period to compare: full, with an estimate and observations enough; None without two."""
    enough = estimate.observations >= sight.min_sales
    usable = np.flatnonzero(sight.full & estimate.estimated & enough)
    return (int(usable[0]), int(usable[-1])) if len(usable) > 1 else None


NO_CHANGE: Final[Mapping[str, None]] = dict.fromkeys(("change_pct", "ci_low_pct", "ci_high_pct"))


def change(estimate: Estimate, span: Span, sight: Sight) -> Mapping[str, float | None]:
    """Return the index's change over a span in per cent, with its interval where one can be told."""
    moved, error = estimate.difference(*span)
    if not np.isfinite(moved):
        return NO_CHANGE
    reach = sight.z * error if estimate.freedom >= FREEDOM else np.nan
    low, middle, high = (100 * float(np.expm1(moved + by)) for by in (-reach, 0.0, reach))
    known = np.isfinite(reach)
    return {"change_pct": middle, "ci_low_pct": low if known else None, "ci_high_pct": high if known else None}
