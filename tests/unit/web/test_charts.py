from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrafusion.web.charts.bars import Bar, Histogram, Part, Step, bars, histogram, waterfall
from terrafusion.web.charts.lines import Strip, over_time, rebased, series_of
from terrafusion.web.charts.map import Area, map_of, outlines, shades
from terrafusion.web.charts.points import Estimate, Look, forest, upright
from terrafusion.web.charts.room import A_LETTER
from terrafusion.web.charts.scale import exact, log_marks, nice_marks, plain, short_dollars
from terrafusion.web.charts.shapes import Box, Dot, Label, Path, Rule
from terrafusion.web.results.trend import strips

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)


def months(medians, **columns):
    rows = []
    for n, median in enumerate(medians):
        row = {"period": f"2014-{n + 1:02}", "period_start": f"2014-{n + 1:02}-01", "median_price": median}
        rows.append(row | {name: values[n] for name, values in columns.items()})
    return rows


def price_chart(rows):
    return over_time("Prices", strips(rows))


def of(drawing, kind):
    return [shape for shape in drawing.shapes if shape.kind == kind]


def numbers(path):
    return [float(text) for text in re.findall(r"-?[\d.]+", path)]


def panels(drawing):
    return [label.text for label in of(drawing, "panel")]


def periods(drawing):
    return [label.text for label in of(drawing, "middle")]


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


@given(st.floats(1e-6, 1e9), st.floats(1.0, 1e6))
def test_marks_of_a_logarithmic_axis_cover_it(low, times):
    marks = log_marks(low, low * times)
    assert marks[0] <= low
    assert marks[-1] >= low * times
    assert all(right > left for left, right in pairwise(marks))


def test_a_logarithmic_axis_gives_equal_room_to_equal_ratios():
    axis = exact(1, 100, 0, 200, plain, logs=True).axis
    assert [axis(1), axis(10), axis(100)] == [0, 100, 200]


@pytest.mark.parametrize(
    ("value", "text"),
    [(950, "$950"), (9_500, "$9,500"), (450_000, "$450k"), (1_250_000, "$1.25m"), (3e9, "$3bn"), (-20_000, "-$20k")],
)
def test_dollars_on_an_axis_are_short(value, text):
    assert short_dollars(value) == text


def test_too_few_prices_are_no_chart():
    assert price_chart([]) is None
    assert price_chart(months([1.0])) is None
    assert price_chart(months([None, None, 5.0])) is None
    assert price_chart([{"median_price": 1.0}, {"median_price": 2.0}]) is None


def test_a_number_without_end_is_not_drawn():
    assert price_chart(months([1.0, 2.0, 1.5e308, -math.inf, 10**400])) == price_chart(
        months([1.0, 2.0, None, None, None])
    )


def test_a_line_rises_with_its_values_and_goes_on_in_time():
    drawing = price_chart(months([100_000.0, 200_000.0, 300_000.0]))
    drawn = numbers(of(drawing, "line raw")[0].d)
    assert drawn[::2] == sorted(drawn[::2])
    assert drawn[1::2] == sorted(drawn[1::2], reverse=True)
    assert periods(drawing) == ["2014-01", "2014-02", "2014-03"]


def test_points_may_come_in_any_order():
    rows = months([1.0, 5.0, 3.0, 4.0])
    assert price_chart(rows[::-1]) == price_chart(rows)


def test_a_suppressed_period_breaks_the_line():
    assert of(price_chart(months([1.0, 2.0, None, 3.0, 4.0])), "line raw")[0].d.count("M") == 2


def test_a_period_that_is_left_out_breaks_it_too():
    rows = months([1.0, 2.0, 2.0, 3.0, 4.0])
    ends = {"01": "2014-01-31", "02": "2014-02-28", "03": "2014-03-31", "04": "2014-04-30"}
    for row in rows:
        row["period_end"] = ends.get(row["period"][-2:], "2014-05-31")
    assert of(price_chart(rows), "line raw")[0].d.count("M") == 1
    del rows[2]
    drawing = price_chart(rows)
    assert of(drawing, "line raw")[0].d.count("M") == 2
    assert "" not in periods(drawing)


def test_a_lonely_value_is_a_dot():
    drawing = price_chart(months([1.0, None, 2.0]))
    assert of(drawing, "line raw") == []
    assert len(of(drawing, "dot raw")) == 2


def test_an_unfinished_period_is_marked():
    drawing = price_chart(months([1.0, 2.0], partial=[False, True]))
    assert [len(of(drawing, kind)) for kind in ("dot raw", "dot raw partial")] == [1, 1]


def test_what_a_point_stands_for_is_told_with_its_interval():
    drawing = price_chart(months([5.0, 6.0], median_ci_low=[4.0, 5.0], median_ci_high=[7.0, 8.0]))
    assert of(drawing, "dot raw")[0].text == "2014-01: $5 ($4 to $7)"


def test_the_band_lies_around_the_line():
    drawing = price_chart(months([5.0, 6.0], median_ci_low=[4.5, 5.5], median_ci_high=[5.5, 6.5]))
    x1, high1, x2, high2, x3, low2, x4, low1 = numbers(of(drawing, "band raw")[0].d)
    y1, y2 = numbers(of(drawing, "line raw")[0].d)[1::2]
    assert (x1, x2) == (x4, x3)
    assert high1 < y1 < low1
    assert high2 < y2 < low2


def test_a_band_with_one_end_is_not_drawn():
    drawing = price_chart(months([5.0, 6.0], median_ci_low=[4.0, 5.0], median_ci_high=[None, None]))
    assert of(drawing, "band raw") == []


def test_one_absurd_interval_does_not_flatten_the_line():
    wide = months([5.0, 6.0, 7.0], median_ci_low=[4.0, 5.0, 6.0], median_ci_high=[6.0, 7.0, 7000.0])
    drawn = numbers(of(price_chart(wide), "line raw")[0].d)[1::2]
    assert drawn[0] - drawn[-1] > 30


def test_the_index_has_a_panel_where_there_is_one():
    without = price_chart(months([5.0, 6.0]))
    drawing = price_chart(months([5.0, 6.0], index=[100.0, 110.0]))
    assert len(panels(drawing)) == len(panels(without)) + 1
    assert {key.text for key in drawing.legend} >= {"Raw median price", "Constant-quality index"}
    assert drawing.height > without.height


def test_the_raw_median_meets_the_index_where_both_begin():
    assert rebased([None, 200.0, 300.0, None], [100.0, 110.0, 120.0, 130.0]) == [None, 110.0, 165.0, None]
    assert rebased([1.0, None], [None, 2.0]) == [None, None]


def test_volumes_are_bars_from_the_floor():
    drawing = price_chart(months([5.0, 6.0, 7.0], sales_volume=[10, 20, 0]))
    first, second = of(drawing, "column soft")
    assert first.y + first.height == pytest.approx(second.y + second.height, abs=0.2)
    assert second.height == pytest.approx(2 * first.height, abs=0.3)


def test_a_long_time_is_marked_by_years():
    rows = [
        {"period": f"{year}-{month:02}", "period_start": f"{year}-{month:02}-01", "median_price": 1.0 + month}
        for year in range(2010, 2017)
        for month in range(1, 13)
    ]
    assert periods(price_chart(rows)) == [str(year) for year in range(2010, 2017)]


def test_many_lines_are_told_apart_and_named():
    rows = months([1.0, 2.0], a=[1, 2], b=[2, 3], c=[3, 4])
    lines = [series_of(rows, name, kind=f"c{n}", says=name) for n, name in enumerate("abc")]
    drawing = over_time("Lines", [Strip(title="t", series=lines)])
    assert [(key.kind, key.text) for key in drawing.legend] == [("line c0", "a"), ("line c1", "b"), ("line c2", "c")]
    assert [shape.text for shape in drawing.shapes if isinstance(shape, Path)] == ["a", "b", "c"]


values = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.text(max_size=3) | st.booleans()


def inside(drawing):
    for shape in drawing.shapes:
        if isinstance(shape, Path):
            drawn = numbers(shape.d)
            assert all(math.isfinite(value) for value in drawn)
            yield from zip(drawn[::2], drawn[1::2], strict=True)
        elif isinstance(shape, Box):
            assert min(shape.width, shape.height) >= 0
            yield from [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
        elif isinstance(shape, Rule):
            yield from [(shape.x1, shape.y1), (shape.x2, shape.y2)]
        else:
            yield shape.x, shape.y


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
@settings(max_examples=30)
def test_whatever_the_rows_hold_everything_drawn_is_inside(rows):
    drawing = price_chart(rows)
    for room in [] if drawing is None else (drawing, drawing.narrow):
        for x, y in inside(room):
            assert 0 <= x <= room.width
            assert 0 <= y <= room.height


@given(st.lists(st.builds(Estimate, name=st.text(max_size=5), value=st.none() | NUMBERS, low=st.none() | NUMBERS, high=st.none() | NUMBERS, beside=st.none() | NUMBERS), max_size=5))  # fmt: skip
@settings(max_examples=30)
def test_estimates_lie_inside_too(rows):
    look = Look(zone=(-1.0, 1.0))
    drawn = [one for one in (forest("Estimates", rows, look), upright("Estimates", rows, look)) if one]
    for drawing in [*drawn, *(one.narrow for one in drawn)]:
        for x, y in inside(drawing):
            assert -1 <= x <= drawing.width + 1
            assert -1 <= y <= drawing.height


@given(NUMBERS, NUMBERS)
def test_no_mark_of_a_narrow_chart_runs_into_another_or_over_an_edge(one, other):
    drawing = forest("Estimates", [Estimate(name="a", value=one), Estimate(name="b", value=other)], Look()).narrow
    reach = [
        (mark.x - A_LETTER * len(mark.text) / 2, mark.x + A_LETTER * len(mark.text) / 2)
        for mark in of(drawing, "middle")
    ]
    assert all(left >= -0.1 and right <= drawing.width + 0.1 for left, right in reach)
    assert all(right < left for (_, right), (left, _) in pairwise(reach))


def test_where_it_is_narrow_names_stand_above_their_lines_and_headings_have_two():
    rows = [Estimate(name="hedonic time dummy, of all sales", value=2.0), Estimate(name="bmn", value=1.0)]
    narrow = forest("Methods", rows, Look()).narrow
    assert [name.text for name in of(narrow, "start")] == [row.name for row in rows]
    assert [name.y < dot.y for name, dot in zip(of(narrow, "start"), of(narrow, "dot c0"), strict=True)] == [True, True]
    heading = "Constant-quality index beside the raw median"
    strip = Strip(title=heading, series=price_series())
    drawing = over_time("Prices", [strip])
    assert panels(drawing) == [heading]
    assert " ".join(reversed(panels(drawing.narrow))) == heading


def price_series():
    return [series_of(months([1.0, 2.0, 3.0]), "median_price", kind="raw", says="Raw")]


def test_an_estimate_lies_in_its_interval_and_says_so():
    drawing = forest(
        "Levels", [Estimate(name="98103", value=0.9, low=0.8, high=1.1, beside=1.0)], Look(zone=(0.9, 1.1))
    )
    whisker, dot = of(drawing, "whisker c0")[0], of(drawing, "dot c0")[0]
    assert whisker.x1 < dot.x < whisker.x2
    assert dot.text == "98103: 0.9 (0.8 to 1.1)"
    assert of(drawing, "zone ok")[0].x == dot.x


def test_no_estimate_is_no_picture():
    assert forest("None", [Estimate(name="a", value=None, low=1, high=2)], Look()) is None
    assert upright("None", [], Look()) is None


def test_a_histogram_has_a_bar_for_each_bin_that_holds_something():
    drawing = histogram(
        "Ratios", Histogram(edges=[0.0, 1.0, 2.0, 3.0], counts=[4, 0, 8], zone=(0.5, 9.0), zone_says="ok")
    )
    first, second = of(drawing, "column c0")
    assert second.height == pytest.approx(2 * first.height, abs=0.3)
    assert first.text == "0 to 1: 4 sales"
    zone = of(drawing, "zone ok")[0]
    assert zone.x + zone.width == pytest.approx(second.x + second.width, abs=1)


@pytest.mark.parametrize(("edges", "counts"), [([], []), ([0.0, 1.0], [0]), ([0.0, 1.0], [1, 2]), ([1.0, 1.0], [3])])
def test_nothing_to_count_is_no_histogram(edges, counts):
    assert histogram("None", Histogram(edges=edges, counts=counts)) is None


def test_parts_of_a_bar_lie_one_after_another():
    drawing = bars("Months", [Bar("98103", [Part("few", 3.0), Part("none", 1.0)], "3 of 4"), Bar("98105", [])])
    few, none = of(drawing, "bar few")[0], of(drawing, "bar none")[0]
    assert few.x + few.width == pytest.approx(none.x)
    assert few.width == pytest.approx(3 * none.width, abs=0.3)
    assert bars("Nothing", [Bar("98105", [])]) is None


def test_steps_of_a_waterfall_end_at_the_total():
    steps = [Step("Base", 100.0, "100"), Step("Size", 30.0, "+30"), Step("Age", -50.0, "-50")]
    drawing = waterfall("Value", steps, words=plain, span=(70.0, 90.0))
    base, size = of(drawing, "bar up")
    (age,) = of(drawing, "bar down")
    assert size.x == pytest.approx(base.x + base.width)
    total = numbers(of(drawing, "arrow")[0].d)[0]
    assert age.x == pytest.approx(total, abs=0.2)
    zone = of(drawing, "zone c0")[0]
    assert zone.x < total < zone.x + zone.width
    assert waterfall("Nothing", [], words=plain) is None


CELLS = st.sets(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=25)


@given(CELLS)
@settings(max_examples=40)
def test_a_border_closes_around_the_area_of_its_cells(cells):
    doubled = sum(x1 * y2 - x2 * y1 for ring in outlines(cells) for (x1, y1), (x2, y2) in pairwise([*ring, ring[0]]))
    assert doubled == 12 * len(cells)  # a hexagon's is 6 of half a width by half a side


@given(CELLS)
@settings(max_examples=40)
def test_neighbours_share_no_border(cells):
    sides = [side for ring in outlines(cells) for side in pairwise([*ring, ring[0]])]
    assert len(sides) == len(set(sides))
    assert not {(end, start) for start, end in sides} & set(sides)


def test_north_is_up_and_east_is_right():
    drawing = map_of(
        "Map", [Area("south", [(0, 0)], "s1", ""), Area("north", [(0, 3)], "s2", ""), Area("east", [(3, 0)], "s3", "")]
    )
    middle = {shape.kind: numbers(shape.d) for shape in drawing.shapes}
    x, y = ({kind: sum(drawn[at::2]) / 6 for kind, drawn in middle.items()} for at in (0, 1))
    assert y["area s2"] < y["area s1"]
    assert x["area s3"] > x["area s1"]
    assert map_of("Nothing", []) is None


def test_shades_hold_as_many_each_and_follow_the_values():
    shade = shades({f"z{n}": float(n) for n in range(10)})
    assert [shade[f"z{n}"] for n in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_equal_values_have_one_shade():
    assert shades({"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.5, "e": 0.5}) == {"a": 1, "b": 1, "c": 1, "d": 4, "e": 4}


def test_names_are_written_where_there_is_room():
    large = [(column, row) for column in range(3) for row in range(3)]
    drawing = map_of("Map", [Area("98103", large, "s1", ""), Area("98105", [(9, 9)], "s2", "")])
    assert [shape.text for shape in drawing.shapes if isinstance(shape, Label)] == ["98103"]
    assert not [shape for shape in drawing.shapes if isinstance(shape, Dot)]
