import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.price_index.repeat_sales import Options
from terrafusion.analysis.price_index.stratified import strata_of, stratified_median


def sales(*cells):
    """Sales from (stratum, period, prices); strata are numbered by their names."""
    names = sorted({stratum for stratum, _, _ in cells})
    rows = [(names.index(stratum), place, float(price)) for stratum, place, prices in cells for price in prices]
    return pl.DataFrame(rows, schema={"stratum": pl.Int32, "place": pl.Int32, "sale_price": pl.Float64}, orient="row")


def index(given, periods):
    return stratified_median(strata_of(given, periods), Options()).log_index


def test_where_every_stratum_sells_it_is_the_fixed_weight_mean_of_the_medians():
    given = sales(("a", 0, [100, 110, 120]), ("a", 1, [130, 150]), ("b", 0, [300]), ("b", 1, [330, 340, 360, 900]))
    wanted = 0.5 * np.log(140 / 110) + 0.5 * np.log(350 / 300)
    assert index(given, 2)[1] == pytest.approx(wanted, abs=1e-12)


def test_a_change_of_mix_alone_moves_nothing():
    given = sales(("a", 0, [100] * 9), ("b", 0, [900]), ("a", 1, [110]), ("b", 1, [990] * 9))
    assert index(given, 2)[1] == pytest.approx(np.log(1.1), abs=1e-12)


def test_it_is_the_weighted_country_product_dummy_regression():
    draw = np.random.default_rng(3)
    cells = [
        (f"s{stratum}", place, np.exp(draw.normal(12, 0.2, draw.integers(1, 6))))
        for stratum in range(8)
        for place in range(5)
        if draw.random() < 0.7
    ]
    found = index(sales(*cells), 5)
    names = sorted({name for name, _, _ in cells})
    size = {name: sum(len(prices) for other, _, prices in cells if other == name) for name in names}
    rows = np.array([[name == one for one in names] + [place == at for at in range(1, 5)] for name, place, _ in cells])
    weight = np.sqrt([size[name] for name, _, _ in cells])
    medians = np.log([np.median(prices) for _, _, prices in cells])
    wanted = np.linalg.lstsq(rows * weight[:, None], medians * weight, rcond=None)[0][-4:]
    np.testing.assert_allclose(found[1:], wanted, rtol=0, atol=1e-10)


def test_periods_that_share_no_stratum_with_the_rest_have_no_index():
    given = sales(("a", 0, [100, 120]), ("a", 2, [130, 140]), ("b", 1, [50]))
    found = stratified_median(strata_of(given, 4), Options())
    assert np.isfinite(found.log_index).tolist() == [True, False, True, False]
    assert found.observations.tolist() == [2, 1, 2, 0]
