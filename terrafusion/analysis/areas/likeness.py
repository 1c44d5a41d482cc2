"""How alike areas are, from features on one scale.

Each feature is a block of columns, centred and divided by the standard deviation over the areas (of the whole block where
its columns share a unit: growth paths and coordinates). D^2 = sum w_b D_b^2 / sum w_b, D_b^2 the mean squared difference
over the columns of block b. Similarity is exp(-D^2 / 2): 1 of areas alike in all, 0.37 of two drawn by chance from
independent features, 0 of areas apart without bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from terrafusion.analysis.areas.parameters import AreaParameters, Feature
from terrafusion.analysis.arrays import Floats

_ONE_SCALE: Final = frozenset({"growth", "location"})
_CONSTANT: Final = 1e-12

Blocks = Mapping[Feature, Floats]
"""Areas x columns, by feature."""


def embedded(blocks: Blocks, parameters: AreaParameters) -> dict[Feature, Floats]:
    """Return the blocks so scaled that squared distances in all columns together are D^2."""
    total = sum(parameters.weight(name) for name in blocks)
    return {
        name: np.sqrt(parameters.weight(name) / total / block.shape[1])
        * standardised(block, together=name in _ONE_SCALE)
        for name, block in blocks.items()
        if parameters.weight(name)
    }


def standardised(block: Floats, *, together: bool) -> Floats:
    """Centre columns and divide them by their standard deviation, or by that of all; 0 where they do not vary."""
    centred = block - block.mean(axis=0)
    variance = np.square(centred).sum(axis=0) / max(len(block) - 1, 1)
    if together:
        variance = np.full_like(variance, variance.mean())
    varies = variance > _CONSTANT * np.square(block).max(axis=0)
    scaled: Floats = np.where(varies, centred / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    return scaled


def distances(scaled: Mapping[Feature, Floats], subject: int) -> dict[Feature, Floats]:
    """Return each area's squared distance from the subject by feature; they add up to D^2."""
    return {name: np.square(block - block[subject]).sum(axis=1) for name, block in scaled.items()}


def similarity(squared: Floats) -> Floats:
    """Return exp(-D^2 / 2)."""
    alike: Floats = np.exp(-squared / 2)
    return alike
