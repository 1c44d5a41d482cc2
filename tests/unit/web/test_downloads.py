from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from terrafusion.errors import Unavailable
from terrafusion.ports.documents import ResultBytes
from terrafusion.web.results.tables import csv_of

TABLE = pl.DataFrame(
    {
        "parcel_number": ["0001", "=HYPERLINK(1)", None, '+1,"2"'],
        "price": [1.5, -2.0, None, 4.0],
        "day": pl.Series(["2014-05-01", None, None, None]).str.to_date(),
        "flags": [["a", "b"], [], None, ["@c"]],
        "parts": [{"size": 1.0, "note": "-x"}, {"size": None, "note": None}, None, {"size": 2.0, "note": "y"}],
        "sales": [[{"id": "s1", "km": 0.5}], [], None, [{"id": "s2", "km": None}, {"id": "s3", "km": 1.0}]],
    }
)
ROWS = [
    ["0001", "1.5", "2014-05-01", "a; b", "1.0", "'-x", '[{"id":"s1","km":0.5}]'],
    ["'=HYPERLINK(1)", "-2.0", "", "", "", "", "[]"],
    ["", "", "", "", "", "", ""],
    ['\'+1,"2"', "4.0", "", "'@c", "2.0", "y", '[{"id":"s2","km":null},{"id":"s3","km":1.0}]'],
]
HEADS = ["parcel_number", "price", "day", "flags", "parts.size", "parts.note", "sales"]
DOCUMENT = {"result_summary": {"key_finding": "Prices rose."}, "rows": [], "trends": []}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "result.parquet"
    TABLE.write_parquet(path)
    return path


@pytest.fixture
async def job(world, file):
    """A finished job with a file, the county of which has a name that a header could stumble over."""
    job_id = await world.accept(county_id='king/"wa"\r\n')
    await world.complete(job_id, DOCUMENT)
    world.documents.files[f"file:///results/{job_id}.parquet"] = file
    return f"/jobs/{job_id}"


def read(text):
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_file_as_csv_is_flat_and_no_text_is_a_formula(file, rows):
    assert read(b"".join(csv_of(file, rows=rows)).decode()) == [HEADS, *ROWS]


def test_a_file_without_rows_has_its_header(tmp_path):
    TABLE.clear().write_parquet(tmp_path / "empty.parquet")
    assert read(b"".join(csv_of(tmp_path / "empty.parquet")).decode()) == [HEADS]


def test_a_file_that_goes_away_is_told(file):
    parts = csv_of(file, rows=1)
    next(parts)
    file.unlink()
    with pytest.raises(Unavailable):
        list(parts)


async def test_the_csv_of_a_job(client, job):
    answer = await client.get(f"{job}/result.csv")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="king_wa_-price_trend_by_zip-{job[6:14]}.csv"'
    )
    assert read(await answer.text()) == [HEADS, *ROWS]


async def test_the_file_of_a_job_as_it_is(client, job, file):
    answer = await client.get(f"{job}/result.parquet")
    assert (answer.status, answer.content_type) == (200, "application/vnd.apache.parquet")
    assert answer.content_length == file.stat().st_size
    assert answer.headers["Content-Disposition"].endswith('.parquet"')
    assert await answer.read() == file.read_bytes()


async def test_the_document_of_a_job(client, job):
    answer = await client.get(f"{job}/result.json")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["Content-Disposition"].endswith('.json"')
    told = await answer.json()
    assert told["result_summary"] == DOCUMENT["result_summary"]
    assert told["result_data_location"].endswith(".parquet")


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
class TestRefusals:
    async def test_a_job_that_has_not_ended_has_no_result(self, client, world, ending):
        answer = await client.get(f"/jobs/{await world.accept()}/result.{ending}")
        assert answer.status == 404
        assert "has no result" in (await answer.json())["detail"]

    async def test_an_unknown_job(self, client, ending):
        answer = await client.get(f"/jobs/73ebf3aa-448f-43d6-b542-e49a4968f011/result.{ending}")
        assert answer.status == 404

    async def test_a_query_is_not_taken(self, client, job, ending):
        assert (await client.get(f"{job}/result.{ending}?rows=5")).status == 400

    async def test_503_while_the_store_is_away(self, client, world, job, ending):
        world.documents.away = True
        assert (await client.get(f"{job}/result.{ending}")).status == 503


@pytest.mark.parametrize("ending", ["csv", "parquet"])
async def test_a_result_without_a_file_says_where_all_is(client, world, ending):
    job_id = await world.accept()
    await world.complete(job_id, DOCUMENT, kept=False)
    answer = await client.get(f"/jobs/{job_id}/result.{ending}")
    assert answer.status == 404
    assert "its JSON holds all there is" in (await answer.json())["detail"]
    assert (await client.get(f"/jobs/{job_id}/result.json")).status == 200


async def test_a_store_that_goes_away_midway_ends_the_answer_without_its_end(client, world, job):
    async def broken():
        yield b"half"
        raise Unavailable("gone")

    async def stream(_location):
        return ResultBytes(100, broken())

    world.documents.stream = stream
    answer = await client.get(f"{job}/result.parquet")
    with pytest.raises(Exception, match=r"payload|not all|closed|reset"):
        await answer.read()


async def test_the_page_leads_to_what_there_is(client, world, job):
    text = await (await client.get(job, headers={"Accept": "text/html"})).text()
    assert all(f'href="{job}/result.{ending}"' in text for ending in ("csv", "parquet", "json"))
    assert f'href="{job}/print"' in text
    job_id = await world.accept()
    await world.complete(job_id, DOCUMENT, kept=False)
    bare = await (await client.get(f"/jobs/{job_id}", headers={"Accept": "text/html"})).text()
    assert "result.csv" not in bare
    assert "result.json" in bare
