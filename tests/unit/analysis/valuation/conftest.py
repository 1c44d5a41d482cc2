"""A small town, and one answer about it that many tests read."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from support.towns import draw_town

from terrafusion.analysis.api import Answer, Records
from terrafusion.analysis.comps.model import ordered
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.analysis.valuation.answer import _rules
from terrafusion.analysis.valuation.parameters import ValuationParameters
from terrafusion.analysis.valuation.trial import Rules


def conform(given: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.col(name).cast(kind) if name in given.columns else pl.lit(None, kind).alias(name)
        for name, kind in SALES_SCHEMA.items()
    ]
    return ordered(given.select(columns))


@pytest.fixture(scope="session")
def small_town() -> pl.DataFrame:
    """450 sales of 400 parcels."""
    return conform(draw_town(400))


@pytest.fixture(scope="session")
def valued(small_town) -> Answer:
    """Every parcel of the small town valued, nothing else asked."""
    return value(small_town)


def value(sales: pl.DataFrame, roll: pl.DataFrame | None = None, **parameters) -> Answer:
    catalogue = load_catalogue()
    records = Records("here", "v1", sales.lazy(), CountyProfile(), None if roll is None else roll.lazy())
    asked = catalogue.check("market_valuation", parameters)
    return catalogue.get("market_valuation").answer(records, asked, lambda done, doing: None)


def rules(**parameters) -> Rules:
    """Return the rules that a request leads to."""
    return _rules(date(2015, 12, 31), ValuationParameters(**parameters))


def figures(price: np.ndarray, given: np.ndarray) -> dict[str, float]:
    """The measures once more, by their definitions."""
    ratio = given / price
    middle = np.median(ratio)
    proxy = np.log2(0.5 * given / middle + 0.5 * price)
    return {
        "mdape": 100 * np.median(np.abs(ratio - 1)),
        "cod": 100 * np.mean(np.abs(ratio - middle)) / middle,
        "prd": ratio.mean() / (given.sum() / price.sum()),
        "prb": np.polyfit(proxy, ratio / middle - 1, 1)[0],
        "within_10_pct": 100 * np.mean(np.abs(ratio - 1) <= 0.1),
    }
