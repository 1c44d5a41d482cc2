import hashlib
import io
import json
import math
from datetime import date

import polars as pl

from terrafusion.analysis.api import Answer, Caution
from terrafusion.analysis.document import SCHEMA_VERSION, VERSION_KEY, render

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
    }


def test_at_most_a_thousand_rows_are_inline_and_all_trends():
    many = pl.DataFrame({"group": range(1_500)})
    document = render(Answer(summary={}, trends=many, rows=many)).document
    assert (len(document["rows"]), len(document["trends"])) == (1_000, 1_500)


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
