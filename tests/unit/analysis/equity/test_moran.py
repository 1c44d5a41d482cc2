"""Moran's I against what its definition says, counted out."""

from itertools import permutations as orders

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binom

from terrafusion.analysis.equity.moran import moran, nearest, places, weights_of


def _points(random, n):
    lat, lon = np.radians(random.uniform(47.0, 48.0, n)), np.radians(random.uniform(-123.0, -121.0, n))
    return lat, lon, np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _by_haversine(lat, lon, k):
    half = np.sin((lat[:, None] - lat) / 2) ** 2 + np.cos(lat)[:, None] * np.cos(lat) * (
        np.sin((lon[:, None] - lon) / 2) ** 2
    )
    np.fill_diagonal(half, np.inf)
    return np.argsort(half, axis=1)[:, :k]


def _dense(values, weights):
    z = values - values.mean()
    return len(z) / weights.sum() * (z @ weights @ z) / (z @ z)


@pytest.mark.parametrize("k", [1, 4, 8])
def test_neighbours_and_the_index_are_those_of_brute_force(k):
    random = np.random.default_rng(k)
    lat, lon, points = _points(random, 250)
    expected = _by_haversine(lat, lon, k)
    found = nearest(points, k)
    assert np.array_equal(np.sort(found, axis=1), np.sort(expected, axis=1))
    weights = np.zeros((250, 250))
    np.put_along_axis(weights, expected, 1 / k, axis=1)
    values = random.standard_t(4, 250) + 3 * lat
    told = moran(values, weights_of(found), permutations=0, seed=0)
    assert told.i == pytest.approx(_dense(values, weights), rel=1e-12)
    assert told.permutation_p is None


def test_the_moments_are_those_of_all_orders():
    """Of 5,040 orders of seven values, none left out: mean and variance as Cliff and Ord say."""
    random = np.random.default_rng(3)
    weights = weights_of(nearest(_points(random, 7)[2], 2))
    values = np.exp(random.normal(0, 1, 7))
    dense = weights.toarray()
    every = np.array([_dense(np.array(order), dense) for order in orders(values)])
    told = moran(values, weights, permutations=0, seed=0)
    assert told.expected == pytest.approx(every.mean(), rel=1e-9)
    assert told.error == pytest.approx(every.std(), rel=1e-9)


def test_how_many_rows_are_turned_at_a_time_does_not_matter(monkeypatch):
    random = np.random.default_rng(8)
    weights, values = weights_of(nearest(_points(random, 100)[2], 5)), random.normal(0, 1, 100)
    whole = moran(values, weights, permutations=0, seed=0)
    monkeypatch.setattr("terrafusion.analysis.equity.moran._ROWS", 7)
    assert moran(values, weights, permutations=0, seed=0).error == pytest.approx(whole.error, rel=1e-12)


def test_a_chessboard_is_unlike_and_a_slope_alike():
    cells = np.arange(64)
    row, column = cells // 8, cells % 8
    touch = (np.abs(row[:, None] - row) + np.abs(column[:, None] - column)) == 1
    weights = csr_matrix(touch / touch.sum(axis=1, keepdims=True))
    board = moran((row + column) % 2 * 1.0, weights, permutations=99, seed=0)
    assert board.i == pytest.approx(-1)
    assert (board.z < -5, board.permutation_p) == (True, 0.02)
    slope = moran(row * 1.0, weights, permutations=99, seed=0)
    assert (slope.i > 0.8, slope.z > 5, slope.permutation_p) == (True, True, 0.02)


def test_equal_values_have_none():
    weights = weights_of(nearest(_points(np.random.default_rng(0), 40)[2], 4))
    assert moran(np.full(40, 0.3), weights, permutations=9, seed=0) is None
    price = np.round(np.exp(np.random.default_rng(0).normal(12, 0.4, 40)), 2)
    ratio = 0.37 * price / price
    assert ratio.max() > ratio.min()
    assert moran(np.log(ratio), weights, permutations=9, seed=0) is None


def test_random_orders_agree_with_the_normal():
    random = np.random.default_rng(5)
    weights = weights_of(nearest(_points(random, 400)[2], 6))
    values = random.normal(0, 1, 400)
    told = moran(values, weights, permutations=4000, seed=1)
    assert told.permutation_p == pytest.approx(told.p, abs=0.04)
    assert moran(values, weights, permutations=4000, seed=1) == told


def test_chance_is_taken_for_a_pattern_as_often_as_it_should():
    """At 5%; a right test fails once in a thousand runs."""
    random = np.random.default_rng(11)
    weights = weights_of(nearest(_points(random, 150)[2], 8))
    seen = sum(moran(np.exp(random.normal(0, 0.3, 150)), weights, permutations=0, seed=0).p < 0.05 for _ in range(400))
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.05)
    assert low <= seen <= high


def test_sales_at_one_place_are_one_and_places_unknown_none(town):
    given = town(50)
    at = given.head(1)
    twice = pl.concat([given, at.with_columns(sale_id=pl.lit("again"), assessed_value=pl.col("assessed_value") * 2)])
    lost = twice.with_row_index().with_columns(latitude=pl.when(pl.col("index") == 7).then(None).otherwise("latitude"))
    zero = lost.with_columns(
        pl.when(pl.col("index") == 9).then(0.0).otherwise(pl.col("latitude", "longitude")).name.keep()
    )
    made = zero.drop("index").rename({"assessed_value": "value", "sale_price": "price"})
    points, logs = places(made)
    assert points.shape == (48, 3)
    ratio = np.log(at["assessed_value"][0] / at["sale_price"][0])
    assert np.isclose(logs, ratio + np.log(2) / 2).sum() == 1
    mixed, again = places(made.sample(fraction=1, shuffle=True, seed=3))
    assert mixed.tobytes() == points.tobytes()
    assert again.tobytes() == logs.tobytes()


def test_of_places_equally_far_the_order_of_the_points_decides():
    """On a lattice every place has ties; the same places, however their sales came, have the same neighbours."""
    angle = np.radians(np.arange(12) * 30)
    ring = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(12)])
    found = nearest(np.vstack([ring, [[0, 0, 1.0]]]), 3)
    assert found.shape == (13, 3)
    assert all(len(set(row)) == 3 and place not in row for place, row in enumerate(found))
    assert np.array_equal(found, nearest(np.vstack([ring, [[0, 0, 1.0]]]), 3))
