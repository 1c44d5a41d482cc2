"""What the IAAO calls acceptable, and whether a figure is.

The bounds are those of the Standard on Ratio Studies (2013, tables 1-3 and 2-3; MKI and VEI of later exposure
drafts), from secondary copies of the IAAO standard until a person confirms them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.ratios.sample import ROUNDING
from terrafusion.analysis.ratios.segments import Estimates

SOURCE: Final = "from secondary copies of the IAAO standard"

PropertyClass = Literal["residential_improved", "income", "residential_vacant", "other_vacant"]
CLASSES: Final[tuple[str, ...]] = get_args(PropertyClass)
JurisdictionSize = Literal["very_large", "mid", "small"]

MET, STATISTICALLY_MET, NOT_MET = "met", "statistically met", "not met"
_VERDICTS: Final = np.array([MET, STATISTICALLY_MET, NOT_MET, None], dtype=object)

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
_NO_BAND: Final = Band(math.nan, math.nan)
Number = TypeVar("Number", float, Floats)
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


def bounds(classes: Codes, jurisdiction_size: str, *, level: float) -> dict[str, tuple[Floats, Floats]]:
    """Return the ends of the bands of groups, of each of `JUDGED`; nan where there is none.

    ``classes`` are places in `CLASSES`, or as many as there are where classes are mixed.
    """
    judged = [bands(name, jurisdiction_size, level=level) for name in (*CLASSES, None)]
    ends = {name: np.array([one.get(name, _NO_BAND) for one in judged])[classes] for name in JUDGED}
    return {name: (both[:, 0], both[:, 1]) for name, both in ends.items()}


def verdicts(told: Estimates, low: Floats, high: Floats) -> NDArray[np.object_]:
    """Say of each estimate whether it lies in its band, or at least its interval reaches into it.

    None without a figure or a band, or where a figure beyond the band has no interval.
    """
    low, high = _rounded(low, high)
    inside = (told.value >= low) & (told.value <= high)
    reaching = (told.low <= high) & (told.high >= low)
    known = np.isfinite([*told, low]).all(axis=0)
    said: NDArray[np.object_] = _VERDICTS[np.select([inside, known & reaching, known], [0, 1, 2], 3)]
    return said


def _rounded(low: Number, high: Number) -> tuple[Number, Number]:
    """Widen a band by what rounding makes of its bounds."""
    reach = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return low - reach, high + reach


def written(value: float, digits: int, band: Band | None) -> str:
    """Write a figure with so many decimals, or with as many more as show on which side of the band's bounds it lies."""
    low, high = _rounded(*(band or _NO_BAND))
    while digits < _MOST_DIGITS and (low <= round(value, digits) <= high) != (low <= value <= high):
        digits += 1
    return f"{value:z.{digits}f}"
