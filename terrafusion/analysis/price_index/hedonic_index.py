"""The hedonic time-dummy method: one regression with period effects, laid over all periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.hedonic import Design, Sample, fit, growing
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate, nothing
from terrafusion.analysis.price_index.repeat_sales import Options

_MOST_AREAS: Final = 200
"""Areas up to which revisions are computed: each is a system as large."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A group's sample, and which of all periods its own periods are."""

    sample: Sample
    places: Codes
    periods: int

    def observations(self) -> Codes:
        """Count the sales in each of all periods."""
        counts = np.zeros(self.periods, np.int64)
        counts[self.places] = np.bincount(self.sample.period)
        return counts

    def spread(self, values: Floats) -> Floats:
        """Put one value a period of its own among all periods, nan elsewhere."""
        whole = np.full(self.periods, np.nan)
        whole[self.places[: len(values)]] = values
        return whole

    def spread_square(self, values: Floats) -> Floats:
        """Put a matrix over its own periods among all, zero elsewhere."""
        whole = np.zeros((self.periods, self.periods))
        whole[np.ix_(self.places, self.places)] = values
        return whole


def time_dummy(placed: Placed, options: Options) -> Estimate:
    """Estimate ln S = period + location + characteristics by least squares; errors are HC1 or plain."""
    sample, observations = placed.sample, placed.observations()
    if len(sample.log_price) < len(placed.places) + FREEDOM:  # of which each has a parameter: no fit can have it
        return nothing(observations, len(sample.log_price))
    design = Design(sample)
    found = fit(design, base=0)
    freedom = found.observations - found.estimated
    if freedom < FREEDOM:
        return nothing(observations, found.observations)
    return Estimate(
        log_index=placed.spread(found.effects),
        covariance=placed.spread_square(found.covariance if options.robust_errors else found.pooled),
        pooled=placed.spread_square(found.pooled),
        observations=observations,
        used=found.observations,
        freedom=freedom,
        told={"parameters": found.estimated},
        series=list(_series(design, placed, options)),
    )


def _series(design: Design, placed: Placed, options: Options) -> Iterator[Floats]:
    """Yield the index as of each period from the last training period on; a period without sales repeats it."""
    known = np.searchsorted(placed.places, np.array(options.lasts(placed.periods), dtype=np.int64), side="right")
    if not known.size or known[0] == 0 or placed.sample.location.max() >= _MOST_AREAS:
        return
    steps = list(growing(design, begin=int(known[0]) - 1))
    for count in known:
        yield placed.spread(steps[count - known[0]].effects)
