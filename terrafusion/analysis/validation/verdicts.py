"""From reasons to a verdict: which of them are told, and whether the sale counts as arm's length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.validation.reasons import TOLD, in_order

Flags = NDArray[np.bool_]
Places = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One value a sale."""

    valid: Flags
    by_rules: Flags
    """What the rules alone say."""
    reasons: pl.Series
    """At most three codes, those that decide first."""
    first: pl.Series
    """The first of them; null without any."""


def decided(found: Mapping[str, Flags], supporting: tuple[str, ...], count: int) -> Flags:
    """Say of each of ``count`` sales whether a reason decides that it is not arm's length."""
    return np.logical_or.reduce([np.zeros(count, dtype=bool), *(found[code] for code in found if code not in supporting)])


def verdicts(found: Mapping[str, Flags], supporting: tuple[str, ...], override: pl.Series) -> Verdicts:
    """Judge each sale by its reasons, and by what a person said of it: null where nobody did."""
    refused = decided(found, supporting, len(override))
    said = override.to_frame("said").select(pl.col("said"), pl.lit(pl.Series(~refused)).alias("rules"))
    codes = [code for code in in_order(supporting) if code in found]
    places = _placed([found[code] for code in codes], len(override))
    named = pl.DataFrame({str(place): _named(chosen, codes) for place, chosen in enumerate(places)})
    return Verdicts(
        valid=said.select(pl.coalesce("said", "rules")).to_series().to_numpy(),
        by_rules=~refused,
        reasons=named.select(pl.concat_list(pl.all()).list.drop_nulls()).to_series(),
        first=named.to_series(0),
    )


def _placed(flags: list[Flags], count: int) -> list[Places]:
    """Return for each sale the numbers of its first three reasons, -1 where there is none."""
    places = [np.full(count, -1, dtype=np.int8) for _ in range(TOLD)]
    taken = np.zeros(count, dtype=np.int8)
    for number, has in enumerate(flags):
        rows = np.flatnonzero(has)
        for place in range(TOLD):
            places[place][rows[taken[rows] == place]] = number
        taken[rows] += 1
    return places


def _named(chosen: Places, codes: list[str]) -> pl.Series:
    """Return the codes of their numbers; a number below 0 has none."""
    names = pl.Series([*codes, None], dtype=pl.String)
    return names.gather(np.where(chosen < 0, len(codes), chosen))
