"""Which homes are like: told by hand, and counted out one by one."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrafusion.analysis.equity.clusters import clustered, ladder
from terrafusion.analysis.equity.parameters import EquityParameters

RULES = EquityParameters(min_cluster=6)


def homes(*kinds):
    """Make homes of kinds, each (how many, neighborhood, ZIP, type, size, year)."""
    names = ("neighborhood", "zip_code", "property_type", "building_size_sqft", "year_built")
    kinds_of = {"building_size_sqft": pl.Float64, "year_built": pl.Int32}
    rows = [dict(zip(names, kind, strict=True)) for count, *kind in kinds for _ in range(count)]
    return pl.DataFrame(rows, schema={name: kinds_of.get(name, pl.String) for name in names})


def counted(found):
    return dict(Counter(found["cluster"].to_list()))


def test_what_is_too_few_is_pooled_upward_and_then_left_out():
    given_ = homes(
        (6, "a", "43601", "house", 1200.0, 1950),
        (4, "a", "43601", "house", 1700.0, 1950),
        (3, "b", "43601", "house", 1700.0, 1955),
        (2, "b", "43601", "house", 1300.0, 1920),
        (4, "b", "43601", "house", 1300.0, 1980),
        (5, "b", "43601", "house", 5000.0, 1950),
        (1, "b", "43601", "house", None, 1950),
        (1, "b", "43601", "house", 0.0, 1950),
    )
    found = clustered(given_, ladder(given_), RULES)
    assert counted(found) == {
        "neighborhood a, house, 1000 to 1500 sqft, built 1940 to 1959": 6,
        "ZIP 43601, house, 1500 to 2000 sqft, built 1940 to 1959": 7,
        "ZIP 43601, house, 1000 to 1500 sqft": 6,
        None: 7,
    }
    assert found["sized"].sum() == given_.height - 2
    assert set(found.filter(pl.col("cluster").is_null())["cluster_level"]) == {None}
    assert "zip_code|property_type|building_size_sqft" in found["cluster_level"].to_list()


def test_a_size_on_a_bound_is_in_the_upper_band():
    given_ = homes(*((6, "a", "43601", "house", size, 1950) for size in (999.0, 1000.0, 3999.0, 4000.0)))
    sizes = [name.split(", ")[2] for name in clustered(given_, ladder(given_), RULES)["cluster"].unique().sort()]
    assert sizes == ["1000 to 1500 sqft", "3000 to 4000 sqft", "4000 sqft or more", "below 1000 sqft"]


@pytest.mark.parametrize(
    ("missing", "levels"),
    [
        ((), ["nztsy", "ztsy", "zts"]),
        (("neighborhood",), ["ztsy", "zts"]),
        (("zip_code",), ["ntsy", "nts"]),
        (("neighborhood", "zip_code", "property_type"), ["sy", "s"]),
        (("year_built",), ["nts", "zts"]),
        (("building_size_sqft",), []),
    ],
)
def test_what_most_sales_lack_tells_nothing_apart(missing, levels):
    full = homes((10, "a", "43601", "house", 1200.0, 1950))
    bare = full.with_columns(pl.lit(None, full.schema[name]).alias(name) for name in missing)
    letter = dict(zip(full.columns, "nztsy", strict=True))
    told = ["".join(letter[name] for name in level) for level in ladder(bare)]
    assert told == [level.replace("nz", "n") for level in levels]


KIND = st.tuples(
    st.integers(1, 9),
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["43601", "43602"]),
    st.sampled_from(["house", "flat"]),
    st.sampled_from([900.0, 1200.0, 1499.0, None]),
    st.sampled_from([1950, 1965, None]),
)
LEVELS = [
    ("neighborhood", "property_type", "building_size_sqft", "year_built"),
    ("zip_code", "property_type", "building_size_sqft", "year_built"),
    ("zip_code", "property_type", "building_size_sqft"),
]


def _one_by_one(rows):
    """Pool homes by hand: a dictionary a level."""
    place = [None] * len(rows)
    for level in LEVELS:
        cells = {}
        for number, row in enumerate(rows):
            size, year = row["building_size_sqft"], row["year_built"]
            bands = {**row, "building_size_sqft": size and size >= 1000, "year_built": year and year // 20}
            key = tuple(bands[name] for name in level)
            if place[number] is None and size is not None and None not in key:
                cells.setdefault(key, []).append(number)
        for key, inside in cells.items():
            if len(inside) >= 6:
                for number in inside:
                    place[number] = (level, key)
    return place


@settings(max_examples=40, deadline=None)
@given(st.lists(KIND, min_size=1, max_size=15))
def test_clusters_are_those_of_a_count_by_hand(kinds):
    given_ = homes(*kinds)
    expected = _one_by_one(given_.to_dicts())
    found = clustered(given_, LEVELS, RULES)
    together = dict(zip(expected, found["cluster"], strict=True))
    assert [together[place] for place in expected] == found["cluster"].to_list()
    assert len(set(together.values())) == len(together)
    assert (together.get(None), *(found["cluster_level"].is_null() != found["cluster"].is_null())).count(True) == 0
