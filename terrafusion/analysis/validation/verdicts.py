"""From reasons to a verdict: which of them are told, and whether the sale counts as arm's length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Flags
from terrafusion.analysis.validation.reasons import OVERRIDDEN, TOLD, in_order

Places = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One value a sale."""

    valid: Flags
    by_rules: Flags
    """What the rules alone say."""
    reasons: pl.Series
    """At most three codes, those that decide first."""


def decided(found: Mapping[str, Flags], supporting: tuple[str, ...], count: int) -> Flags:
    """Say of each of ``count`` sales whether a reason decides that it is not arm's length."""
    refused = np.zeros(count, dtype=bool)
    for code in found.keys() - set(supporting):
        refused |= found[code]
    return refused


def verdicts(found: Mapping[str, Flags], supporting: tuple[str, ...], override: pl.Series) -> Verdicts:
    """Judge each sale by its reasons, and by what a person said of it: null where nobody did."""
    refused = decided(found, supporting, len(override))
    said = pl.DataFrame({"said": override, "rules": ~refused})
    codes = [code for code in in_order(supporting) if code in found]
    places = _placed([found[code] for code in codes], len(override))
    return Verdicts(
        valid=said.select(pl.coalesce("said", "rules")).to_series().to_numpy(),
        by_rules=~decided(found, (OVERRIDDEN, *supporting), len(override)),
        reasons=_listed(places, codes),
    )


def _placed(flags: list[Flags], count: int) -> list[Places]:
    """Return for each sale the numbers of its first three reasons, and where there is none the number of reasons."""
    places = [np.full(count, len(flags), dtype=np.int8) for _ in range(TOLD)]
    taken = np.zeros(count, dtype=np.int8)
    for number, has in enumerate(flags):
        rows = np.flatnonzero(has)
        for place in range(TOLD):
            places[place][rows[taken[rows] == place]] = number
        taken[rows] += 1
    return places


def _listed(places: list[Places], codes: list[str]) -> pl.Series:
    """Return the codes beside each sale as a list; there are few different ones, so each is made once."""
    size = len(codes) + 1
    joined = (places[0].astype(np.int16) * size + places[1]) * size + places[2]
    present = np.bincount(joined) > 0
    triples = [(key // size**2, key // size % size, key % size) for key in np.flatnonzero(present).tolist()]
    lists = pl.Series(
        [[codes[number] for number in triple if number < len(codes)] for triple in triples], dtype=pl.List(pl.String)
    )
    return lists.gather(np.cumsum(present)[joined] - 1)
