"""Factors by group and period: each group's own, the county's, and what of both is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.price_index.estimate import Estimate
from terrafusion.analysis.time_adjustment.moves import Moves, carried, moves, places_of, unknown
from terrafusion.analysis.time_adjustment.pooling import Pooled, between, pool

SCHEMA: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),
    "place": pl.Int64(),
    "factor": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "log_factor": pl.Float64(),
    "standard_error": pl.Float64(),
    "own_factor": pl.Float64(),
    "own_standard_error": pl.Float64(),
    "county_factor": pl.Float64(),
    "weight": pl.Float64(),
    "tau": pl.Float64(),
    "observations": pl.Int64(),
    "group_observations": pl.Int64(),
    "imputed": pl.Boolean(),
}
"""A factor and its making; ``place`` counts the periods from 0. Errors are of logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How factors are made."""

    pooling: str
    z: float
    least: int
    """Observations that a period needs for a figure of its own."""


@dataclass(frozen=True, slots=True)
class County:
    """The index of all sales, and the period to which prices are brought."""

    estimate: Estimate
    places: Codes
    to: int

    @classmethod
    def of(cls, estimate: Estimate, wanted: int, least: int) -> County | None:
        """Take the estimated period nearest to the place ``wanted``; None where no period is estimated."""
        places = places_of(estimate, least)
        if not places.size:
            return None
        return cls(estimate, places, int(np.clip(wanted, places[0], places[-1])))

    @property
    def moves(self) -> Moves:
        """How all sales together move."""
        return moves(self.estimate, self.places, self.to)


def factors(groups: Mapping[str, Estimate], county: County, rules: Rules) -> pl.DataFrame:
    """Return one row for every group and period (`SCHEMA`), in the order of ``groups``.

    A single group is the county, which nothing is pooled with.
    """
    sheet = _Sheet(county, county.moves, rules)
    if len(groups) == 1 or rules.pooling == "county":
        parts = [sheet.same(name, one, alone=len(groups) == 1) for name, one in groups.items()]
    elif rules.pooling == "none":
        parts = [sheet.alone(name, one) for name, one in groups.items()]
    else:
        parts = sheet.pooled(groups)
    table = pl.concat([pl.DataFrame(schema=SCHEMA), *parts])
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    return table.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What all groups share."""

    county: County
    whole: Moves
    rules: Rules

    def same(self, name: str, estimate: Estimate, *, alone: bool) -> pl.DataFrame:
        """Lay out the county's factors, whatever the group."""
        own = self.whole if alone else self._own(estimate)
        used = Pooled(self.whole.change, self.whole.variance, np.full(len(own.change), float(alone)))
        return self._table(name, estimate, used, own)

    def alone(self, name: str, estimate: Estimate) -> pl.DataFrame:
        """Lay out the group's own factors; null where it has none."""
        own = self._own(estimate)
        return self._table(name, estimate, Pooled(*own[:2], np.isfinite(own.change).astype(np.float64)), own)

    def pooled(self, groups: Mapping[str, Estimate]) -> list[pl.DataFrame]:
        """Draw the groups' factors towards the county's, period by period."""
        found = [self._carried(estimate) for estimate in groups.values()]
        change, variance = (np.array([one[part] for one in found]) for part in range(2))
        spreads = [between(*pair) for pair in zip(change.T, variance.T, strict=True)]
        columns = zip(change.T, variance.T, self.whole.change, self.whole.variance, spreads, strict=True)
        drawn = [pool(own, error, (moved, unsure), spread) for own, error, moved, unsure, spread in columns]
        tau = np.sqrt([spread.tau2 for spread in spreads])
        by_group = [np.array(part).T for part in zip(*drawn, strict=True)]
        return [
            self._table(name, estimate, Pooled(*(part[row] for part in by_group)), found[row], tau=tau)
            for row, (name, estimate) in enumerate(groups.items())
        ]

    def _own(self, estimate: Estimate) -> Moves:
        places = places_of(estimate, self.rules.least)
        return moves(estimate, places, self.county.to) if places.size else unknown(len(estimate.log_index))

    def _carried(self, estimate: Estimate) -> Moves:
        """Tell a group's own moves as far as they can be told, however few its sales of a period: their error is known."""
        places = places_of(estimate, 1)
        if not places.size:
            return unknown(len(estimate.log_index))
        return carried(estimate, places, -self.whole.change, self.county.to)

    def _table(
        self, name: str, estimate: Estimate, used: Pooled, own: Moves, *, tau: Floats | None = None
    ) -> pl.DataFrame:
        count = len(used.value)
        imputed = self.whole.imputed if self.rules.pooling != "none" else own.imputed
        filled = imputed | imputed[self.county.to]
        error = np.sqrt(np.where(filled, np.nan, used.variance))
        error[self.county.to] = 0.0 if np.isfinite(used.value[self.county.to]) else np.nan
        shown = (estimate.observations >= self.rules.least) & ~own.imputed
        columns = {
            "group": [name] * count,
            "place": np.arange(count),
            "factor": np.exp(used.value),
            "ci_low": np.exp(used.value - self.rules.z * error),
            "ci_high": np.exp(used.value + self.rules.z * error),
            "log_factor": used.value,
            "standard_error": error,
            "own_factor": np.where(shown, np.exp(own.change), np.nan),
            "own_standard_error": np.where(shown, np.sqrt(own.variance), np.nan),
            "county_factor": np.exp(self.whole.change),
            "weight": used.weight,
            "tau": np.full(count, np.nan) if tau is None else tau,
            "observations": estimate.observations,
            "group_observations": np.full(count, estimate.used),
            "imputed": filled,
        }
        return pl.DataFrame(columns, schema=SCHEMA)


def none(groups: Sequence[str], periods: int) -> pl.DataFrame:
    """Return the rows of groups of which no factor can be told."""
    rows = [(name, place) for name in groups for place in range(periods)]
    keys = pl.DataFrame(rows, schema={"group": pl.String(), "place": pl.Int64()}, orient="row")
    return keys.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in keys.columns
    )
