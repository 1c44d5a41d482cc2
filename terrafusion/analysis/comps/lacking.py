"""What is not known of homes, of what most sales tell: values that lean on less lie farther from prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.comps.homes import Homes, Places
from terrafusion.analysis.indexes import CHARACTERISTICS

_TEXTS: Final = ("property_type", "zip_code", "neighborhood")
_FIELDS: Final = (*CHARACTERISTICS, *_TEXTS, "coordinates")
_MOST: Final = 12
"""Ways of lacking that are told apart, of sales and of homes the commonest; each costs a look at some thousand sales more."""


@dataclass(frozen=True, slots=True)
class Lacks:
    """The ways in which homes lack something, as numbers whose bits say what is unknown; 0 is nothing."""

    mask: int
    """The bits of what at least half of the sales tell."""
    codes: tuple[int, ...]


def lacks_of(sales: pl.DataFrame, homes: pl.DataFrame | None = None) -> Lacks:
    """Learn what most sales tell, and how sales and homes lack it."""
    known = Homes.of(sales)
    places = Places.of(known)
    own = unknown(known, places)
    others = own[:0] if homes is None else unknown(Homes.of(homes), places)
    told = [place for place in range(len(_FIELDS)) if 2 * int((own >> place & 1).sum()) <= len(own)]
    mask = sum(1 << place for place in told)
    return Lacks(mask, tuple(sorted({*_commonest(own & mask), *_commonest(others & mask)})))


def _commonest(codes: Codes) -> list[int]:
    found, counts = np.unique(codes, return_counts=True)
    commonest: list[int] = found[np.lexsort((found, -counts))[:_MOST]].tolist()
    return commonest


def unknown(homes: Homes, places: Places) -> Codes:
    """Return for each home a number whose bits say which of its fields are not known."""
    lacking = [~np.isfinite(homes.values[name]) for name in CHARACTERISTICS]
    lacking += [texts.is_null().to_numpy() for texts in (homes.kind, homes.zip_code, homes.neighborhood)]
    lacking.append(~places.put(homes)[1])
    codes: Codes = np.array([flags.astype(np.int64) << place for place, flags in enumerate(lacking)]).sum(axis=0)
    return codes


def hidden(homes: pl.DataFrame, code: int) -> pl.DataFrame:
    """Return the homes as if what the code says were not known of them."""
    names = [name for place, name in enumerate(_FIELDS) if code >> place & 1]
    columns = [name for field in names for name in (("latitude", "longitude") if field == "coordinates" else (field,))]
    return homes.with_columns(pl.lit(None).cast(homes.schema[name]).alias(name) for name in columns)
