"""`python -m benchmarks.coverage`: how often intervals hold the truth of 2,000 markets, beside what they promise.

The band is that of the binomial: a right interval falls outside of it once in a thousand runs. The suite holds a short
form of 400 markets to the same bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Annotated, Final

import numpy as np
import polars as pl
import typer
from rich.table import Table
from scipy.stats import binom

from benchmarks.__main__ import circumstances, console, show
from benchmarks.markets import (
    CHARACTERISTIC_PRICES,
    SIZE_PRICE,
    SIZE_SPREAD,
    TYPICAL,
    Recipe,
    area_path,
    market,
    path,
)
from terrafusion.analysis import periods
from terrafusion.analysis.cells import figures
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.parameters import METHODS, PriceIndexParameters
from terrafusion.analysis.ratios.bootstrap import RESAMPLED, bootstrap
from terrafusion.analysis.ratios.measures import analytic_intervals, measures
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.time_adjustment.factors import County, Rules, factors
from terrafusion.analysis.timing import NO_REVISIONS

CONFIDENCE: Final = 0.95
Z: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
MISSED: Final = 0.001
"""Share of the runs in which a right interval falls outside the band."""
DRAWS: Final = 1000
"""Of a bootstrap, as many as a request has that says nothing; fewer make its intervals narrower."""
INDEXED: Final = Recipe(homes=200, periods=4)
RATED: Final = Recipe(homes=250, periods=1, sales_per_home=1.0, growth=0.0, unlike=0.0, areas=1, noise=0.4, level=0.92)
"""Log prices and log ratios are normal, so that the truth of each measure is known in closed form."""
ADJUSTED: Final = Recipe(homes=400, periods=4, areas=4, growth_apart=0.1)
BIASED: Final = replace(RATED, bias=-0.04)


@dataclass(frozen=True, slots=True)
class Held:
    """How often an interval held the truth, in how many markets, and how often it should."""

    figure: str
    method: str
    hits: int
    markets: int
    promised: float = CONFIDENCE

    @property
    def band(self) -> tuple[int, int]:
        """The least and the most hits that are no surprise."""
        low, high = binom.ppf([MISSED / 2, 1 - MISSED / 2], self.markets, self.promised)
        return int(low), int(high)

    @property
    def inside(self) -> bool:
        """Whether the hits lie in the band."""
        return self.band[0] <= self.hits <= self.band[1]


def medians(markets: int, seed: int = 0) -> Held:
    """Return how often the interval of the median price holds the median that all homes have.

    Order statistics promise more than they are asked for; how much follows from the binomial of n and one half.
    """
    n = RATED.homes
    sales = market(RATED, seed, copies=markets).with_columns(unit_price=None)
    cells = figures(sales, ["market"], confidence_level=CONFIDENCE)
    truth = math.exp(TYPICAL)
    held = cells.filter((pl.col("median_ci_low") <= truth) & (truth <= pl.col("median_ci_high"))).height
    low, high = math.ceil(n / 2 - Z * math.sqrt(n) / 2), math.floor(1 + n / 2 + Z * math.sqrt(n) / 2)
    return Held(
        "median price",
        "order statistics",
        held,
        markets,
        float(binom.cdf(high - 1, n, 0.5) - binom.cdf(low - 1, n, 0.5)),
    )


def truths(recipe: Recipe) -> Mapping[str, float]:
    """Return what the measures of a ratio study tend to in a market as `RATED`.

    With ln S normal of variance t², r = level exp(s z) (S / typical)^b, b = bias / ln 2: ln r is normal of variance
    s² + b² t². PRB is the slope on a proxy that holds a part of the ratio, and is integrated numerically.
    """
    b, s = recipe.bias / math.log(2), recipe.scatter
    t = math.hypot(SIZE_PRICE * SIZE_SPREAD, recipe.noise)
    spread = math.hypot(s, b * t)
    mean, normal = recipe.level * math.exp(spread**2 / 2), NormalDist()
    assessed, price = (2 * normal.cdf(slope * t / math.sqrt(2)) - 1 for slope in (1 + b, 1.0))
    return {
        "median": recipe.level,
        "mean": mean,
        "weighted_mean": mean * math.exp(b * t**2),
        "cod": 100 * math.exp(spread**2 / 2) * (2 * normal.cdf(spread) - 1),
        "cov": 100 * math.sqrt(math.expm1(spread**2)),
        "prd": math.exp(-b * t**2),
        "prb": _price_related_bias(b, s, t),
        "mki": assessed / price,
        "ki": assessed - price,
    }


def _price_related_bias(b: float, s: float, t: float) -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    shares = np.outer(weights, weights) / weights.sum() ** 2
    worth, ratio = t * nodes[:, None], np.exp(b * t * nodes[:, None] + s * nodes[None, :])
    proxy = (worth + np.log((1 + ratio) / 2)) / math.log(2)
    across, up = proxy - (shares * proxy).sum(), ratio - (shares * ratio).sum()
    return float((shares * across * up).sum() / (shares * across**2).sum())


def ratio_studies(recipe: Recipe, markets: int, *, seed: int = 0, draws: int = DRAWS) -> list[Held]:
    """Return how often the intervals of a ratio study hold the truth, resampled and analytic."""
    truth, hits = truths(recipe), dict[tuple[str, str], int]()
    for place, part in enumerate(market(recipe, seed, copies=markets).partition_by("market")):
        ratios = Ratios.of(part["assessed_value"].to_numpy(), part["sale_price"].to_numpy())
        told = {name: one.of(0)[1:] for name, one in measures(ratios, CONFIDENCE).items() if name not in RESAMPLED}
        drawn, _ = bootstrap(ratios, (0, len(ratios)), iterations=draws, seed=place, confidence_level=CONFIDENCE)
        found = {("exact", name): told[name] for name in told if name in truth}
        found |= {("bootstrap", name): drawn[name] for name in drawn}
        found |= {("analytic", name): one.of(0)[1:] for name, one in analytic_intervals(ratios, CONFIDENCE).items()}
        for key, (low, high) in found.items():
            hits[key] = hits.get(key, 0) + (low <= truth[key[1]] <= high)
    return [Held(name, method, count, markets) for (method, name), count in hits.items()]


def indices(markets: int, seed: int = 0) -> list[Held]:
    """Return how often the interval of the growth holds the true one, by each method of `price_index`."""
    engine = engine_of(INDEXED, markets, seed)
    last, truth = INDEXED.periods - 1, path(INDEXED)[-1]
    held = []
    for method in METHODS:
        found = [estimate.difference(0, last) for estimate in engine.estimates(method)]
        hits = sum(abs(moved - truth) <= Z * error for moved, error in found)
        held.append(Held("growth", method, hits, markets))
    return held


def adjustments(markets: int, seed: int = 0) -> list[Held]:
    """Return how often the interval of a time adjustment over the whole span holds the true one, by each pooling.

    Of each market one area is asked, which takes turns; ``county`` is asked for the whole market's. Pooled factors
    promise at least as much as they say, for how areas differ is itself unsure.
    """
    engine, areas, last = engine_of(ADJUSTED, markets, seed), ADJUSTED.areas, ADJUSTED.periods - 1
    code = pl.col("market") * areas + pl.col("zip_code").cast(pl.Int32) - 98_100
    apart = replace(engine, sales=engine.sales.with_columns(group_code=code.cast(pl.Int32)), groups=markets * areas)
    whole, own = (each.estimates("hedonic_time_dummy") for each in (engine, apart))
    held = []
    for pooling in ("county", "none", "dersimonian_laird"):
        hits = 0
        for at, estimate in enumerate(whole):
            groups = {str(area): own[at * areas + area] for area in range(areas)}
            rules = Rules(pooling=pooling, z=Z, least=1)
            told = factors(groups, County(estimate, np.arange(last + 1), last), rules)
            first = told.filter(group=str(at % areas), place=0).row(0, named=True)
            truth = path(ADJUSTED) if pooling == "county" else area_path(ADJUSTED, at % areas)
            hits += abs(first["log_factor"] - truth[-1]) <= Z * first["standard_error"]
        held.append(Held("time adjustment", pooling, hits, markets))
    return held


def engine_of(recipe: Recipe, markets: int, seed: int = 0, **asked: object) -> Engine:
    """Make every market one group of the index's engine."""
    sales = market(recipe, seed, copies=markets)
    lacking = {name: None for name in (*CHARACTERISTIC_PRICES, "property_type") if name not in sales.columns}
    numbered = sales.with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias("sale_id"),
        pl.col("market").alias("group_code"),
        periods.numbers(sales["sale_date"], "month").alias("ordinal"),
        **lacking,
    )
    parameters = PriceIndexParameters.model_validate({"min_hold_months": 0, **asked})
    return Engine(numbered, markets, 2014 * 12, recipe.periods, parameters, NO_REVISIONS)


def main(markets: Annotated[int, typer.Option(min=100, help="Markets of each kind.")] = 2_000) -> None:
    """Print how often intervals hold the truth."""
    console.print(f"[bold]coverage[/bold] {circumstances()}", highlight=False, soft_wrap=True)
    table = Table("figure", "method", "promised", "held", "band", "", title=f"{markets:,} markets of a known truth")
    for held in _all(markets):
        low, high = (bound / markets for bound in held.band)
        share = held.hits / markets
        said = "inside" if held.inside else "OUTSIDE"
        table.add_row(held.figure, held.method, f"{held.promised:.3f}", f"{share:.4f}", f"{low:.4f}-{high:.4f}", said)
    show(table)


def _all(markets: int) -> Iterator[Held]:
    yield medians(markets)
    yield from ratio_studies(RATED, markets)
    for held in ratio_studies(BIASED, markets):
        yield Held(f"{held.figure}, biased", held.method, held.hits, held.markets)
    yield from indices(markets)
    yield from adjustments(markets)


if __name__ == "__main__":
    typer.run(main)
