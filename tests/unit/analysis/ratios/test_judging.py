import math

import numpy as np
import pytest

from terrafusion.analysis.ratios.chasing import chasing_suspected
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.ratios.segments import Estimate, Estimates
from terrafusion.analysis.ratios.standard import CLASSES, Band, bands, bounds, verdicts, written

STUDY = "ratio_study"
QUICK = {"interval_method": "analytic"}


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(0.90, 0.8, 1.0), "met"),
        (Estimate(1.10, 1.05, 1.15), "met"),
        (Estimate(0.90 - 1e-12, 0.8, 1.0), "met"),
        (Estimate(0.8999, 0.85, 0.95), "statistically met"),
        (Estimate(0.88, 0.86, 0.90), "statistically met"),
        (Estimate(1.2, 1.10, 1.3), "statistically met"),
        (Estimate(1.2, 1.101, 1.3), "not met"),
        (Estimate(0.8, 0.7, 0.899), "not met"),
        (Estimate(0.8), None),
        (Estimate(1.0), "met"),
        (Estimate(), None),
    ],
)
def test_bounds_are_inclusive(estimate, said):
    told = Estimates(*np.array(estimate)[:, None])
    assert verdicts(told, np.array([0.90]), np.array([1.10])).tolist() == [said]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.9, "0.900"),
        (0.89996, "0.89996"),
        (0.9 - 1e-12, "0.900"),
        (1.10004, "1.10004"),
        (1.0996, "1.100"),
        (0.4, "0.400"),
    ],
)
def test_a_figure_is_written_on_the_side_of_the_band_where_it_lies(value, shown):
    assert written(value, 3, Band(0.90, 1.10)) == shown
    assert written(value, 3, None) == f"{value:.3f}"


def test_without_a_band_there_is_no_verdict():
    assert "cod" not in bands(None, "mid", level=1)
    classes = np.arange(len(CLASSES) + 1)
    told = Estimates.bare(np.full(len(classes), 12.0))
    assert verdicts(told, *bounds(classes, "mid", level=1)["cod"]).tolist() == ["met"] * len(CLASSES) + [None]


@pytest.mark.parametrize("size", ["very_large", "mid", "small"])
def test_the_bounds_of_groups_are_the_bands_of_their_classes(size):
    found = bounds(np.array([3, 0]), size, level=0.35)
    for place, name in enumerate(("other_vacant", "residential_improved")):
        assert {measure: (low[place], high[place]) for measure, (low, high) in found.items()} == bands(
            name, size, level=0.35
        )


@pytest.mark.parametrize(
    ("kind", "highest"),
    [
        ("residential_improved", (10, 15, 20)),
        ("income", (15, 20, 25)),
        ("residential_vacant", (15, 20, 25)),
        ("other_vacant", (20, 25, 30)),
    ],
)
def test_the_bounds_of_cod_by_class_and_size(kind, highest):
    sizes = ("very_large", "mid", "small")
    assert [bands(kind, size, level=1)["cod"] for size in sizes] == [(5, bound) for bound in highest]


def test_the_band_of_the_level_scales_and_no_other():
    whole, third = (bands("income", "mid", level=level) for level in (1, 0.333))
    assert third.pop("median") == pytest.approx((0.2997, 0.3663))
    assert whole.pop("median") == pytest.approx((0.9, 1.1))
    assert (
        whole
        == third
        == {"cod": (5, 20), "prd": (0.98, 1.03), "prb": (-0.05, 0.05), "mki": (0.95, 1.05), "vei": (-10, 10)}
    )


def test_bounds_exactly_met_on_real_ratios(ask, valued):
    ratios = [0.85] * 20 + [0.90] + [0.95] * 20
    row = ask(STUDY, valued([round(r * 70_000, 6) for r in ratios], [70_000.0] * 41), **QUICK).rows.row(0, named=True)
    assert row["median"] == pytest.approx(0.9)
    assert row["median_verdict"] == "met"
    assert row["cod"] == pytest.approx(100 * 0.05 * 40 / 41 / 0.9)


def test_a_class_is_judged_by_its_own_bounds(ask, market):
    kinds = ["R1", "V1", "C1", "X9"] * 100
    sales = market(400, property_class=kinds, spread=0.21)
    classes = {"R1": "residential_improved", "V1": "other_vacant", "C1": "income"}
    answer = ask(STUDY, sales, group_by="property_class", property_classes=classes, trim="none", **QUICK)
    told = dict(answer.rows.select("group", "property_class").iter_rows())
    assert told == {
        "R1": "residential_improved",
        "V1": "other_vacant",
        "C1": "income",
        "X9": "residential_improved",
    }
    verdicts = dict(answer.rows.select("group", "cod_verdict").iter_rows())
    assert all(15 < cod < 20 for cod in answer.rows["cod"])
    assert (verdicts["V1"], verdicts["R1"]) == ("met", "not met")
    assert answer.summary["property_class"] is None
    assert answer.summary["cod_verdict"] is None
    assert "cod" not in answer.summary["bands"]
    mixed = ask(STUDY, sales, property_classes=classes, **QUICK)
    assert "mixed_classes" in [caution.code for caution in mixed.warnings]
    by_type = ask(STUDY, market(100, property_type=["V1"] * 100), property_classes=classes, **QUICK)
    assert by_type.summary["property_class"] == "other_vacant"
    assert by_type.summary["bands"]["cod"] == [5, 25]
    none = ask(STUDY, market(5), property_class="income", **QUICK)
    assert none.summary["bands"]["cod"] == [5, 20], "of too few sales, as they would be judged"


def spread_out(n, crowd, at=1.0):
    """Ratios of a wide market of which some sales have exactly one ratio."""
    wide = np.random.default_rng(0).normal(at, 0.25 * at, n - crowd)
    return np.sort(np.append(wide, np.full(crowd, at)))


def suspected(ratio, *, level):
    return chasing_suspected(Ratios.of(ratio, np.ones_like(ratio)), level=level).item()


@pytest.mark.parametrize("level", [1.0, 0.35])
def test_chasing_needs_a_step_and_a_crowd(level):
    assert suspected(spread_out(200, 11, level), level=level) is True
    assert suspected(spread_out(200, 10, level), level=level) is False
    assert suspected(spread_out(200, 0, level), level=level) is False
    assert suspected(spread_out(29, 10, level), level=level) is None
    elsewhere = spread_out(200, 40, level) * 1.021
    assert suspected(elsewhere, level=level) is False


def test_chasing_at_the_very_bounds():
    for bound in (0.98, 1.02):
        assert suspected(spread_out(100, 30, bound), level=1.0) is True


def test_where_all_ratios_are_one_chasing_can_neither_be_told_nor_denied():
    assert suspected(np.full(50, 1.0), level=1.0) is None
    price = np.random.default_rng(0).uniform(1e5, 2e5, 50)
    value = price * np.linspace(1, 1 + 1e-13, 50)
    assert np.ptp(value / price) > 0
    assert chasing_suspected(Ratios.of(value, price), level=1.0).item() is None


def test_no_figure_has_no_verdict():
    """An infinite one is none: it is told as null."""
    none, all_ = np.array([np.inf]), np.array([-np.inf])
    assert verdicts(Estimates(none, all_, none), np.array([0.9]), np.array([1.1])).tolist() == [None]


def test_chasing_is_said(ask, valued):
    ratios = spread_out(200, 40)
    answer = ask(STUDY, valued(np.abs(ratios) * 1e5, np.full(200, 1e5)), **QUICK)
    assert answer.rows["chasing_suspected"].to_list() == [True]
    assert "chasing_suspected" in [caution.code for caution in answer.warnings]
    assert math.isfinite(answer.summary["cod"])
