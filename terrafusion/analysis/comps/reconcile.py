"""From comparables to a value: each sale's price brought to the subject, and their weighted mean.

value = sum of w_c S_c exp(t_s - t_c + x_s'b - x_c'b), the weights w_c adding up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.search import Comps, Subjects

HUBER: Final = 1.345
"""Residuals of comparables beyond so many standard deviations lose weight (Huber 1981)."""

_SAME: Final = 1e-8
"""Log difference below which the logarithmic mean is the mean."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Values of subjects, and how each comparable contributes: subjects x k, nan where there are fewer."""

    adjusted: Floats
    """The comparable's price brought to the subject and its valuation date."""
    adjustments: Floats
    """In dollars, subjects x k x (time, then `PARTS`); nan for what the model does not hold. They add up to adjusted - price."""
    residual: Floats
    """The comparable's log price less what the model says of it."""
    weight: Floats
    """Adds up to 1."""
    value: Floats
    """Of each subject; nan without comparables."""
    expected: Floats
    """What the model alone says of the subject, in dollars: the comparables' residuals left out."""
    spread: Floats
    """Weighted standard deviation of the comparables' log adjusted prices, pooled with the model's."""


def reconcile(model: Model, subjects: Subjects, comps: Comps) -> Reconciled:
    """Adjust every comparable and weigh it by similarity, and by how far its price is from what the model says."""
    there = comps.sale >= 0
    sale = np.maximum(comps.sale, 0)
    residual = np.where(there, model.residual[sale], np.nan)
    moved = model.time(subjects.day)[:, None] - model.time(model.day)[sale]
    apart = comps.parts[:, None, :] - comps.sale_parts
    price = np.exp(model.log_price)[sale]
    dated = price * np.exp(moved)
    adjusted = np.where(there, dated * np.exp(np.nansum(apart, axis=2)), np.nan)
    shares = apart * logarithmic_mean(dated, adjusted)[:, :, None]
    adjustments = np.concatenate([(dated - price)[:, :, None], shares], axis=2)
    adjustments[~there] = np.nan
    like = np.where(there, similarity(comps), 0.0)
    trust = np.minimum(1.0, HUBER * model.spread / np.maximum(np.abs(residual), 1e-12))
    raw = np.where(there, like * trust, 0.0)
    total = raw.sum(axis=1, keepdims=True)
    weight = np.where(there, raw / np.where(total > 0, total, 1.0), np.nan)
    value = np.where(there.any(axis=1), np.nansum(weight * adjusted, axis=1), np.nan)
    told = model.prices.base + model.time(subjects.day) + np.nansum(comps.parts, axis=1)
    return Reconciled(adjusted, adjustments, residual, weight, value, np.exp(told), _spread(model, residual, weight))


def similarity(comps: Comps) -> Floats:
    """Return 1 / (1 + dissimilarity): 1 for the same home next door sold today."""
    found: Floats = 1 / (1 + comps.dissimilarity)
    return found


def logarithmic_mean(a: Floats, b: Floats) -> Floats:
    """Return (b - a) / ln(b / a), by which log differences become dollars that add up (Ang 2004); a where both are equal."""
    logs = np.log(b / a)
    near = np.abs(logs) < _SAME
    mean: Floats = np.where(near, (a + b) / 2, (b - a) / np.where(near, 1.0, logs))
    return mean


def _spread(model: Model, residual: Floats, weight: Floats) -> Floats:
    mean = np.nansum(weight * residual, axis=1, keepdims=True)
    variance = np.nansum(weight * (residual - mean) ** 2, axis=1)
    pooled: Floats = np.sqrt((variance + model.spread**2) / 2)
    return pooled
