"""Markets that nobody made: seeded, of homes that sell more than once, with a growth and prices that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.frames import PROPERTIES_SCHEMA, SALES_ORDER, SALES_SCHEMA

FIRST_MONTH: Final = np.datetime64("2014-01")
SIZE_PRICE: Final = 0.75
"""What ln S gains with ln size; sizes are lognormal with the median and sd below."""
SIZE_MEDIAN, SIZE_SPREAD = 7.5, 0.35
BASE: Final = 6.5
TYPICAL: Final = BASE + SIZE_PRICE * SIZE_MEDIAN
"""ln S of a home of the median size in the first area."""
AREA_STEPS: Final = (0.0, 0.2, 0.4, 0.1, 0.3)
"""What ln S gains in an area, by its number modulo 5."""
NEIGHBORHOODS: Final = 8
"""In each area."""
PLACE_STEPS: Final = (0.0, 0.06, -0.06, 0.03, -0.03)
"""The same of a neighborhood."""
TYPE_PRICES: Final[Mapping[str, float]] = {"single_family": 0.0, "townhouse": -0.05, "condo": -0.10}
CHARACTERISTIC_PRICES: Final[Mapping[str, float]] = {
    "lot_size_sqft": 0.08,
    "year_built": 0.001,
    "bedrooms": 0.01,
    "bathrooms": 0.05,
    "stories": 0.02,
    "condition": 0.03,
    "grade": 0.04,
    "waterfront": 0.30,
}
"""What ln S of a county's homes gains with each, beside the size; the lot's as a log."""
RELATED: Final = -0.5
"""What ln S lacks in a sale between relatives."""
VALIDITY_CODES: Final[Mapping[str, bool]] = {"Q": True, "U": False}
"""The profile's map of `county`: code to, is it arm's length."""

SURNAMES: Final = ("Li", "Cruz", "Smith", "Garcia", "Johnson", "Williams", "Fernandez", "Montgomery", "Papadopoulos")

QUITCLAIM, MULTI_PARCEL, WATERFRONT = 0.8, 0.01, 0.02
"""Shares: of the sales between relatives, of all sales, of the homes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a market comes about. Growth is of ln S from the first day to the last; all else are shares or sd's of ln S."""

    homes: int = 300
    periods: int = 6
    """Months from January 2014."""
    sales_per_home: float = 1.6
    growth: float = 0.05
    growth_apart: float = 0.0
    """How far the areas' own growths are apart: from one end of it to the other, evenly, around ``growth``."""
    noise: float = 0.10
    unlike: float = 0.10
    """Extra noise of homes larger than the typical one: variances are unequal."""
    wander: float = 0.0
    """Noise that a home's own price gathers from month to month."""
    flips: float = 0.0
    """Share of the homes that are bought, improved by 30% for good and sold again in the next month."""
    outliers: float = 0.0
    """Share of the sales at a third or three times their worth."""
    related: float = 0.0
    """Share of the sales between relatives, at 40% below their worth."""
    areas: int = 3
    level: float = 1.0
    """The median ratio of assessed value to the price that a home is worth."""
    scatter: float = 0.12
    """Standard deviation of the log ratio."""
    bias: float = 0.0
    """What the log ratio gains where the price doubles; below zero is regressive."""


def large(sales: int) -> Recipe:
    """Return the recipe of a large county of ten years and exactly so many sales."""
    homes, flips = max(round(sales / 1.6), 1), 0.01
    each = (sales - 2 * round(flips * homes)) / homes
    common = {"flips": flips, "outliers": 0.005, "related": 0.03, "level": 0.95, "bias": -0.02}
    return Recipe(homes=homes, sales_per_home=each, periods=120, growth=0.5, growth_apart=0.2, areas=60, **common)


def path(recipe: Recipe) -> Floats:
    """Return the true log index of each month: a bent path to the growth in the last one."""
    return recipe.growth * _shape(recipe)


def area_path(recipe: Recipe, area: int) -> Floats:
    """Return the true log index of an area."""
    return float(_growths(recipe)[area]) * _shape(recipe)


def _shape(recipe: Recipe) -> Floats:
    return np.linspace(0, 1, recipe.periods) ** 1.5


def _growths(recipe: Recipe) -> Floats:
    return recipe.growth + recipe.growth_apart * np.linspace(-0.5, 0.5, recipe.areas)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Sales by home and month, and what was drawn of them."""

    home: Codes
    month: Codes
    area: Codes
    size: Floats
    """ln of a home's size, one a home."""
    worth: Floats
    """ln S of an ordinary sale."""
    odd: Floats
    """What an outlier's ln S has beside it."""
    value: Floats
    """The assessed value."""


def market(recipe: Recipe, seed: int, *, copies: int = 1) -> pl.DataFrame:
    """Return the sales of one market; a home's size, area and own worth stay with it.

    With ``copies`` there are so many markets of the same truth, told apart by ``market``.
    """
    draw = np.random.default_rng(seed)
    drawn = _drawn(draw, recipe, copies, np.zeros(1))
    related = draw.random(len(drawn.home)) < recipe.related
    columns = {
        "market": (drawn.home // recipe.homes).astype(np.int32),
        "parcel_number": _numbered("p", drawn.home, 6),
        "sale_date": _days(draw, drawn.month),
        "sale_price": np.exp(drawn.worth + drawn.odd + RELATED * related),
        "assessed_value": drawn.value,
        "zip_code": _zip(drawn.area[drawn.home]),
        "building_size_sqft": np.exp(drawn.size)[drawn.home],
    }
    made = pl.DataFrame(columns)
    return made if copies > 1 else made.drop("market")


def _drawn(draw: np.random.Generator, recipe: Recipe, copies: int, further: Floats) -> _Drawn:
    """Draw the sales of some markets; ``further`` is what ln S gains with what else is known of a home, one or one a home."""
    homes = recipe.homes * copies
    home, month, improved = _sales(draw, recipe, copies)
    size, area = draw.normal(SIZE_MEDIAN, SIZE_SPREAD, homes), draw.integers(0, recipe.areas, homes)
    own = BASE + SIZE_PRICE * size + np.array(AREA_STEPS)[area % len(AREA_STEPS)] + further
    spread = recipe.noise + recipe.unlike * (size > SIZE_MEDIAN)
    worth = own[home] + _growths(recipe)[area][home] * _shape(recipe)[month] + improved
    worth += draw.normal(0, 1, len(home)) * spread[home] + _wandered(draw, recipe, home, month)
    odd = np.where(draw.random(len(home)) < recipe.outliers, draw.choice([-1, 1], len(home)) * np.log(3), 0.0)
    ratio = (
        np.log(recipe.level) + recipe.bias / np.log(2) * (worth - TYPICAL) + draw.normal(0, recipe.scatter, len(home))
    )
    return _Drawn(home, month, area, size, worth, odd, np.exp(worth + ratio))


def _sales(draw: np.random.Generator, recipe: Recipe, copies: int) -> tuple[Codes, Codes, Floats]:
    """Return home and month of each sale, by home and month, and what a flip adds to ln S."""
    homes, some = recipe.homes * copies, round(recipe.flips * recipe.homes)
    further = max(round(homes * recipe.sales_per_home) - homes, 0)
    home = np.concatenate([np.arange(homes), draw.integers(0, homes, further)])
    flipped = np.flatnonzero(np.arange(homes) % recipe.homes < some)
    bought = draw.integers(0, max(recipe.periods - 1, 1), len(flipped))
    month = np.concatenate([draw.integers(0, recipe.periods, len(home)), bought, bought + 1])
    home = np.concatenate([home, flipped, flipped])
    since = np.full(homes, recipe.periods)
    since[flipped] = bought
    order = np.argsort(home * recipe.periods + month, kind="stable")
    home, month = home[order], month[order]
    return home, month, np.where(month > since[home], np.log(1.3), 0.0)


def _wandered(draw: np.random.Generator, recipe: Recipe, home: Codes, month: Codes) -> Floats:
    """Return the noise that homes have gathered by each of their sales."""
    if recipe.wander == 0:
        return np.zeros(1)
    first = np.diff(home, prepend=-1) != 0
    gap = np.where(first, month, np.diff(month, prepend=0))
    gathered = np.cumsum(draw.normal(0, 1, len(home)) * recipe.wander * np.sqrt(gap))
    before = np.append(0.0, gathered[:-1])[first]
    return gathered - before[np.cumsum(first) - 1]


def _days(draw: np.random.Generator, month: Codes) -> NDArray[np.datetime64]:
    return (FIRST_MONTH + month).astype("datetime64[D]") + draw.integers(0, 28, len(month))


def _numbered(letter: str, numbers: Codes, digits: int) -> pl.Series:
    text = pl.Series("", numbers).cast(pl.String).str.zfill(digits)
    return letter + text if letter else text


def _zip(area: Codes) -> pl.Series:
    return pl.Series("", 98_100 + area).cast(pl.String)


def county(recipe: Recipe, seed: int) -> pl.DataFrame:
    """Return the sales of one market with every column of `SALES_SCHEMA`, in `SALES_ORDER`."""
    draw = np.random.default_rng(seed)
    drawn, known = _known(draw, recipe)
    related = draw.random(len(drawn.home)) < recipe.related
    sold = pl.DataFrame(
        {
            "home": drawn.home,
            "related": related,
            "sale_date": _days(draw, drawn.month),
            "sale_price": np.exp(drawn.worth + drawn.odd + RELATED * related).round(-2),
            "assessed_value": drawn.value.round(-2),
            "deed_type": _named(("WD", "QC"), related & (draw.random(len(related)) < QUITCLAIM)),
            "validity_code": _named(tuple(VALIDITY_CODES), related),
            "parcels_in_deed": 1 + (draw.random(len(related)) < MULTI_PARCEL),
        }
    ).with_row_index("sale")
    told = pl.concat([sold, known[drawn.home]], how="horizontal").with_columns(
        _parties(), sale_id=_numbered("s", np.arange(len(related)), 8), year_only=False
    )
    return told.select(pl.col(name).cast(kind) for name, kind in SALES_SCHEMA.items()).sort(SALES_ORDER)


def roll(recipe: Recipe, seed: int) -> pl.DataFrame:
    """Return the homes that `county` sells as parcels of the roll (`PROPERTIES_SCHEMA`), valued as at their last sale."""
    drawn, known = _known(np.random.default_rng(seed), recipe)
    last = np.cumsum(np.bincount(drawn.home)) - 1
    told = known.with_columns(pl.Series("assessed_value", drawn.value[last].round(-2)), assessment_year=2024)
    lacking = [pl.lit(None).alias(name) for name in PROPERTIES_SCHEMA if name not in told.columns]
    return told.with_columns(lacking).select(pl.col(name).cast(kind) for name, kind in PROPERTIES_SCHEMA.items())


def _known(draw: np.random.Generator, recipe: Recipe) -> tuple[_Drawn, pl.DataFrame]:
    """Draw the sales, and what is known of each home."""
    homes = _homes(draw, recipe)
    drawn = _drawn(draw, recipe, 1, _worth(homes))
    known = homes.with_columns(
        _lies(drawn.area, homes["place"]),
        parcel_number=_numbered("p", np.arange(recipe.homes), 8),
        building_size_sqft=np.exp(drawn.size).round(),
    )
    return drawn, known


def _homes(draw: np.random.Generator, recipe: Recipe) -> pl.DataFrame:
    """Draw what is known of homes beside size and area; ``place`` is the number of the neighborhood in its area."""
    n = recipe.homes
    kind = np.searchsorted([0.8, 0.9], draw.random(n), side="right")
    columns = {
        "lot_size_sqft": np.exp(draw.normal(8.8, 0.5, n)).round(),
        "year_built": draw.integers(1900, 2014, n),
        "bedrooms": draw.integers(1, 6, n),
        "bathrooms": draw.integers(2, 9, n) / 2,
        "stories": draw.integers(2, 5, n) / 2,
        "condition": draw.integers(1, 6, n),
        "grade": draw.integers(4, 12, n),
        "waterfront": draw.random(n) < WATERFRONT,
        "place": draw.integers(0, NEIGHBORHOODS, n),
        "property_type": _named(tuple(TYPE_PRICES), kind),
        "property_class": _named(("residential_improved",), np.zeros(n, np.int64)),
        "north": draw.random(n),
        "east": draw.random(n),
    }
    return pl.DataFrame(columns)


def _worth(homes: pl.DataFrame) -> Floats:
    """Return what ln S gains with all that, typical homes gaining about nothing."""
    middle = {"lot_size_sqft": 8.8, "year_built": 1957, "bedrooms": 3, "bathrooms": 2.5, "stories": 1.5} | {
        "condition": 3,
        "grade": 7.5,
        "waterfront": 0,
    }
    values = {name: homes[name].cast(pl.Float64) for name in CHARACTERISTIC_PRICES}
    values["lot_size_sqft"] = values["lot_size_sqft"].log()
    own = sum(price * (values[name] - middle[name]) for name, price in CHARACTERISTIC_PRICES.items())
    kind = homes["property_type"].replace_strict(TYPE_PRICES, return_dtype=pl.Float64)
    return (own + kind).to_numpy() + np.array(PLACE_STEPS)[homes["place"].to_numpy() % len(PLACE_STEPS)]


def _lies(area: Codes, place: pl.Series) -> list[pl.Series | pl.Expr]:
    """Tell where homes lie: areas are squares of .04 degrees in rows of ten, neighborhoods strips of them."""
    row, column = np.divmod(area, 10)
    north = 47.3 + 0.04 * (row + pl.Series("", place.to_numpy() / NEIGHBORHOODS).to_numpy())
    zip_code = _zip(area).alias("zip_code")
    return [
        zip_code,
        (zip_code + "-" + place.cast(pl.String)).alias("neighborhood"),
        (pl.lit(pl.Series("", north)) + pl.col("north") * (0.04 / NEIGHBORHOODS)).alias("latitude"),
        (pl.lit(pl.Series("", -122.5 + 0.04 * column)) + pl.col("east") * 0.04).alias("longitude"),
    ]


def _parties() -> list[pl.Expr]:
    """Name buyers and sellers: who sells has bought before; every third relative sells to himself."""
    again = pl.col("home") == pl.col("home").shift()
    own = pl.format("{} {}", pl.lit(pl.Series("", SURNAMES)).gather(pl.col("sale") % len(SURNAMES)), pl.col("sale"))
    seller = pl.when(again).then(own.shift()).otherwise(pl.format("Builder {}", pl.col("home")))
    same = pl.col("related") & (pl.col("sale") % 3 == 0)
    return [pl.when(same).then(seller).otherwise(own).alias("buyer"), seller.alias("seller")]


def _named(names: tuple[str, ...], codes: NDArray[np.generic]) -> pl.Series:
    return pl.Series("", list(names))[codes.astype(np.uint32)]
