import hashlib
import io
import json
import math
from datetime import date

import polars as pl
import pytest

from terrafusion.analysis.api import Answer, Caution
from terrafusion.analysis.document import SCHEMA_VERSION, VERSION_KEY, all_trends, render

TABLE = pl.DataFrame({"group": ["a", "b"], "day": [date(2014, 5, 1), None], "price": [math.nan, math.inf]})


def test_the_document_is_json_without_nan_or_infinity():
    answer = Answer(summary={"a": math.nan, "b": [1.5, -math.inf, {"c": math.nan}], "d": "x"}, trends=TABLE, rows=TABLE)
    document = render(answer).document
    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "result_summary": {"a": None, "b": [1.5, None, {"c": None}], "d": "x"},
        "data_quality": {},
        "warnings": [],
        "trends": [{"group": "a", "day": "2014-05-01", "price": None}, {"group": "b", "day": None, "price": None}],
        "rows": document["trends"],
        "pictures": {},
    }


def test_at_most_a_thousand_rows_are_inline_and_ten_thousand_points():
    many = pl.DataFrame({"group": range(1_500)})
    document = render(Answer(summary={}, trends=many, rows=many)).document
    assert (len(document["rows"]), len(document["trends"])) == (1_000, 1_500)
    assert (document["result_summary"], document["warnings"]) == ({}, [])


def points(*groups, size):
    """Make as many points of each group, and sell as many homes of it, as told."""
    return pl.DataFrame(
        {
            "group": [name for name, _ in groups for _ in range(size)],
            "period": [f"{place:05d}" for _ in groups for place in range(size)],
            "sales_volume": [sales for _, sales in groups for _ in range(size)],
        }
    )


def test_of_more_points_those_of_the_groups_with_the_most_sales_are_inline():
    trends = points(("a", 1), ("b", 3), ("c", 3), ("d", 2), size=4_000)
    rendered = render(Answer(summary={"n": 1}, warnings=[Caution("x", "y")], trends=trends, table=trends))
    document = rendered.document
    assert document["trends"] == trends.filter(pl.col("group").is_in(["b", "c"])).to_dicts()
    assert document["result_summary"] == {"n": 1, "trends_total": 16_000}
    assert [warning["code"] for warning in document["warnings"]] == ["x", "trends_cut"]
    assert "holds 8,000 of 16,000 points" in document["warnings"][1]["message"]
    assert all_trends(rendered.parquet, document) == trends.to_dicts()


@pytest.mark.parametrize(
    "trends",
    [points(("a", 1), ("b", 2), size=10_001), points(("a", 1), size=10_001), pl.DataFrame({"n": range(10_001)})],
)
def test_of_a_group_that_has_no_room_at_all_the_first_points_are_inline(trends):
    document = render(Answer(summary={}, trends=trends)).document
    assert len(document["trends"]) == 10_000
    assert document["result_summary"] == {"trends_total": trends.height}


def test_the_file_is_the_table_with_its_schema_version():
    rendered = render(Answer(summary={}, table=TABLE))
    assert pl.read_parquet(io.BytesIO(rendered.parquet)).equals(TABLE)
    assert pl.read_parquet_metadata(io.BytesIO(rendered.parquet))[VERSION_KEY] == SCHEMA_VERSION
    assert rendered.sha256 == hashlib.sha256(rendered.parquet).hexdigest()
    chunked = pl.concat([TABLE[:1], TABLE[1:]], rechunk=False)
    assert render(Answer(summary={}, table=chunked)).parquet == rendered.parquet


def test_without_a_table_there_is_no_file():
    rendered = render(Answer(summary={}, warnings=[Caution("code", "A sentence")]))
    assert (rendered.parquet, rendered.sha256) == (None, None)
    assert rendered.document["warnings"] == [{"code": "code", "message": "A sentence"}]
