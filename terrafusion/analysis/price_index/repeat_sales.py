"""The repeat-sales methods: Bailey, Muth and Nourse; Case and Shiller; a robust regression; value-weighted.

All but the robust one work on sums by first and second period: once these are formed, nothing depends on the
number of pairs but the errors, which take one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.price_index.estimate import Estimate
from terrafusion.analysis.price_index.links import Solution, Ties, clusters, largest, meat, solve
from terrafusion.analysis.price_index.parameters import Weights
from terrafusion.errors import InvalidParameters

_HUBER: Final = 1.345
"""Bend of Huber's psi in scales of the residuals: 95% efficient if they are normal."""
_NORMAL_MAD: Final = 0.6745
_SETTLED: Final = 1e-11
_ROUGHLY_SETTLED: Final = 1e-7
"""Enough for revisions, which are index points: a hundred thousandth of one."""
_EXACT: Final = 1e-12
"""A scale of log changes below it is rounding: most pairs are met exactly, and weights by it would be those of noise."""
_MOST_STEPS: Final = 500
_LONG: Final = 120
_FEW_REVISIONS: Final = 12
"""Periods back to which an index of more than `_LONG` is revised: each time is a system as large as all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How errors are computed and weights formed; how many periods a revised index begins with."""

    robust_errors: bool = True
    weights: Weights = "constrained"
    train_periods: int = 12

    def lasts(self, periods: int) -> range:
        """Return the last periods of the indices that are later revised, and that of the whole."""
        back = _FEW_REVISIONS if periods > _LONG else periods
        return range(max(self.train_periods, periods - back) - 1, periods)


@dataclass(frozen=True, slots=True)
class Tables:
    """Pairs, sums and sums of squares of their log changes, by first and second period."""

    count: Floats
    total: Floats
    squares: Floats

    def until(self, period: int) -> Tables:
        """Leave out pairs that were sold again after ``period``."""
        late = np.arange(len(self.count)) > period
        return Tables(*(np.where(late, 0.0, part) for part in (self.count, self.total, self.squares)))

    def square_errors(self, effects: Floats) -> Floats:
        """Return the sums of squared residuals; zero where a period is not tied."""
        moved = effects[None, :] - effects[:, None]
        summed = self.squares - 2 * moved * self.total + moved**2 * self.count
        return np.where(np.isfinite(summed) & (self.count > 0), np.maximum(summed, 0.0), 0.0)


def tables_of(ties: Ties) -> Tables:
    """Sum the pairs of a group once."""
    ones = np.ones_like(ties.change)
    return Tables(ties.table(ones), ties.table(ties.change), ties.table(ties.change**2))


def bmn(ties: Ties, options: Options) -> Estimate:
    """Estimate by ordinary least squares (Bailey, Muth and Nourse 1963)."""
    tables = tables_of(ties)
    found = _plain(tables)
    series = [_plain(tables.until(last), invert=False).effects for last in options.lasts(ties.periods)]
    return _least_squares(ties, tables, found, np.ones_like(tables.count), options, series=series)


def _plain(tables: Tables, *, invert: bool = True) -> Solution:
    return solve(tables.count, tables.total, largest(tables.count, tables.count), invert=invert)


def case_shiller(ties: Ties, options: Options) -> Estimate:
    """Estimate by weights that fall with the time between the sales (Case and Shiller 1987).

    Squared residuals of `bmn` are regressed on the gap in periods; pairs are weighted by 1 / fitted.
    Raises InvalidParameters where weights are unconstrained and a fitted variance is not positive.
    """
    tables = tables_of(ties)
    weights, told = _weights(tables, options)
    if options.weights == "unconstrained" and told["non_positive_variances"]:
        raise _refused(told)
    found = _weighted(tables, weights)
    series = [
        _weighted(part, _weights(part, options)[0], invert=False).effects
        for part in map(tables.until, options.lasts(ties.periods))
    ]
    return replace(_least_squares(ties, tables, found, weights, options, series=series), told=told)


def _refused(told: dict[str, Any]) -> InvalidParameters:
    allowed = "constrained, drop_non_positive"
    few = f"{told['non_positive_variances']} of {told['pairs_fitted']} pairs have a fitted variance of 0 or less"
    msg = f"weights is 'unconstrained', but {few}; allowed are {allowed}"
    return InvalidParameters(msg, field="weights", value="unconstrained", allowed=allowed)


def _weighted(tables: Tables, weights: Floats, *, invert: bool = True) -> Solution:
    tied = largest(weights * tables.count, tables.count * (weights > 0))
    return solve(weights * tables.count, weights * tables.total, tied, invert=invert)


def _weights(tables: Tables, options: Options) -> tuple[Floats, dict[str, Any]]:
    """Fit the variance of a pair to its gap; return the weight of each first and second period, and what was fitted."""
    effects = _plain(tables, invert=False).effects
    tied = np.isfinite(effects[None, :] + effects[:, None])
    counts, squares = np.where(tied, tables.count, 0.0), tables.square_errors(effects)
    places = np.arange(len(effects))
    gap = np.maximum(places[None, :] - places[:, None], 0).astype(np.float64)
    free = _line(counts, gap, squares)
    used = _bounded(counts, gap, squares, free) if options.weights == "constrained" else free
    fitted = used[0] + used[1] * gap
    weights = np.divide(1.0, fitted, out=np.zeros_like(fitted), where=fitted > 0)
    floored = int(counts[(free[0] + free[1] * gap) <= 0].sum())
    told = {
        "weights": options.weights,
        "variance_intercept": used[0],
        "variance_per_period": used[1],
        "unconstrained_intercept": free[0],
        "unconstrained_per_period": free[1],
        "pairs_fitted": int(counts.sum()),
        "non_positive_variances": floored,
        "floored_weights": floored if options.weights == "constrained" else 0,
        "dropped_pairs": floored if options.weights == "drop_non_positive" else 0,
    }
    return (weights if weights.any() else np.ones_like(weights)), told


def _line(counts: Floats, gap: Floats, squares: Floats) -> tuple[float, float]:
    """Regress squared residuals on the gap; flat where all gaps are equal."""
    n = counts.sum()
    if n == 0:
        return 0.0, 0.0
    middle, mean = float((counts * gap).sum() / n), float(squares.sum() / n)
    spread = float((counts * (gap - middle) ** 2).sum())
    slope = float((squares * (gap - middle)).sum() / spread) if spread > 0 else 0.0
    return mean - slope * middle, slope


def _bounded(counts: Floats, gap: Floats, squares: Floats, free: tuple[float, float]) -> tuple[float, float]:
    """Fit the same line by least squares with neither part negative: on an edge if the free fit is outside."""
    if free[1] < 0:
        return float(squares.sum() / counts.sum()), 0.0
    if free[0] < 0:
        return 0.0, float((squares * gap).sum() / (counts * gap**2).sum())
    return free


def _least_squares(
    ties: Ties, tables: Tables, found: Solution, weights: Floats, options: Options, *, series: list[Floats]
) -> Estimate:
    """Put the errors beside a (weighted) least-squares solution."""
    tied = np.isfinite(found.effects[None, :] + found.effects[:, None])
    kept = ties.kept((tied & (weights > 0))[ties.first, ties.second])
    used, freedom = len(kept.change), len(kept.change) - found.parameters
    squares = float((weights * tables.square_errors(found.effects)).sum())
    pooled = found.bread * (squares / max(freedom, 1))
    cover = pooled
    if options.robust_errors and freedom > 0:
        scores = kept.residuals(found.effects) * weights[kept.first, kept.second]
        cover = found.bread @ meat(kept, scores) @ found.bread * _small_sample(kept, freedom)
    return Estimate(
        log_index=found.effects,
        covariance=cover,
        pooled=pooled,
        observations=kept.observations(),
        used=used,
        freedom=freedom,
        series=series,
    )


def _small_sample(kept: Ties, freedom: int) -> float:
    """Return the usual factor of clustered errors; where each parcel has one pair, that of HC1."""
    groups = clusters(kept)
    return groups / max(groups - 1, 1) * (len(kept.change) - 1) / freedom


def robust(ties: Ties, options: Options) -> Estimate:
    """Estimate by Huber's M-regression, k = 1.345; the scale, MAD / .6745, is estimated anew in each step.

    Errors: those of Huber (1981) from one variance, his first form, or clustered by parcel.
    """
    start = _plain(tables_of(ties))
    found, scale, steps = _huber(ties, start)
    kept = ties.kept(np.isfinite(ties.residuals(found.effects)))
    errors = kept.residuals(found.effects)
    bent = np.clip(errors, -_HUBER * scale, _HUBER * scale)
    inside = (np.abs(errors) <= _HUBER * scale).astype(np.float64)
    used, share = len(errors), float(inside.mean()) if inside.size else 1.0
    freedom = used - found.parameters
    plain = start.bread
    bend = 1 + found.parameters / max(used, 1) * float(inside.var() if inside.size else 0.0) / share**2
    pooled = plain * bend**2 * float((bent**2).sum()) / max(freedom, 1) / share**2
    cover = pooled
    if options.robust_errors and freedom > 0:
        cover = plain @ meat(kept, bent) @ plain / share**2 * _small_sample(kept, freedom)
    return Estimate(
        log_index=found.effects,
        covariance=cover,
        pooled=pooled,
        observations=kept.observations(),
        used=used,
        freedom=freedom,
        told={"scale": scale, "steps": steps, "bent_pairs": used - int(inside.sum())},
        series=list(_revised(ties, found, options))[::-1],
    )


def _huber(ties: Ties, start: Solution, *, settled: float = _SETTLED) -> tuple[Solution, float, int]:
    """Iterate from ``start`` until the index stands still; also return the scale and the number of steps."""
    found, scale = start, 0.0
    for step in range(_MOST_STEPS):
        errors = np.abs(ties.residuals(found.effects))
        known = np.isfinite(errors)
        scale = _median(errors if known.all() else errors[known]) / _NORMAL_MAD if known.any() else 0.0
        if scale < _EXACT:
            return found, scale, step
        weight = np.minimum(1.0, np.divide(_HUBER * scale, errors, out=np.ones_like(errors), where=errors > 0))
        better = solve(ties.table(weight), ties.table(weight * ties.change), start.tied, invert=False)
        moved = np.nanmax(np.abs(better.effects - found.effects), initial=0.0)
        found = better
        if moved < settled:
            return found, scale, step + 1
    return found, scale, _MOST_STEPS


def _median(values: Floats) -> float:
    """Return the median of values without order; numpy's own costs twice as much."""
    middle = len(values) // 2
    parted = np.partition(values, middle)
    return float(parted[middle] if len(values) % 2 else (parted[:middle].max() + parted[middle]) / 2)


def _revised(ties: Ties, whole: Solution, options: Options) -> Iterator[Floats]:
    """Estimate without the last period, without the last two, and so on, each beginning with the one before."""
    found, (ordered, ends) = whole, ties.by_end()
    for last in reversed(options.lasts(ties.periods)):
        part = ordered.head(int(ends[last]))
        plain = _plain(tables_of(part), invert=False)
        near = replace(plain, effects=np.where(np.isfinite(found.effects), found.effects, plain.effects))
        found = _huber(part, near if np.array_equal(near.tied, found.tied) else plain, settled=_ROUGHLY_SETTLED)[0]
        yield found.effects


def arithmetic(ties: Ties, earlier: Floats, later: Floats, options: Options) -> Estimate:
    """Estimate the value-weighted arithmetic index (Shiller 1991), by instrumental variables, without gap weights.

    ``earlier`` and ``later`` are the pairs' prices. For each period the value of the pairs' homes, deflated, is
    the same when bought as when sold: sum(P2 / I2 - P1 / I1) = 0 over the pairs that end less those that begin.
    """
    unit = float(np.mean(later)) if later.size else 1.0
    bought, sold = ties.table(earlier / unit), ties.table(later / unit)
    counts = ties.table(np.ones_like(earlier))
    deflator, inverse, parameters = _deflators(bought, sold, counts)
    errors = later / unit * deflator[ties.second] - earlier / unit * deflator[ties.first]
    known = np.isfinite(errors)
    kept, scores = ties.kept(known), errors[known]
    used, freedom = len(scores), len(scores) - parameters
    laplacian = np.diag(counts.sum(axis=0) + counts.sum(axis=1)) - counts - counts.T
    inner = np.divide(inverse, deflator[:, None], out=np.zeros_like(inverse), where=np.isfinite(deflator)[:, None])
    pooled = inner @ laplacian @ inner.T * float((scores**2).sum()) / max(freedom, 1)
    cover = pooled
    if options.robust_errors and freedom > 0:
        cover = inner @ meat(kept, scores) @ inner.T * _small_sample(kept, freedom)
    return Estimate(
        log_index=-np.log(deflator),
        covariance=cover,
        pooled=pooled,
        observations=kept.observations(),
        used=used,
        freedom=freedom,
        series=[-np.log(_deflators(*_until(last, bought, sold, counts))[0]) for last in options.lasts(ties.periods)],
    )


def _until(last: int, *tables: Floats) -> Iterator[Floats]:
    late = np.arange(len(tables[0])) > last
    return (np.where(late, 0.0, table) for table in tables)


def _deflators(bought: Floats, sold: Floats, counts: Floats) -> tuple[Floats, Floats, int]:
    """Return 1 / index by period (nan where there is none), the inverse of Z'X, and how many were estimated."""
    tied = largest(counts, counts)
    matrix = np.diag(bought.sum(axis=1) + sold.sum(axis=0)) - sold - bought.T
    free = np.flatnonzero(tied)[1:]
    deflator, inverse = np.where(tied, 1.0, np.nan), np.zeros_like(counts)
    if free.size:
        base = int(np.argmax(tied))
        part = np.ix_(free, free)
        inverse[part] = np.linalg.inv(matrix[part])
        deflator[free] = -inverse[part] @ matrix[free, base]
    deflator[~(deflator > 0)] = np.nan
    return deflator, inverse, len(free)


RepeatSales = Callable[[Ties, Options], Estimate]
LOG_METHODS: Final[dict[str, RepeatSales]] = {"bmn": bmn, "case_shiller": case_shiller, "robust": robust}
"""The methods that see log prices alone."""
