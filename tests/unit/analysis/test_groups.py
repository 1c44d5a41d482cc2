import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis.groups import as_enum, coded, in_order, ranks

CODES = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**40)), max_size=60)


@given(CODES)
def test_codes_of_any_size_are_sorted_and_equal_ones_stay_as_they_stand(codes):
    given_ = np.array(codes, dtype=np.int64)
    assert in_order(given_).tolist() == np.argsort(given_, kind="stable").tolist()


@pytest.mark.parametrize("largest", [2**16 - 1, 2**16, 2**32])
def test_the_borders_of_the_radix(largest):
    codes = np.array([largest, 0, largest - 1, 1, largest])
    assert in_order(codes).tolist() == [1, 3, 2, 0, 4]


@given(st.lists(st.one_of(st.integers(-5, 5), st.integers(-(2**60), 2**60)), max_size=60))
def test_ranks_count_the_distinct_values_below(values):
    assert ranks(np.array(values, dtype=np.int64)).tolist() == [len({v for v in values if v < own}) for own in values]


@given(st.lists(st.tuples(st.sampled_from(["b", "", "a|b", "é", "aa", None]), st.booleans()), max_size=30))
def test_names_are_coded_in_their_order_whether_texts_or_an_enum_of_more_of_them(names):
    told = pl.Series("name", [name for name, _ in names], dtype=pl.String)
    some = pl.Series([kept for _, kept in names], dtype=pl.Boolean)
    used = [name for name, kept in names if kept]
    labels = sorted({name for name in used if name is not None}, key=str.encode)
    for filtered in (told.filter(some), as_enum(told).filter(some)):
        code, named = coded(filtered)
        assert named.to_list() == labels
        assert code.to_list() == [None if name is None else labels.index(name) for name in used]
        assert (code.dtype, named.dtype, code.name, named.name) == (pl.Int32, pl.String, "name", "name")
