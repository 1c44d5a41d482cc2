"""Sold parcels against unsold ones: by medians, means, ranks and whole distributions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.coverage.shares import NO_INTERVAL
from terrafusion.analysis.ratios.segments import Estimate, Segments, median_estimate

DIFFERS, ALIKE, UNCLEAR = "differs", "alike", "unclear"


@dataclass(frozen=True)
class TwoSamples:
    """The values of sold and of unsold parcels, each in ascending order."""

    sold: Floats
    unsold: Floats

    @cached_property
    def counts(self) -> tuple[Codes, Codes]:
        """How many sold and how many unsold parcels have each of the distinct values, in ascending order."""
        values, code = np.unique(np.concatenate([self.sold, self.unsold]), return_inverse=True)
        first = len(self.sold)
        return np.bincount(code[:first], minlength=len(values)), np.bincount(code[first:], minlength=len(values))

    def median(self, confidence_level: float) -> Estimate:
        """Return the difference of the medians; its interval joins theirs (MOVER, Zou and Donner 2008)."""
        segments = Segments.of([len(self.sold), len(self.unsold)])
        medians = segments.medians(np.concatenate([self.sold, self.unsold]), confidence_level)
        sold, unsold = (medians.take(np.array([place])) for place in (0, 1))
        return sold.less(unsold).of(0)

    def mean(self, confidence_level: float) -> dict[str, float]:
        """Compare the means by Welch's t (1947)."""
        from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - slow to import

        shares = np.array([values.var(ddof=1) / len(values) for values in (self.sold, self.unsold)])
        error = math.sqrt(shares.sum())
        difference = float(self.sold.mean() - self.unsold.mean())
        if error == 0:
            return {"value": difference}
        freedom = float(shares.sum() ** 2 / (shares**2 / (np.array([len(self.sold), len(self.unsold)]) - 1)).sum())
        reach = float(stdtrit(freedom, 0.5 + confidence_level / 2)) * error
        return {
            "value": difference,
            "ci_low": difference - reach,
            "ci_high": difference + reach,
            "statistic": difference / error,
            "degrees_of_freedom": freedom,
            "p_value": float(2 * stdtr(freedom, -abs(difference) / error)),
        }

    def standardized(self, confidence_level: float) -> Estimate:
        """Return the difference of the means over the root of the mean variance, with Bonett's interval (2008)."""
        variances = np.array([values.var(ddof=1) for values in (self.sold, self.unsold)])
        freedom = np.array([len(self.sold), len(self.unsold)]) - 1
        spread = variances.mean()
        if spread == 0:
            return Estimate()
        value = float((self.sold.mean() - self.unsold.mean()) / math.sqrt(spread))
        own = value**2 * (variances**2 / freedom).sum() / (8 * spread**2)
        reach = critical_value(confidence_level) * math.sqrt(own + (variances / freedom).sum() / spread)
        return Estimate(value, value - reach, value + reach)

    def ranks(self, confidence_level: float) -> dict[str, float]:
        """Return the chance that a sold parcel has more than an unsold one, ties counting half (Mann and Whitney 1947).

        The interval is two joined: from the lower of their lows to the higher of their highs. On the logit scale with
        the variance of DeLong, DeLong and Clarke-Pearson (1988) it follows the shapes of both distributions, and knows too little where few parcels overlap; Newcombe's
        (2006, part 2, method 5) takes the shapes as alike, and holds where none overlap. p is normal, with continuity
        and ties.
        """
        sold, unsold = self.counts
        n, m = len(self.sold), len(self.unsold)
        below, above = (np.cumsum(unsold) - unsold / 2) / m, (n - np.cumsum(sold) + sold / 2) / n
        chance = _dot(sold, below) / n
        variance = _dot(sold, (below - chance) ** 2) / (n * (n - 1)) + _dot(unsold, (above - chance) ** 2) / (
            m * (m - 1)
        )
        z = critical_value(confidence_level)
        low, high = on_logits(chance, z * math.sqrt(variance))
        return {
            "value": chance,
            "ci_low": min(low, least_chance(chance, n, m, z)),
            "ci_high": max(high, 1 - least_chance(1 - chance, n, m, z)),
            **_mann_whitney(chance, sold + unsold, n, m),
        }

    def distributions(self) -> dict[str, float]:
        """Return the greatest distance of the two distributions (Kolmogorov and Smirnov), p of the limit law."""
        from scipy.special import kolmogorov  # noqa: PLC0415 - slow to import

        n, m = len(self.sold), len(self.unsold)
        apart = np.abs(np.cumsum(self.counts[0]) / n - np.cumsum(self.counts[1]) / m)
        distance = float(apart.max())
        return {"value": distance, "p_value": float(kolmogorov(distance * math.sqrt(n * m / (n + m))))}


def on_logits(chance: float, reach: float) -> tuple[float, float]:
    """Return the ends of an interval that reaches so far about a chance, kept between 0 and 1 by its logit."""
    if not 0 < chance < 1:
        return chance, chance
    odds, factor = chance / (1 - chance), math.exp(min(reach / (chance * (1 - chance)), _FAR))
    return odds / (odds + factor), odds * factor / (1 + odds * factor)


_FAR: Final = 300.0


def least_chance(chance: float, n: int, m: int, z: float) -> float:
    """Return the least true chance from which the one found, of n against m, lies at most ``z`` errors away.

    The error is that of exponential distributions (Hanley and McNeil 1982), of n and m their mean (Newcombe 2006).
    """
    low, high, others = 0.0, chance, (n + m) / 2 - 1
    for _ in range(_HALVINGS):
        true = (low + high) / 2
        variance = true * (1 - true) * (1 + others * ((1 - true) / (2 - true) + true / (1 + true))) / (n * m)
        low, high = (true, high) if chance - true > z * math.sqrt(variance) else (low, true)
    return low


_HALVINGS: Final = 60


def _mann_whitney(chance: float, ties: Codes, n: int, m: int) -> dict[str, float]:
    both = n + m
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (both * (both - 1.0))
    spread = math.sqrt(max(n * m / 12 * (both + 1 - tied), 0.0))
    if spread == 0:
        return {}
    z = max(abs(chance - 0.5) * n * m - 0.5, 0.0) / spread
    return {"statistic": math.copysign(z, chance - 0.5), "p_value": math.erfc(z / math.sqrt(2))}


def rows(values: TwoSamples, *, logs: bool, confidence_level: float, meaningful: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one characteristic; ``logs`` says that its standardized difference is that of logs."""
    medians = [median_estimate(part, confidence_level).value for part in (values.sold, values.unsold)]
    yield {"measure": "median", "sold": medians[0], "unsold": medians[1], **_spread(values.median(confidence_level))}
    means = {"sold": float(values.sold.mean()), "unsold": float(values.unsold.mean())}
    yield {"measure": "mean", "test": "Welch's t", **means, **values.mean(confidence_level)}
    scaled = TwoSamples(np.log(values.sold), np.log(values.unsold)) if logs else values
    standardized = scaled.standardized(confidence_level)
    told = {"verdict": verdict(standardized, meaningful), "note": "of logs" if logs else None}
    yield {"measure": "standardized_difference", **_spread(standardized), **told}
    yield {"measure": "rank", "test": "Mann-Whitney", **values.ranks(confidence_level)}
    yield {"measure": "distribution", "test": "Kolmogorov-Smirnov", **values.distributions(), "note": NO_INTERVAL}


def _spread(estimate: Estimate) -> dict[str, float]:
    return dict(zip(("value", "ci_low", "ci_high"), estimate, strict=True))


def verdict(estimate: Estimate, meaningful: float) -> str | None:
    """Say whether the whole interval lies beyond what is meaningful, or within it, or neither."""
    if math.isnan(estimate.value):
        return None
    if estimate.low > meaningful or estimate.high < -meaningful:
        return DIFFERS
    return ALIKE if -meaningful <= estimate.low and estimate.high <= meaningful else UNCLEAR


@dataclass(frozen=True, slots=True)
class Within:
    """The difference of logs between sold and unsold parcels of the same stratum."""

    difference: Estimate
    t: float
    freedom: int
    p_value: float
    sold: int
    unsold: int


def within(log_value: Floats, sold: Flags, stratum: Codes, confidence_level: float) -> Within | None:
    """Regress ln value on being sold and a dummy for each stratum, by least squares with HC1 errors.

    Only strata that hold both kinds say anything. None where too few are left.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - slow to import

    size = int(stratum.max()) + 1 if len(stratum) else 0
    both = (np.bincount(stratum, sold, size) > 0) & (np.bincount(stratum, ~sold, size) > 0)
    told = both[stratum] if size else np.zeros(0, dtype=bool)
    value, is_sold, place = log_value[told], sold[told].astype(np.float64), stratum[told]
    freedom = len(value) - int(both.sum()) - 1
    if freedom < 1:
        return None
    regressor, response = (_centred(column, place, size) for column in (is_sold, value))
    moment = _dot(regressor, regressor)
    slope = _dot(regressor, response) / moment
    residual = response - slope * regressor
    scores = regressor * residual
    error = math.sqrt(_dot(scores, scores) * len(value) / freedom) / moment
    reach = float(stdtrit(freedom, 0.5 + confidence_level / 2)) * error
    counts = (int(is_sold.sum()), int(len(value) - is_sold.sum()))
    if error <= 1e-12 * max(abs(slope), 1.0):
        return Within(Estimate(slope), math.nan, freedom, math.nan, *counts)
    p = float(2 * stdtr(freedom, -abs(slope) / error))
    return Within(Estimate(slope, slope - reach, slope + reach), slope / error, freedom, p, *counts)


def _dot(one: Floats | Codes, other: Floats) -> float:
    """Sum the products in an order that no number of threads changes."""
    return float(np.einsum("k,k->", one, other))


def _centred(values: Floats, place: Codes, size: int) -> Floats:
    counts = np.bincount(place, minlength=size)
    means = np.bincount(place, values, size) / np.maximum(counts, 1)
    centred: Floats = values - means[place]
    return centred
