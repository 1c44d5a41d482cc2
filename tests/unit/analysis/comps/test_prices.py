import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.towns import TRUTH

from terrafusion.analysis.comps.curves import Shape, time_shape
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.model import TooFewSales, fit
from terrafusion.analysis.comps.regression import PARTS, Regression
from terrafusion.analysis.comps.surface import SCALES_KM, Surface


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=7, max_size=7), st.integers(0, 100))
def test_a_curve_is_its_regressors_times_their_coefficients(slopes, seed):
    values = np.random.default_rng(seed).normal(0, 1, 3_000)
    values[::10] = np.nan
    shape = Shape.of(values)
    assert shape.width == len(shape.columns(values)) == 7
    curve = shape.curve(np.array(slopes))
    said = np.array(slopes) @ np.array(shape.columns(values))
    known = np.isfinite(values)
    typical = said[known][np.argmin(np.abs(values[known] - shape.typical))]
    np.testing.assert_allclose(curve.at(values)[known], said[known] - typical, atol=1e-9)
    assert (curve.at(values)[~known] == slopes[-1]).all()
    assert curve.at(np.array([1e9]))[0] == curve.heights[-1]


def test_few_distinct_values_bend_at_each_and_few_sales_nowhere():
    grades = np.repeat(np.arange(5.0, 11.0), 200)
    assert Shape.of(grades).bends == (6.0, 7.0, 8.0, 9.0)
    assert Shape.of(grades[::3]).bends == ()
    assert Shape.of(np.append(grades, [99.0])).bends == (6.0, 7.0, 8.0, 9.0)


def test_the_path_of_prices_bends_at_most_monthly_and_every_300_sales():
    days = np.sort(np.random.default_rng(0).integers(0, 730, 20_000))
    assert len(time_shape(days).bends) == 23
    assert len(time_shape(days[::16]).bends) == 3
    assert time_shape(days[::100]).bends == ()
    assert time_shape(days).ends == (days[50], days[-51])
    assert time_shape(np.append(days[::100], 5_000)).ends[1] < 730


def _oracle(columns, area, areas, target, pseudo=(1.0, 5.0)):
    """Ridge by an augmented dense least squares: standardised columns, area dummies, an intercept without penalty."""
    scaled = (columns - columns.mean(axis=1, keepdims=True)) / columns.std(axis=1, keepdims=True)
    dummies = (area == np.arange(areas)[:, None]).astype(float)
    design = np.vstack([scaled, dummies, np.ones(len(target))]).T
    weights = np.sqrt(np.repeat([pseudo[0], pseudo[1], 0.0], [len(columns), areas, 1]))
    stacked = np.vstack([design, np.diag(weights)])
    return design @ np.linalg.lstsq(stacked, np.append(target, np.zeros(len(weights))))[0]


def test_the_regression_by_dense_least_squares(town):
    homes = Homes.of(town)
    day = town["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    target = np.log(town["sale_price"].to_numpy())
    regression = Regression(homes, day, mapped=True)
    prices = regression.solve(target)
    columns = [
        row
        for name in ("building_size_sqft", "bedrooms", "grade")
        for row in Shape.of(homes.values[name]).columns(homes.values[name])
    ]
    columns += time_shape(day).columns(day.astype(float))
    names, area = np.unique(town["zip_code"].to_numpy(), return_inverse=True)
    expected = _oracle(np.array(columns), area, len(names), target)
    np.testing.assert_allclose(regression.fitted, expected, atol=1e-9)
    told = prices.base + prices.time.at(day.astype(float)) + np.nansum(prices.parts(homes), axis=1)
    np.testing.assert_allclose(told, expected, atol=1e-9)
    np.testing.assert_allclose(prices.quality(homes) + prices.area(homes), np.nansum(prices.parts(homes), axis=1))


def test_what_the_market_pays_is_found(town):
    model = fit(town)
    curve = model.prices.curves["building_size_sqft"]
    inner = np.log([1_200.0, 2_600.0])
    slope = np.diff(curve.at(inner))[0] / np.diff(inner)[0]
    assert slope == pytest.approx(TRUTH["size"], abs=0.03)
    grades = np.diff(model.prices.curves["grade"].at(np.arange(5.0, 11.0)))
    np.testing.assert_allclose(grades, TRUTH["grade"], atol=0.03)
    assert np.abs(model.prices.curves["bedrooms"].heights).max() < 0.02
    moved = np.diff(model.time(np.array([model.day[0], model.day[-1]])))[0]
    assert moved == pytest.approx(TRUTH["growth"], abs=0.02)
    location = model.parts(model.homes, model.places)[:, PARTS.index("location")]
    slope = np.polyfit(model.places[:, 0], location, 1)[0]
    assert slope == pytest.approx(TRUTH["east"], abs=0.003)
    assert model.spread == pytest.approx(TRUTH["noise"], rel=0.1)


def test_a_characteristic_that_repeats_another_changes_little(town):
    twice = fit(town.with_columns(bathrooms=pl.col("grade") * 2))
    assert {"bathrooms", "grade"} <= twice.prices.curves.keys()
    np.testing.assert_allclose(twice.residual, fit(town).residual, atol=0.005)


def test_what_is_constant_rare_or_absent_is_not_held(town):
    bare = town.with_columns(
        grade=pl.lit(7.0), stories=pl.when(pl.int_range(pl.len()) % 3 == 0).then(1.0 + pl.int_range(pl.len()) % 2)
    )
    assert fit(bare).prices.curves.keys() == {"building_size_sqft", "bedrooms"}


def test_too_few_sales_are_no_model(town):
    with pytest.raises(TooFewSales, match="29 sales, and a price model needs 30"):
        fit(town.head(29))
    assert np.isfinite(fit(town.head(30)).residual).all()


def test_more_sales_than_are_fitted_are_thinned(town, monkeypatch):
    monkeypatch.setattr("terrafusion.analysis.comps.model._MOST_FITTED", 600)
    some = fit(town)
    assert len(some.residual) == town.height
    assert np.std(some.residual) == pytest.approx(np.std(fit(town).residual), rel=0.1)


def _brute(places, residuals, at, *, without=None):
    """The surface at one place, from sums over all sales on the same grid, the widest scale first."""
    low, height = places.min(axis=0), 0.0
    for scale in SCALES_KM:
        cell = scale / 3
        cells = np.floor((places - (low - 4 * scale)) / cell)
        steps = cells - np.floor((at - (low - 4 * scale)) / cell)
        near = (np.abs(steps) <= 9).all(axis=1)
        if without is not None:
            near[without] = False
        kernel = np.exp(-(steps[near] ** 2).sum(axis=1) / 18)
        height = (kernel @ residuals[near] + 3 * height) / (kernel.sum() + 3)
    return height


def test_the_surface_by_brute_force():
    draw = np.random.default_rng(1)
    places, residuals = draw.uniform(0, 9, (400, 2)), draw.normal(0, 0.2, 400)
    surface = Surface(places)
    surface.learn(residuals)
    asked = draw.uniform(0, 9, (40, 2))
    np.testing.assert_allclose(surface.at(asked), [_brute(places, residuals, at) for at in asked], atol=1e-12)
    rows = np.arange(0, 400, 10)
    left = [_brute(places, residuals, places[row], without=row) for row in rows]
    np.testing.assert_allclose(surface.own(without=True)[rows], left, atol=1e-12)
    others = [_brute(places, residuals, at, without=row) for at, row in zip(asked, rows, strict=True)]
    np.testing.assert_allclose(surface.at(asked, without=rows), others, atol=1e-12)
    np.testing.assert_allclose(surface.own(), surface.at(places), atol=1e-12)


def test_the_surface_is_flat_where_nothing_is_known():
    surface = Surface(np.array([[0.0, 0.0], [np.nan, np.nan]]))
    surface.learn(np.array([1.0, 5.0]))
    assert surface.at(np.array([[500.0, 0.0], [np.nan, 0.0]])).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(surface.own(without=True), 0.0, atol=1e-12)
    nowhere = Surface(np.full((3, 2), np.nan))
    nowhere.learn(np.ones(3))
    assert nowhere.own().tolist() == [0.0, 0.0, 0.0]
