"""What the IAAO calls acceptable, and whether a figure is.

The bounds are those of the Standard on Ratio Studies (2013, tables 1-3 and 2-3; MKI and VEI of later exposure
drafts), from secondary copies of the IAAO standard until a person confirms them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

from terrafusion.analysis.ratios.sample import ROUNDING, Estimate

SOURCE: Final = "from secondary copies of the IAAO standard"

PropertyClass = Literal["residential_improved", "income", "residential_vacant", "other_vacant"]
CLASSES: Final[tuple[str, ...]] = get_args(PropertyClass)
JurisdictionSize = Literal["very_large", "mid", "small"]

MET, STATISTICALLY_MET, NOT_MET = "met", "statistically met", "not met"

JUDGED: Final = ("median", "cod", "prd", "prb", "mki", "vei")
"""The measures that have a band."""


_MOST_DIGITS: Final = 10


class Band(NamedTuple):
    """What is acceptable, bounds included."""

    low: float
    high: float


_COD: Final[Mapping[str, tuple[Band, Band, Band]]] = {
    "residential_improved": (Band(5, 10), Band(5, 15), Band(5, 20)),
    "income": (Band(5, 15), Band(5, 20), Band(5, 25)),
    "residential_vacant": (Band(5, 15), Band(5, 20), Band(5, 25)),
    "other_vacant": (Band(5, 20), Band(5, 25), Band(5, 30)),
}
_SIZES: Final = get_args(JurisdictionSize)


def bands(property_class: str | None, jurisdiction_size: str, *, level: float) -> dict[str, Band]:
    """Return the band of each of `JUDGED`; none for COD where sales of several classes are mixed.

    ``level`` is the fraction of market value at which the county assesses; only the median's band scales by it.
    """
    found = {
        "median": Band(0.90 * level, 1.10 * level),
        "prd": Band(0.98, 1.03),
        "prb": Band(-0.05, 0.05),
        "mki": Band(0.95, 1.05),
        "vei": Band(-10, 10),
    }
    if property_class is not None:
        found["cod"] = _COD[property_class][_SIZES.index(jurisdiction_size)]
    return found


def verdict(estimate: Estimate, band: Band | None) -> str | None:
    """Say whether the estimate lies in the band, or at least its interval reaches into it.

    None without a figure or a band, or where a figure beyond the band has no interval.
    """
    value, low, high = estimate
    if band is None or math.isnan(value):
        return None
    reach = ROUNDING * max(abs(band.low), abs(band.high))
    if band.low - reach <= value <= band.high + reach:
        return MET
    if math.isnan(low) or math.isnan(high):
        return None
    return STATISTICALLY_MET if low <= band.high + reach and high >= band.low - reach else NOT_MET


def written(value: float, digits: int, band: Band | None) -> str:
    """Write a figure with so many decimals, or with as many more as show on which side of the band's bounds it lies."""
    met = verdict(Estimate(value), band)
    while digits < _MOST_DIGITS and verdict(Estimate(round(value, digits)), band) != met:
        digits += 1
    return f"{value:.{digits}f}"
