import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis.comps.homes import EARTH_KM, Homes, Places, haversine_km

DEGREES = st.floats(-80, 80)


def test_a_published_distance():
    """Nashville to Los Angeles airport is 2887.26 km on a sphere of 6372.8 km (Rosetta Code, Haversine formula)."""
    found = haversine_km(*map(np.array, (36.12, -86.67, 33.94, -118.40)))
    assert found == pytest.approx(2887.2599506071 * EARTH_KM / 6372.8, rel=1e-12)


def test_a_degree_of_latitude_and_the_half_circle():
    assert haversine_km(*map(np.array, (10.0, 5.0, 11.0, 5.0))) == pytest.approx(np.pi * EARTH_KM / 180)
    assert haversine_km(*map(np.array, (0.0, 0.0, 0.0, 180.0))) == pytest.approx(np.pi * EARTH_KM)
    assert haversine_km(*map(np.array, (47.0, -122.0, 47.0, -122.0))) == 0


@given(DEGREES, DEGREES, DEGREES, DEGREES)
def test_distance_by_the_chord(a, b, c, d):
    """The oracle goes through space: twice the radius times the arc sine of half the chord."""
    points = np.radians([(a, b), (c, d)])
    space = [np.array([np.cos(p) * np.cos(q), np.cos(p) * np.sin(q), np.sin(p)]) for p, q in points]
    chord = np.linalg.norm(space[0] - space[1])
    expected = 2 * EARTH_KM * np.arcsin(min(chord / 2, 1))
    assert haversine_km(*map(np.array, (a, b, c, d))) == pytest.approx(expected, abs=1e-4)


def test_the_map_errs_by_less_than_a_hundredth_within_a_county(town):
    homes = Homes.of(town)
    places, known = Places.of(homes).put(homes)
    assert known.all()
    rows = np.random.default_rng(0).integers(0, len(homes), (2, 500))
    flat = np.hypot(*(places[rows[0]] - places[rows[1]]).T)
    round_ = haversine_km(*(at[row] for row in rows for at in (homes.latitude, homes.longitude)))
    np.testing.assert_allclose(flat, round_, rtol=0.01, atol=1e-6)


def test_homes_without_coordinates_lie_in_the_middle_of_their_area(town):
    lacking = town.with_columns(
        latitude=pl.when(pl.int_range(pl.len()) % 3 > 0).then("latitude"),
        neighborhood=pl.when(pl.int_range(pl.len()) % 6 == 0).then(pl.lit("north")),
    )
    strange = lacking.with_columns(
        latitude=pl.when(pl.int_range(pl.len()) == 1).then(0.0).otherwise("latitude"),
        longitude=pl.when(pl.int_range(pl.len()) == 1).then(0.0).otherwise("longitude"),
    )
    homes = Homes.of(strange)
    map_ = Places.of(homes)
    places, known = map_.put(homes)
    assert known.sum() == town.height * 2 // 3 - 1
    assert np.isfinite(places).all()
    zips, place = town["zip_code"].to_numpy(), places[3]
    inside = (zips == zips[3]) & known
    middle = np.median(homes.latitude[inside]), np.median(homes.longitude[inside])
    back = haversine_km(np.array(middle[0]), np.array(middle[1]), np.array(map_.latitude), np.array(map_.longitude))
    assert np.hypot(*place) == pytest.approx(float(back), rel=0.01)
    nowhere = Homes.of(strange.head(4).with_columns(zip_code=pl.lit("00000"), neighborhood=None))
    assert np.isnan(map_.put(nowhere)[0][[0, 1, 3]]).all()


def test_without_any_coordinates_each_area_is_a_point_far_from_the_others(town):
    homes = Homes.of(town.with_columns(latitude=None, longitude=None))
    places, known = Places.of(homes).put(homes)
    assert not known.any()
    zips = town["zip_code"].to_numpy()
    assert len(np.unique(places[:, 0])) == town["zip_code"].n_unique()
    assert (places[zips == zips[0]] == places[0]).all()
    apart = np.diff(np.unique(places[:, 0]))
    assert apart.min() > 1_000
