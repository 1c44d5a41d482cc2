import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, t

from terrafusion.analysis.ratios.bootstrap import RESAMPLED, _Resampled, bootstrap, fewest_draws, percentiles
from terrafusion.analysis.ratios.measures import _by_value, analytic_intervals, measures
from terrafusion.analysis.ratios.sample import Ratios, by_ratio
from terrafusion.analysis.ratios.segments import Segments, median_estimate
from terrafusion.analysis.student import critical_t


@pytest.fixture
def ratios(table):
    value, price = table("iaao_ed_table1_54")
    return Ratios.of(value.to_numpy(), price.to_numpy())


def made(n, *, seed=0, step=-3):
    random = np.random.default_rng(seed)
    price = np.round(np.exp(random.normal(12, 0.5, n)), step)
    return Ratios.of(np.round(price * np.exp(random.normal(0, 0.15, n)), step), price)


def alone(told):
    """Read off what is told of the one group."""
    return {name: estimates.of(0) for name, estimates in told.items()}


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 29, 30, 977, 9_999, 10_000, 10_001, 1_000_000])
def test_students_quantile(confidence, freedom):
    assert critical_t(confidence, freedom) == pytest.approx(t.ppf(0.5 + confidence / 2, freedom), rel=1e-10)


def test_without_freedom_there_is_no_quantile():
    assert math.isnan(critical_t(0.95, 0))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 54, 979])
def test_quantiles_and_the_medians_interval(n):
    values = np.sort(np.random.default_rng(n).normal(size=n))
    for part in (1, 2, 3):
        assert Segments.of([n]).quantile(values, part, 4) == pytest.approx(np.quantile(values, part / 4), abs=1e-15)
    told = median_estimate(values, 0.95)
    if n < 6:
        assert math.isnan(told.low)
        assert math.isnan(told.high)
    else:
        reach = 1.959963984540054 * math.sqrt(n) / 2
        assert told.low == values[math.ceil(n / 2 - reach) - 1]
        assert told.high == values[math.floor(1 + n / 2 + reach) - 1]


def test_prb_and_its_interval_are_those_of_least_squares(ratios):
    fitted = sm.OLS(ratios.ratio / ratios.median - 1, sm.add_constant(np.log2(ratios.proxy))).fit()
    told = measures(ratios, 0.9)["prb"].of(0)
    assert told.value == pytest.approx(fitted.params[1], rel=1e-10)
    assert told[1:] == pytest.approx(tuple(fitted.conf_int(0.1)[1]), rel=1e-10)


def test_mean_and_weighted_mean(ratios):
    told, n = alone(measures(ratios, 0.95)), len(ratios)
    error = ratios.ratio.std(ddof=1) / math.sqrt(n)
    assert told["mean"].high - told["mean"].value == pytest.approx(t.ppf(0.975, n - 1) * error)
    level = ratios.assessed.sum() / ratios.price.sum()
    left = ratios.assessed - level * ratios.price
    error = math.sqrt((left**2).sum() / (n * (n - 1))) / ratios.price.mean()
    assert told["weighted_mean"].value == pytest.approx(level)
    assert told["weighted_mean"].value - told["weighted_mean"].low == pytest.approx(t.ppf(0.975, n - 1) * error)


@pytest.mark.parametrize("step", [-4, -3, 6])
def test_the_gini_coefficients_share_the_ranks_of_ties(step):
    ratios = made(300, step=step)
    n, ranks = len(ratios), rankdata(ratios.price)
    ginis = [2 * (ranks * v).sum() / (n * v.sum()) - (n + 1) / n for v in (ratios.assessed, ratios.price)]
    told = alone(measures(ratios, 0.95))
    assert told["mki"].value == pytest.approx(ginis[0] / ginis[1], rel=1e-12)
    assert told["ki"].value == pytest.approx(ginis[0] - ginis[1], rel=1e-9)


@pytest.mark.parametrize(("n", "sizes"), [(19, []), (20, [10, 10]), (50, [25, 25]), (54, [14, 13, 13, 14]), (501, 10)])
def test_the_groups_of_value_are_cut_at_quantiles(n, sizes, table):
    ratios = made(n, step=6) if n != 54 else Ratios.of(*(column.to_numpy() for column in table("iaao_ed_table1_54")))
    (parts,), within, ordered = _by_value(ratios)
    if sizes == 10:
        sizes = [51, *[50] * 9]
    assert parts == len(sizes)
    if parts:
        assert within.sizes.tolist() == sizes
        value = ratios.proxy
        cuts = np.quantile(value, np.arange(1, parts) / parts)
        part = np.searchsorted(cuts, value, side="left")
        assert all(
            np.array_equal(ordered[group], ratios.ratio[part == place]) for place, group in enumerate(within.slices())
        )


@pytest.mark.parametrize("step", [-4, 6])
@pytest.mark.parametrize("kept", [(0, 400), (17, 390)])
def test_a_draw_of_every_sale_once_gives_the_measures_themselves(step, kept):
    ratios = made(400, step=step).between(*np.array(kept)[:, None])
    counts = np.ones((2, len(ratios)), dtype=np.int64)
    told = alone(measures(ratios, 0.95))
    for row in _Resampled(ratios, 3)(counts):
        assert row == pytest.approx([told[name].value for name in RESAMPLED], rel=1e-9)


@pytest.mark.parametrize("n", [2, 61, 64, 65, 128, 1_000, 5_000])
def test_a_draw_equals_the_measures_of_what_was_drawn(n):
    ratios = made(n, step=-4)
    drawn = np.random.default_rng(1).integers(n, size=(3, n))
    drawn[1:] = n - 1 - drawn[1:] // [[2], [10]]  # the high end alone: whole blocks are never drawn
    counts = np.array([np.bincount(chosen, minlength=n) for chosen in drawn])
    for chosen, row in zip(drawn, _Resampled(ratios, 3)(counts), strict=True):
        told = alone(measures(Ratios.of(ratios.assessed[chosen], ratios.price[chosen]), 0.95))
        assert row == pytest.approx([told[name].value for name in RESAMPLED], rel=1e-9, nan_ok=True)


def test_analytic_intervals_agree_with_many_draws():
    ratios = made(3_000)
    analytic = alone(analytic_intervals(ratios, 0.95))
    drawn, _ = bootstrap(ratios, (0, 3_000), iterations=2_000, seed=3, confidence_level=0.95)
    assert set(analytic) == set(drawn) == set(RESAMPLED)
    for name, (_, low, high) in analytic.items():
        width = high - low
        assert drawn[name] == pytest.approx((low, high), abs=0.12 * width), name


def test_the_bootstrap_is_seeded_and_its_batches_do_not_show():
    ratios = made(500)
    one, other = (bootstrap(ratios, (0, 500), iterations=150, seed=7, confidence_level=0.9) for _ in range(2))
    assert one == other
    assert one != bootstrap(ratios, (0, 500), iterations=150, seed=8, confidence_level=0.9)


@pytest.mark.parametrize(("draws", "level"), [(39, 0.95), (100, 0.95), (1_000, 0.95), (1_000, 0.99), (19, 0.9)])
def test_as_much_lies_beyond_an_interval_of_draws_as_is_said(draws, level):
    """Of uniform draws the k-th of B has an expected (B + 1)-th k below it, so the ends' expected places are their tails."""
    random = np.random.default_rng(2)
    ends = np.array([percentiles(random.random(draws), level) for _ in range(4_000)])
    tail, error = (1 - level) / 2, ends.std(axis=0).max() / math.sqrt(4_000)
    assert ends.mean(axis=0) == pytest.approx([tail, 1 - tail], abs=4 * error)
    evenly = np.arange(1, draws + 1) / (draws + 1)
    assert percentiles(evenly, level) == pytest.approx((tail, 1 - tail), rel=1e-12)


@pytest.mark.parametrize(
    ("level", "least"), [(0.5, 3), (0.9, 19), (0.95, 39), (0.99, 199), (0.998, 999), (0.999, 1_999)]
)
def test_fewer_draws_than_reach_the_ends_have_no_interval(level, least):
    assert fewest_draws(level) == least
    draws = np.arange(float(least))
    assert percentiles(draws, level) == pytest.approx((0, least - 1))
    assert percentiles(draws[1:], level) is None


def test_ties_stand_in_the_order_of_their_keys():
    ratio, price = np.array([2.0, 1.0, 2.0, 1.0, 3.0]), np.array([5.0, 9.0, 4.0, 8.0, 1.0])
    assert by_ratio(ratio, price).tolist() == [3, 1, 2, 0, 4]


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=80))
def test_sales_of_one_ratio_stand_by_what_else_is_computed_with(rows):
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    assert columns[:, by_ratio(*columns)].tolist() == columns[:, np.lexsort(columns[::-1])].tolist()


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_sales_give_what_can_be_told_and_no_more(n):
    told = alone(measures(made(n), 0.95))
    assert math.isnan(told["vei"].value)
    assert math.isnan(told["median"].low)
    assert math.isnan(told["prb"].value) == (n < 2)
    assert math.isnan(told["prb"].low) == (n < 3)
    assert math.isnan(told["mean"].low) == (n < 2)


def test_equal_prices_leave_vertical_equity_untold():
    ratios = Ratios.of(np.full(60, 90_000.0), np.full(60, 100_000.0))
    told = alone(measures(ratios, 0.95))
    assert told["median"].value == 0.9
    assert told["cod"].value == 0
    assert told["prd"].value == pytest.approx(1)
    assert told["ki"].value == pytest.approx(0)
    assert all(math.isnan(told[name].value) for name in ("prb", "mki", "vei"))
    drawn, _ = bootstrap(ratios, (0, 60), iterations=100, seed=0, confidence_level=0.95)
    assert drawn["cod"] == (0, 0)


def test_tied_prices_share_their_influence_on_the_concentration_indices():
    """The analytic interval of KI against numerical derivatives, of prices that are nearly all tied."""
    draw = np.random.default_rng(6)
    price = draw.choice([1e5, 2e5, 3e5, 4e5], 120)
    assessed = price * draw.normal(0.9, 0.2, 120).clip(0.3)

    def index(weights):
        higher = (price[:, None] > price) + 0.5 * (price[:, None] == price)
        share = higher @ weights / weights.sum()
        ginis = [2 * (weights @ (v * share)) / (weights @ v) - 1 for v in (assessed, price)]
        return ginis[0] - ginis[1]

    steps = np.eye(120) * 1e-5
    moves = np.array([index(1 + step) - index(1 - step) for step in steps]) / 2e-5
    _, low, high = analytic_intervals(Ratios.of(assessed, price), 0.95)["ki"].of(0)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt((moves**2).sum()), rel=1e-5)


def test_prices_that_only_rounding_tells_apart_have_no_mki():
    price = 200_000 * (1 + np.finfo(float).eps * np.random.default_rng(0).integers(0, 3, 400))
    ratios = Ratios.of(180_000 * np.exp(np.random.default_rng(1).normal(0, 0.1, 400)), price)
    assert len(set(ratios.price)) > 1
    assert abs(ratios.concentrations[1]) > 0
    assert math.isnan(measures(ratios, 0.95)["mki"].of(0).value)
    assert np.isnan(analytic_intervals(ratios, 0.95)["mki"].of(0)).all()


SIZES = (0, 700, 1, 2, 60, 0, 0, 5, 29, 400, 1, 20, 51, 0)


@pytest.mark.parametrize("step", [-4, 6])
def test_a_groups_figures_are_the_same_whichever_groups_lie_beside_it(step):
    groups = [made(n, seed=n, step=step) for n in SIZES]
    groups[3] = Ratios.of(np.array([80_000.0, 95_000.0]), np.full(2, 100_000.0))
    groups[4] = Ratios.of(np.full(60, 90_000.0), np.full(60, 100_000.0))
    value, price = (np.concatenate([getattr(group, name) for group in groups]) for name in ("assessed", "price"))
    laid = Ratios.ordered(value, price, Segments.of(SIZES))
    trimmed = np.array(SIZES) // 7
    for together, apart in (
        (laid, groups),
        (laid, list(laid.each())),
        (
            laid.between(trimmed, laid.n - trimmed),
            [one.between(cut, one.n - cut) for one, cut in zip(groups, trimmed[:, None], strict=True)],
        ),
    ):
        for figures in (measures, analytic_intervals):
            told = figures(together, 0.95)
            for place, group in enumerate(apart):
                for name, own in figures(group, 0.95).items():
                    np.testing.assert_array_equal(told[name].of(place), own.of(0), err_msg=f"{name} of {place}")


@pytest.mark.parametrize(("base", "n"), [(333_333.33, 12), (189_900.0, 12), (179_950.0, 15), (215_000.0, 10)])
def test_a_draw_of_one_price_has_no_mki(base, n):
    """What rounding leaves of 0/0 must not be the end of an interval."""
    price = np.array([base] * (n - 1) + [2 * base])
    value = np.round(price * np.random.default_rng(0).uniform(0.9, 1.1, n), 2)
    ratios = Ratios.of(value, price)
    low, high = bootstrap(ratios, (0, n), iterations=1000, seed=0, confidence_level=0.95)[0]["mki"]
    random, found = np.random.default_rng(1), []
    for _ in range(2000):
        rows = random.integers(n, size=n)
        if np.ptp(price[rows]) > 0:
            found.append(alone(measures(Ratios.of(value[rows], price[rows]), 0.95))["mki"].value)
    assert (low, high) == pytest.approx(tuple(np.quantile(found, [0.025, 0.975])), rel=0.05)
