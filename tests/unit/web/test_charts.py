from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.web.charts import WIDTH, nice_marks, price_chart, rebased

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)


def months(medians, **columns):
    rows = []
    for n, median in enumerate(medians):
        row = {"period": f"2014-{n + 1:02}", "period_start": f"2014-{n + 1:02}-01", "median_price": median}
        rows.append(row | {name: values[n] for name, values in columns.items()})
    return rows


def numbers(path):
    return [float(text) for text in re.findall(r"-?[\d.]+", path)]


@given(NUMBERS, NUMBERS)
def test_marks_cover_the_values_and_are_evenly_spaced(one, other):
    low, high = sorted((one, other))
    marks = nice_marks(low, high)
    assert 2 <= len(marks) <= 8
    assert marks[0] <= low + 1e-6 * abs(low) + 1e-9
    assert marks[-1] >= high - 1e-6 * abs(high) - 1e-9
    steps = [right - left for left, right in pairwise(marks)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 60, [0, 20, 40, 60]),
        (412, 688, [400, 500, 600, 700]),
        (98.8, 101.2, [98.5, 99, 99.5, 100, 100.5, 101, 101.5]),
    ],
)
def test_marks_are_round(low, high, marks):
    assert nice_marks(low, high) == pytest.approx(marks)


def test_too_few_prices_are_no_chart():
    assert price_chart([]) is None
    assert price_chart(months([1.0])) is None
    assert price_chart(months([None, None, 5.0])) is None
    assert price_chart([{"median_price": 1.0}, {"median_price": 2.0}]) is None


def test_a_line_rises_with_its_values_and_goes_on_in_time():
    chart = price_chart(months([100_000.0, 200_000.0, 300_000.0]))
    xs, ys = numbers(chart.panels[0].lines[0].path)[::2], numbers(chart.panels[0].lines[0].path)[1::2]
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)
    assert [tick.text for tick in chart.periods] == ["2014-01", "2014-02", "2014-03"]


def test_points_may_come_in_any_order():
    rows = months([1.0, 5.0, 3.0, 4.0])
    assert price_chart(rows[::-1]) == price_chart(rows)


def test_a_suppressed_period_breaks_the_line():
    chart = price_chart(months([1.0, 2.0, None, 3.0, 4.0]))
    assert chart.panels[0].lines[0].path.count("M") == 2


def test_a_period_that_is_left_out_breaks_it_too():
    rows = months([1.0, 2.0, 2.0, 3.0, 4.0])
    for row in rows:
        row["period_end"] = {"01": "2014-01-31", "02": "2014-02-28", "03": "2014-03-31", "04": "2014-04-30"}.get(
            row["period"][-2:], "2014-05-31"
        )
    assert price_chart(rows).panels[0].lines[0].path.count("M") == 1
    del rows[2]
    chart = price_chart(rows)
    assert chart.panels[0].lines[0].path.count("M") == 2
    assert "" not in [tick.text for tick in chart.periods]


def test_a_lonely_value_is_a_dot():
    chart = price_chart(months([1.0, None, 2.0]) * 1)
    assert chart.panels[0].lines[0].path == ""
    assert len(chart.panels[0].dots) == 2


def test_an_unfinished_period_is_marked():
    chart = price_chart(months([1.0, 2.0], partial=[False, True]))
    assert [dot.partial for dot in chart.panels[0].dots] == [False, True]


def test_the_band_lies_around_the_line():
    chart = price_chart(months([5.0, 6.0], median_ci_low=[4.0, 5.0], median_ci_high=[7.0, 8.0]))
    (band,) = chart.panels[0].bands
    x1, high1, x2, high2, x3, low2, x4, low1 = numbers(band)
    y1, y2 = numbers(chart.panels[0].lines[0].path)[1::2]
    assert (x1, x2) == (x4, x3)
    assert high1 < y1 < low1
    assert high2 < y2 < low2


def test_a_band_with_one_end_is_not_drawn():
    chart = price_chart(months([5.0, 6.0], median_ci_low=[4.0, 5.0], median_ci_high=[None, None]))
    assert chart.panels[0].bands == []


def test_the_index_has_a_panel_where_there_is_one():
    without = price_chart(months([5.0, 6.0]))
    chart = price_chart(months([5.0, 6.0], index=[100.0, 110.0]))
    assert not without.has_index
    assert chart.has_index
    assert [line.kind for line in chart.panels[1].lines] == ["raw", "index"]
    assert chart.height > without.height


def test_the_raw_median_meets_the_index_where_both_begin():
    assert rebased([None, 200.0, 300.0, None], [100.0, 110.0, 120.0, 130.0]) == [None, 110.0, 165.0, None]
    assert rebased([1.0, None], [None, 2.0]) == [None, None]


def test_volumes_are_bars_from_the_floor():
    chart = price_chart(months([5.0, 6.0, 7.0], sales_volume=[10, 20, 0]))
    panel = chart.panels[-1]
    first, second = panel.bars
    assert first.y + first.height == pytest.approx(panel.bottom, abs=0.2)
    assert second.height == pytest.approx(2 * first.height, abs=0.3)


def test_a_long_time_is_marked_by_years():
    rows = [
        {"period": f"{year}-{month:02}", "period_start": f"{year}-{month:02}-01", "median_price": 1.0 + month}
        for year in range(2010, 2017)
        for month in range(1, 13)
    ]
    assert [tick.text for tick in price_chart(rows).periods] == [str(year) for year in range(2010, 2017)]


values = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.text(max_size=3) | st.booleans()


@given(
    st.lists(
        st.fixed_dictionaries(
            {"period_start": st.dates().map(str) | st.text(max_size=4)},
            optional=dict.fromkeys(
                ("median_price", "median_ci_low", "median_ci_high", "index", "sales_volume"), values
            ),
        ),
        max_size=12,
    )
)
def test_whatever_the_rows_hold_everything_drawn_is_inside(rows):
    chart = price_chart(rows)
    if chart is None:
        return
    for panel in chart.panels:
        for line in panel.lines:
            drawn = numbers(line.path)
            assert all(math.isfinite(value) for value in drawn)
            assert all(0 <= x <= WIDTH for x in drawn[::2])
            assert all(panel.top - 1 <= y <= panel.bottom + 1 for y in drawn[1::2])
