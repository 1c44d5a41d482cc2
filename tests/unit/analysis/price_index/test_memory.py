"""What an index of many groups holds at a time."""

import tracemalloc
from datetime import date, timedelta

import pytest


@pytest.fixture
def town(sales):
    """As many areas as asked for, in each of which 80 homes sell twice within ten years."""

    def make(areas):
        days = [
            date(2005, 1, 3) + timedelta(days=45 * home + 7 * 40 * again) for again in range(2) for home in range(80)
        ]
        return sales(
            sale_date=days * areas,
            zip_code=[f"{98_000 + area}" for area in range(areas) for _ in days],
            parcel_number=[f"{area} {number % 80}" for area in range(areas) for number in range(160)],
            sale_price=[200_000.0 + 1_000 * (number % 37) for _ in range(areas) for number in range(160)],
        )

    return make


@pytest.mark.parametrize("method", ["bmn", "stratified_median"])
def test_the_matrices_of_one_group_are_let_go_before_the_next(ask, town, method):
    peaks = []
    for areas in (2, 12):
        given = town(areas)
        tracemalloc.start()
        rows = ask("price_index", given, method=method, group_by="zip_code", period="week").rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    matrix = 8 * (rows.height // 12) ** 2
    assert matrix > 2e6
    assert peaks[1] - peaks[0] < 5 * matrix
