from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrafusion.analysis.places import area_column, map_of


def sales(*places):
    schema = {"zip_code": pl.String, "latitude": pl.Float64, "longitude": pl.Float64}
    return pl.DataFrame(list(places), schema, orient="row").lazy()


def centre(drawn, cell):
    """Return where a cell lies, by its column and row."""
    column, row = cell
    east, north = (column + row / 2) * math.sqrt(3) * drawn["cell_km"], 1.5 * row * drawn["cell_km"]
    latitude = drawn["latitude"] + north / 111.195
    return latitude, drawn["longitude"] + east / 111.195 / math.cos(math.radians(drawn["latitude"]))


POINTS = st.lists(
    st.tuples(st.sampled_from(["98101", "98102", "98103"]), st.floats(47.4, 47.8), st.floats(-122.5, -122.1)),
    min_size=1,
    max_size=60,
)


@given(POINTS)
@settings(max_examples=40, deadline=None)
def test_every_cell_is_where_sales_of_its_area_are(points):
    drawn = map_of(sales(*points), "zip_code")
    reach = drawn["cell_km"] * 1.001 + 1e-6
    for area, cells in drawn["areas"].items():
        for column, row, _ in cells:
            latitude, longitude = centre(drawn, (column, row))
            apart = [
                math.hypot(
                    (one[1] - latitude) * 111.195, (one[2] - longitude) * 111.195 * math.cos(math.radians(latitude))
                )
                for one in points
                if one[0] == area
            ]
            assert min(apart) <= reach
    assert sum(n for cells in drawn["areas"].values() for _, _, n in cells) <= len(points)


@given(POINTS, st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_sales_does_not_show(points, random):
    shuffled = points[:]
    random.shuffle(shuffled)
    assert map_of(sales(*shuffled), "zip_code") == map_of(sales(*points), "zip_code")


def test_a_cell_is_of_the_area_with_the_most_sales_there():
    drawn = map_of(sales(("a", 47.5, -122.3), ("b", 47.5, -122.3), ("b", 47.5, -122.3)), "zip_code")
    assert drawn["areas"] == {"b": [[0, 0, 3]]}


def test_what_has_no_coordinates_or_absurd_ones_is_left_out():
    near = [("a", 47.5 + n / 1000, -122.3) for n in range(40)]
    drawn = map_of(sales(*near, ("a", 0.0, 0.0), ("a", None, -122.3), ("a", 4.76, -122.3)), "zip_code")
    assert 47.4 < drawn["latitude"] < 47.6
    assert sum(n for _, _, n in drawn["areas"]["a"]) == 40


def test_no_coordinates_are_no_map():
    assert map_of(sales(("a", None, None)), "zip_code") is None
    assert map_of(sales(), "zip_code") is None


@pytest.mark.parametrize(
    ("summary", "column"),
    [
        ({"group_by": "zip_code"}, "zip_code"),
        ({"group_by": "neighborhood"}, "neighborhood"),
        ({"unit": "zip"}, "zip_code"),
        ({"group_by": "zip_code|sale_year"}, None),
        ({"group_by": "county"}, None),
        ({}, None),
    ],
)
def test_figures_by_area_alone_have_a_map(summary, column):
    assert area_column(summary) == column
