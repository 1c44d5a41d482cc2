"""How good the values are: held-out values against prices, by the measures of ratio studies and of forecasts."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.proportions import wilson
from terrafusion.analysis.ratios.measures import analytic_intervals, prb
from terrafusion.analysis.ratios.sample import ROUNDING, Ratios
from terrafusion.analysis.ratios.segments import Estimate, median_estimate
from terrafusion.analysis.valuation.trial import Trial

CLOSE: Final = 0.1
_QUARTERS: Final = 4


def accuracy(trial: Trial, confidence_level: float) -> dict[str, Any]:
    """Return the figures of all held-out values, each with its interval; per cent but for prd, prb and median_ratio."""
    told = _told(np.exp(trial.valued.value), np.exp(trial.log_price), confidence_level)
    return {**told, **_coverage(trial, np.ones(len(trial.log_price), bool), confidence_level)}


def beside(trial: Trial, confidence_level: float) -> dict[str, dict[str, Any]]:
    """Return the figures of the comparables' values, of the price model's, and of the values before their spread."""
    price, sight = np.exp(trial.log_price), trial.sight
    logs = {
        "comparables": sight.anchor,
        "model": sight.expected,
        "without_restored_spread": sight.anchor + trial.valued.learned,
    }
    return {name: _told(np.exp(value), price, confidence_level) for name, value in logs.items()}


def by_quarter(trial: Trial, order: Floats, confidence_level: float) -> list[dict[str, Any]]:
    """Return the figures of the held-out sales in each quarter of ``order``, prices or values in dollars."""
    edges = np.quantile(order, np.arange(1, _QUARTERS) / _QUARTERS)
    quarter = np.searchsorted(edges, order, side="left")
    return [
        {
            "quarter": at + 1,
            "from": float(order[quarter == at].min()),
            **_part(trial, quarter == at, confidence_level),
        }
        for at in range(_QUARTERS)
        if (quarter == at).any()
    ]


def by_grade(trial: Trial, grade: Codes, names: tuple[str, ...], confidence_level: float) -> list[dict[str, Any]]:
    """Return the same by confidence, of which ``grade`` gives the place in ``names``."""
    return [
        {"confidence": name, **_part(trial, grade == at, confidence_level)}
        for at, name in enumerate(names)
        if (grade == at).any()
    ]


def _part(trial: Trial, rows: Flags, confidence_level: float) -> dict[str, Any]:
    ratio = np.exp(trial.valued.value - trial.log_price)[rows]
    return {
        "n": int(rows.sum()),
        **_estimate("median_ratio", median_estimate(np.sort(ratio), confidence_level)),
        **_estimate("mdape", median_estimate(np.sort(100 * np.abs(ratio - 1)), confidence_level)),
        **_coverage(trial, rows, confidence_level),
    }


def _coverage(trial: Trial, rows: Flags, confidence_level: float) -> dict[str, float]:
    """Return how many prices lie inside their ranges, in per cent of those whose value has one."""
    rows = rows & np.isfinite(trial.valued.low)
    low, high, price = (values[rows] for values in (trial.valued.low, trial.valued.high, trial.log_price))
    if not len(price):
        return _estimate("interval_coverage", Estimate())
    inside = (price >= low - ROUNDING) & (price <= high + ROUNDING)
    return _share("interval_coverage", inside, confidence_level)


def _told(value: Floats, price: Floats, confidence_level: float) -> dict[str, Any]:
    ratios = Ratios.of(value, price)
    off = np.abs(ratios.ratio - 1)
    told = analytic_intervals(ratios, confidence_level)
    return {
        "n": len(ratios),
        **_estimate("mdape", median_estimate(np.sort(100 * off), confidence_level)),
        **_estimate("cod", told["cod"].of(0)),
        **_share("within_10_pct", off <= CLOSE, confidence_level),
        **_estimate("median_ratio", median_estimate(ratios.ratio, confidence_level)),
        **_estimate("prd", told["prd"].of(0)),
        **_estimate("prb", prb(ratios, confidence_level).of(0) if np.ptp(price) > 0 else Estimate()),
    }


def _estimate(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_ci_low": found.low, f"{name}_ci_high": found.high}


def _share(name: str, is_so: Flags, confidence_level: float) -> dict[str, float]:
    """Return a share in per cent with the score interval (Wilson 1927)."""
    low, high = wilson(is_so.sum(), len(is_so), critical_value(confidence_level))
    return _estimate(name, Estimate(*(100 * float(figure) for figure in (is_so.mean(), low, high))))
