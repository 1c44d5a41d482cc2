"""Markets that nobody made: seeded, with a known growth, of homes that sell more than once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a market comes about. Growth is of ln S from the first day to the last; all else are shares or sd's of ln S."""

    homes: int = 300
    periods: int = 6
    """Months from January 2014."""
    sales_per_home: float = 1.6
    growth: float = 0.05
    noise: float = 0.10
    unlike: float = 0.10
    """Extra noise of homes larger than the typical one: variances are unequal."""
    wander: float = 0.0
    """Noise that a home's own price gathers from month to month."""
    flips: float = 0.0
    """Share of the homes that are bought, improved by 30% for good and sold again in the next month."""
    outliers: float = 0.0
    """Share of the sales at a third or three times their worth."""
    areas: int = 3


def path(recipe: Recipe) -> np.ndarray:
    """Return the true log index of each month: a bent path to the growth in the last one."""
    return recipe.growth * np.linspace(0, 1, recipe.periods) ** 1.5


def market(recipe: Recipe, seed: int) -> pl.DataFrame:
    """Return the sales of one market; a home's size, area and own worth stay with it."""
    draw = np.random.default_rng(seed)
    count = 1 + draw.poisson(recipe.sales_per_home - 1, recipe.homes)
    home = np.repeat(np.arange(recipe.homes), count)
    month = draw.integers(0, recipe.periods, len(home))
    flipped = draw.random(recipe.homes) < recipe.flips
    bought = draw.integers(0, max(recipe.periods - 1, 1), recipe.homes)
    home = np.concatenate([home, np.flatnonzero(flipped).repeat(2)])
    month = np.concatenate([month, np.column_stack([bought, bought + 1])[flipped].ravel()])
    improved = np.where(flipped[home] & (month > bought[home]), np.log(1.3), 0.0)
    size = draw.normal(7.5, 0.35, recipe.homes)
    area = draw.integers(0, recipe.areas, recipe.homes)
    steps = draw.normal(0, recipe.wander, (recipe.homes, recipe.periods)).cumsum(axis=1)
    spread = recipe.noise + recipe.unlike * (size > 7.5)
    logs = 6.5 + 0.75 * size[home] + 0.2 * area[home] + path(recipe)[month] + improved + steps[home, month]
    logs += draw.normal(0, 1, len(home)) * spread[home]
    logs += np.where(draw.random(len(home)) < recipe.outliers, draw.choice([-1, 1], len(home)) * np.log(3), 0.0)
    day = np.array([np.datetime64(date(2014 + at // 12, at % 12 + 1, 1)) for at in month]) + draw.integers(
        0, 28, len(home)
    )
    return pl.DataFrame(
        {
            "parcel_number": [f"p{number:06d}" for number in home],
            "sale_date": day.astype("datetime64[D]"),
            "sale_price": np.exp(logs),
            "zip_code": [f"9810{number}" for number in area[home]],
            "building_size_sqft": np.exp(size)[home],
        }
    )
