"""Each step against plain regressions, brute force, or another library."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom, f_oneway
from sklearn.metrics import adjusted_rand_score

from terrafusion.analysis.areas.growth import growth_of
from terrafusion.analysis.areas.joining import joined, nearest, tied
from terrafusion.analysis.areas.level import Laid, levels_of
from terrafusion.analysis.areas.likeness import distances, embedded, similarity, standardised
from terrafusion.analysis.areas.parameters import AreaParameters
from terrafusion.analysis.areas.within import compared
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.student import critical_t
from terrafusion.analysis.time_adjustment.pooling import between, pool

Z = critical_value(0.95)


def market(seed, *, areas=6, each=40, growth=0.0, noise=0.1):
    """Lay out sales of areas of known level, and growth that differs by ``growth``; return the truth of both."""
    random = np.random.default_rng(seed)
    area = np.sort(random.integers(0, areas, areas * each))
    area[:areas] = np.arange(areas)
    area = np.sort(area)
    year = random.integers(0, 6, len(area))
    size = random.normal(7.3 + 0.1 * area, 0.3)
    level, slope = random.normal(0, 0.2, areas), random.normal(0.05, growth, areas) if growth else np.full(areas, 0.05)
    spread = noise * (1 + 0.5 * (area == 0))
    logs = 6 + 0.8 * size + level[area] + slope[area] * year + random.normal(0, 1, len(area)) * spread
    return Laid(area, 2010 + year, logs, size[None, :], ("size",), area.copy()), level, slope


def design(laid):
    years = np.unique(laid.ordinal)
    dummies = [(laid.area[:, None] == np.arange(laid.area.max() + 1)).astype(float)]
    dummies.append((laid.ordinal[:, None] == years[1:]).astype(float))
    return np.hstack([*dummies, laid.characteristics.T])


def test_levels_are_those_of_plain_least_squares():
    laid, _, _ = market(0)
    plain = sm.OLS(laid.log_price, design(laid)).fit(cov_type="HC1")
    share = np.bincount(laid.area) / len(laid.area)
    contrast = np.hstack([np.eye(6) - share, np.zeros((6, 6))])
    found = levels_of(laid)
    assert found.levels == pytest.approx(contrast @ plain.params, abs=1e-9)
    assert found.covariance == pytest.approx(contrast @ plain.cov_params() @ contrast.T, abs=1e-10)
    assert found.residual == pytest.approx(plain.resid, abs=1e-9)
    assert found.freedom == plain.df_resid
    areas = plain.params[:6][laid.area] + plain.resid
    assert found.quality - found.quality.mean() == pytest.approx(areas - areas.mean(), abs=1e-9)


def test_growth_is_that_of_regressions_drawn_to_the_county():
    laid, _, _ = market(1, growth=0.03)
    found = levels_of(laid)
    growth = growth_of(laid, found, "year")
    years = laid.ordinal.astype(float)
    slopes, errors = [], []
    for one in range(6):
        inside = laid.area == one
        line = sm.OLS(found.residual[inside], sm.add_constant(years[inside])).fit()
        slopes.append(line.params[1])
        errors.append(line.bse[1] ** 2)
    dummies = (laid.area[:, None] == np.arange(6)).astype(float)
    whole = sm.OLS(found.moved, np.column_stack([dummies, years])).fit()
    county, rest = whole.params[-1], whole.bse[-1] ** 2
    own, variance = county + np.array(slopes), np.array(errors)
    expected = pool(own, variance, (county, rest), between(own, variance))
    assert growth.county == pytest.approx(county)
    assert growth.slope == pytest.approx(expected.value)
    assert growth.slope_error**2 == pytest.approx(expected.variance)
    assert (np.abs(growth.slope - county) <= np.abs(own - county)).all()
    cells = [[found.residual[(laid.area == a) & (laid.ordinal == p)].mean() for p in growth.periods] for a in range(6)]
    assert (np.abs(growth.path) <= np.abs(cells) + 1e-12).all()
    assert growth.counts.sum() == len(years)


def test_one_period_has_no_growth():
    laid, _, _ = market(2)
    flat = Laid(
        laid.area, np.full_like(laid.ordinal, 2010), laid.log_price, laid.characteristics, laid.names, laid.area
    )
    assert growth_of(flat, levels_of(flat), "year") is None


def test_intervals_of_level_and_growth_hold_the_truth_as_often_as_they_say():
    """One area of each of 400 markets; a right interval fails once in a thousand runs."""
    hits = {"level": 0, "growth": 0}
    for seed in range(400):
        laid, level, slope = market(seed, areas=8, each=30, growth=0.03)
        found = levels_of(laid)
        growth = growth_of(laid, found, "year")
        share = np.bincount(laid.area) / len(laid.area)
        one = seed % 8
        mean = level + slope * 2.5  # a level is that of the middle of the years
        reach = Z * np.sqrt(found.covariance[one, one])
        hits["level"] += abs(found.levels[one] - mean[one] + share @ mean) <= reach
        hits["growth"] += abs(growth.slope[one] - slope[one]) <= Z * growth.slope_error[one]
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert all(low <= count <= high for count in hits.values()), hits


@pytest.mark.parametrize("each", [10, 30])
def test_intervals_of_the_paths_hold_the_truth_at_least_as_often_as_they_say(each):
    """A cell with sales of each of 400 markets; a right interval falls below the band once in a thousand runs."""
    hits, areas, years = 0, 12, 4
    for seed in range(400):
        random = np.random.default_rng(seed)
        area, year = np.repeat(np.arange(areas), each), random.integers(0, years, areas * each)
        own = random.normal(0, 0.15, (areas, years))
        logs = own[area, year] + random.normal(0, 0.2, len(area))
        laid = Laid(area, year, logs, np.zeros((0, len(area))), (), area)
        growth = growth_of(laid, levels_of(laid), "year")
        truth = levels_of(Laid(area, year, own[area, year], laid.characteristics, (), area)).residual
        cell = area[seed % len(area)], year[seed % len(area)]
        reach = Z * growth.path_error[cell]
        hits += abs(growth.path[cell] - truth[seed % len(area)]) <= reach
    assert hits >= binom.ppf(0.0005, 400, 0.95)


def test_the_interval_of_a_small_area_s_level_holds_the_truth_as_often_as_it_says():
    """Five sales among areas of many; a right interval fails once in a thousand runs."""
    counts, hits = np.array([5] * 10 + [30] * 5 + [100] * 10), 0
    area = np.repeat(np.arange(25), counts)
    for seed in range(400):
        random = np.random.default_rng(seed)
        level, size = random.normal(0, 0.2, 25), random.normal(7.4, 0.3, len(area))
        logs = level[area] + 0.7 * size + random.normal(0, 0.2, len(area))
        found = levels_of(Laid(area, random.integers(0, 4, len(area)), logs, size[None], ("size",), area))
        reach = critical_t(0.95, 4) * np.sqrt(found.covariance[0, 0] * found.widening(counts)[0])
        hits += abs(found.levels[0] - level[0] + counts @ level / len(area)) <= reach
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert low <= hits <= high


def asked(**given):
    return AreaParameters.model_validate({"n_areas": 2} | given)


def test_distances_are_the_weighted_mean_of_the_features():
    random = np.random.default_rng(0)
    blocks = {
        "level": random.normal(0, 3, (9, 1)),
        "mix": random.normal(5, 2, (9, 4)),
        "location": random.normal(0, 9, (9, 2)),
    }
    found = distances(embedded(blocks, asked(feature_weights={"mix": 2.0})), 3)
    level = np.square(blocks["level"] - blocks["level"][3])[:, 0] / blocks["level"].var(ddof=1)
    mix = (np.square(blocks["mix"] - blocks["mix"][3]) / blocks["mix"].var(axis=0, ddof=1)).mean(axis=1)
    place = (
        np.square(blocks["location"] - blocks["location"][3]) / blocks["location"].var(axis=0, ddof=1).mean()
    ).mean(axis=1)
    assert found["level"] == pytest.approx(level / 4)
    assert found["mix"] == pytest.approx(mix * 2 / 4)
    assert found["location"] == pytest.approx(place / 4)
    alike = similarity(np.sum(list(found.values()), axis=0))
    assert alike[3] == 1
    assert ((alike > 0) & (alike <= 1)).all()
    assert alike == pytest.approx(np.exp(-(level + 2 * mix + place) / 8))


def test_scale_and_origin_of_a_feature_do_not_matter_and_constants_say_nothing():
    random = np.random.default_rng(1)
    block = random.normal(0, 1, (7, 3))
    assert standardised(4 + 9 * block, together=True) == pytest.approx(standardised(block, together=True))
    scale = np.array([1.0, 50.0, 0.01])
    assert standardised(block * scale, together=False) == pytest.approx(standardised(block, together=False))
    assert not standardised(np.full((5, 2), 3.7), together=False).any()
    assert "mix" not in embedded({"mix": block, "level": block[:, :1]}, asked(feature_weights={"mix": 0.0}))


def test_two_areas_drawn_by_chance_are_alike_by_a_third():
    """exp(-1): squared differences of two draws in standard deviations are 2 on average."""
    block = np.random.default_rng(2).normal(0, 1, (400, 6))
    scaled = embedded({"mix": block, "growth": block[:, ::-1]}, asked())
    squared = np.mean([sum(distances(scaled, one).values()).sum() / 399 for one in range(0, 400, 10)])
    assert squared == pytest.approx(2, rel=0.05)


def test_without_neighbours_it_is_ward_as_scipy_has_it():
    random = np.random.default_rng(3)
    features = random.normal(0, 1, (40, 3)) + np.repeat(np.arange(4), 10)[:, None]
    for count in (2, 4, 9):
        theirs = fcluster(linkage(features, "ward"), count, criterion="maxclust")
        ours = joined(features, None, count=count, neighbors=5)
        assert adjusted_rand_score(theirs, ours) == 1
        assert list(dict.fromkeys(ours)) == list(range(count))


@pytest.mark.parametrize("neighbors", [1, 3, 8])
def test_market_areas_are_each_in_one_piece(neighbors):
    random = np.random.default_rng(4)
    places, features = random.uniform(0, 30, (60, 2)), random.normal(0, 1, (60, 2))
    ties = tied(places, neighbors)
    assert connected_components(ties)[0] == 1
    code = joined(features, places, count=6, neighbors=neighbors)
    for one in range(6):
        inside = np.flatnonzero(code == one)
        assert connected_components(ties[inside][:, inside])[0] == 1


def test_far_islands_hang_together_in_the_end():
    places = np.array([[0, 0], [1, 0], [0, 1], [500, 0], [501, 0], [500, 1.0]])
    assert connected_components(tied(places, 1))[0] == 1
    assert adjusted_rand_score([0, 0, 0, 1, 1, 1], joined(places, places, count=2, neighbors=1)) == 1


def test_equal_areas_are_joined_in_the_same_way_each_time():
    places = np.array([[x, y] for x in range(5) for y in range(5)], dtype=float)
    codes = {joined(np.zeros((25, 2)), places, count=4, neighbors=4).tobytes() for _ in range(3)}
    assert len(codes) == 1
    coincident = joined(np.zeros((6, 1)), np.zeros((6, 2)), count=3, neighbors=2)
    assert set(coincident) == {0, 1, 2}
    assert nearest(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0], [2.0, 0.0]])).tolist() == [0]


def test_variances_and_f_are_those_of_an_analysis_of_variance():
    random = np.random.default_rng(5)
    zips = random.integers(0, 9, 500)
    values = random.normal(0, 1, 500) + 0.1 * zips
    told = compared(values, np.zeros(500, int), zips, confidence_level=0.95)
    f, p = f_oneway(*[values[zips == one] for one in range(9)])
    assert (told["f"], told["f_p"]) == (pytest.approx(f), pytest.approx(p))
    assert told["within_variance"] == pytest.approx(values.var(ddof=1))
    within = sum(values[zips == one].var(ddof=1) * ((zips == one).sum() - 1) for one in range(9)) / 491
    assert told["within_variance_zip"] == pytest.approx(within)
    assert told["explained_pct"] == pytest.approx(0, abs=1e-9)
    across = compared(values, random.integers(0, 3, 500), zips, confidence_level=0.95)
    assert (across["f"], across["f_p"]) == (None, None)
    same = compared(values, zips, zips, confidence_level=0.95)
    assert (same["ratio"], same["ratio_ci_low"], same["f"]) == (1, 1, None)


def test_the_ratio_s_interval_holds_the_truth_as_often_as_it_says():
    """400 markets in which four areas hide the levels of twelve ZIPs; a right interval fails once in a thousand runs."""
    level = np.random.default_rng(6).normal(0, 0.3, 12)
    hidden = np.mean([level[4 * 0 + one :: 4].var() for one in range(4)])
    truth, hits = (1 + hidden), 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        zips = random.integers(0, 12, 600)
        values = level[zips] + random.normal(0, 1, 600)
        told = compared(values, zips % 4, zips, confidence_level=0.95)
        hits += told["ratio_ci_low"] <= truth <= told["ratio_ci_high"]
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert low <= hits <= high


def test_prices_that_do_not_vary_have_no_ratio():
    told = compared(np.full(30, 5.0), np.zeros(30, int), np.arange(30) % 3, confidence_level=0.95)
    assert (told["ratio"], told["f"], told["explained_pct"]) == (None, None, None)
