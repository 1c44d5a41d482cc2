from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.jobs import JobStatus
from terrafusion.ports.health import Check
from terrafusion.web.query import read_cursor, write_cursor

PREFIX = "/plugins/v1/market-analysis"
KNOWN = "73ebf3aa-448f-43d6-b542-e49a4968f011"
DOCUMENT = {
    "result_summary": {"key_finding": "Prices rose.", "median_price": 450000.0},
    "data_quality": {"read": 10, "used": 9},
    "warnings": [{"code": "thin", "message": "Few sales."}],
    "trends": [{"period": "2014-01", "median_price": float("nan")}],
    "rows": [],
    "result_data_location": None,
}


async def get(client, path, **named):
    answer = await client.get(PREFIX + path, **named)
    return answer.status, await answer.json()


class TestStatus:
    async def test_tells_the_row(self, client, world):
        job_id = await world.accept(correlation_id="roll", priority=7)
        status, job = await get(client, f"/status/{job_id}")
        assert status == 200
        assert job["job_id"] == str(job_id)
        assert (job["status"], job["correlation_id"], job["priority"]) == ("PENDING", "roll", 7)
        assert job["data_version"] == "v1"

    async def test_unknown_is_404(self, client):
        status, told = await get(client, f"/status/{uuid4()}")
        assert status == 404
        assert told["field"] == "job_id"

    @pytest.mark.parametrize(
        "job_id",
        ["1", "nonsense", f"{{{KNOWN}}}", KNOWN.replace("-", ""), f"urn:uuid:{KNOWN}", f"{KNOWN}x", "%00", "%3Cb%3E"],
    )
    async def test_malformed_is_400(self, client, job_id):
        for path in ("status", "results", "events"):
            status, told = await get(client, f"/{path}/{job_id}")
            assert status == 400
            assert told["field"] == "job_id"
            assert "UUID" in told["allowed"]

    async def test_capital_letters_are_the_same_id(self, client, world):
        job_id = await world.accept()
        assert (await get(client, f"/status/{str(job_id).upper()}"))[0] == 200

    async def test_live_progress_that_came_further_is_told(self, client, world):
        job_id = await world.accept()
        await world.start()
        world.live.tell(await world.event(job_id, sequence=9, progress=0.4, message="Reading"))
        _, job = await get(client, f"/status/{job_id}")
        assert (job["sequence"], job["progress"], job["message"]) == (9, 0.4, "Reading")
        assert job["parameters"] == {"period": "month"}

    async def test_live_progress_that_is_older_is_not(self, client, world):
        job_id = await world.accept()
        old = await world.event(job_id)
        await world.start()
        world.live.tell(old)
        _, job = await get(client, f"/status/{job_id}")
        assert job["status"] == "RUNNING"

    async def test_the_live_entry_answers_while_the_store_is_away(self, client, world):
        job_id = await world.accept()
        world.live.tell(await world.event(job_id, sequence=3, status=JobStatus.RUNNING, progress=0.5))
        world.store.away = True
        status, job = await get(client, f"/status/{job_id}")
        assert (status, job["status"], job["progress"]) == (200, "RUNNING", 0.5)
        assert job["parameters"] is None

    async def test_the_live_entry_answers_while_the_store_is_silent(self, client, world):
        job_id = await world.accept()
        world.live.tell(await world.event(job_id))
        world.store.silent = True
        async with asyncio.timeout(3):
            assert (await get(client, f"/status/{job_id}"))[0] == 200

    async def test_nobody_answers_while_the_store_is_away(self, client, world):
        job_id = await world.accept()
        world.store.away = True
        answer = await client.get(f"{PREFIX}/status/{job_id}")
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert "hunter2" not in await answer.text()

    async def test_a_job_put_back_waits_for_its_time(self, client, world):
        job_id = await world.accept()
        await world.start()
        await world.store.release({job_id: 1}, message="Object store away", delay=timedelta(seconds=30))
        assert (await get(client, f"/status/{job_id}"))[1]["waiting_for"] == "run_after"
        world.clock.tick(31)
        assert (await get(client, f"/status/{job_id}"))[1]["waiting_for"] == "slots"
        await world.start()
        assert (await get(client, f"/status/{job_id}"))[1]["waiting_for"] is None


class TestResults:
    async def test_null_until_completed(self, client, world):
        job_id = await world.accept()
        assert (await get(client, f"/results/{job_id}"))[1]["result"] is None
        await world.start()
        assert (await get(client, f"/results/{job_id}"))[1]["result"] is None

    async def test_null_for_a_failed_job(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "no such column")
        _, job = await get(client, f"/results/{job_id}")
        assert (job["result"], job["failure_reason"], job["message"]) == (
            None,
            "processing_exception",
            "no such column",
        )

    async def test_the_document_with_where_it_lies(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, DOCUMENT)
        _, job = await get(client, f"/results/{job_id}")
        assert job["status"] == "COMPLETED"
        assert job["result"]["result_summary"] == DOCUMENT["result_summary"]
        assert job["result"]["data_quality"] == {"read": 10, "used": 9}
        assert (
            job["result"]["result_data_location"] == job["result_data_location"] == f"file:///results/{job_id}.parquet"
        )

    async def test_json_never_holds_nan(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, DOCUMENT)
        answer = await client.get(f"{PREFIX}/results/{job_id}")
        assert "NaN" not in await answer.text()

    async def test_a_result_without_a_file_is_made_of_its_summary(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, DOCUMENT, kept=False)
        _, job = await get(client, f"/results/{job_id}")
        assert job["result"] == {
            "result_summary": DOCUMENT["result_summary"],
            "data_quality": {},
            "warnings": [],
            "trends": [],
            "rows": [],
            "pictures": {},
            "result_data_location": None,
        }

    @pytest.mark.parametrize("lost", [True, False])
    async def test_503_where_the_document_cannot_be_read(self, client, world, lost):
        job_id = await world.accept()
        await world.complete(job_id, DOCUMENT)
        world.documents.held.clear()
        world.documents.away = not lost
        status, told = await get(client, f"/results/{job_id}")
        assert status == 503
        assert "secret" not in str(told)

    async def test_503_rather_than_null_where_a_completed_job_is_known_live_only(self, client, world):
        job_id = await world.accept()
        await world.complete(job_id, DOCUMENT)
        world.live.tell(await world.event(job_id))
        world.store.away = True
        assert (await get(client, f"/results/{job_id}"))[0] == 503
        assert (await get(client, f"/status/{job_id}"))[0] == 200


class TestList:
    async def test_pages_hold_every_job_once_newest_first(self, client, world):
        made = [str(await world.accept()) for _ in range(7)]
        seen, cursor = [], None
        while True:
            query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
            _, page = await get(client, "/list", params=query)
            seen += [job["job_id"] for job in page["jobs"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert seen == made[::-1]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"status": "PENDING"}, 3),
            ({"status": "RUNNING"}, 0),
            ({"county_id": "lucas_oh"}, 1),
            ({"analysis_type": "ratio_study"}, 1),
            ({"correlation_id": "roll 2026"}, 1),
            ({"county_id": "king_wa", "analysis_type": "price_trend_by_zip"}, 1),
            ({"county_id": "nowhere"}, 0),
            ({}, 3),
        ],
    )
    async def test_filters(self, client, world, query, found):
        await world.accept()
        await world.accept(county_id="lucas_oh", correlation_id="roll 2026")
        await world.accept(analysis_type="ratio_study")
        status, page = await get(client, "/list", params=query)
        assert (status, len(page["jobs"])) == (200, found)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("status=DONE", "status"),
            ("status=", "status"),
            ("county_id=a/b", "county_id"),
            ("correlation_id=%00", "correlation_id"),
            ("correlation_id=%ED%A0%80", None),
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=many", "limit"),
            ("colour=red", "colour"),
            ("status=PENDING&status=FAILED", "status"),
            ("county=king_wa", "county"),
        ],
    )
    async def test_a_wrong_query_is_400_and_named(self, client, query, field):
        status, told = await get(client, f"/list?{query}")
        if field is None:
            assert status in {200, 400}
        else:
            assert (status, told["field"]) == (400, field)
            assert told["allowed"]

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "x",
            "!!!!",
            "ä",
            "A" * 32,
            "A" * 31,
            "_" * 32,
            "A" * 1_000,
            "f" + "_" * 31,
            "AAAA\n" + "A" * 28,
            "gAAA" + "A" * 28,
        ],
    )
    async def test_a_tampered_cursor_is_400_or_a_place(self, client, world, cursor):
        await world.accept()
        status, told = await get(client, "/list", params={"cursor": cursor})
        if cursor in {"A" * 32, "_" * 32}:
            assert (status, told["jobs"]) == (200, [])  # about 1970: a place before every job
        else:
            assert (status, told["field"]) == (400, "cursor")

    def test_a_cursor_comes_back_as_it_was(self, world):
        after = (world.clock.now.replace(microsecond=123456), uuid4())
        assert read_cursor(write_cursor(after)) == after

    async def test_503_while_the_store_is_away(self, client, world):
        world.store.away = True
        assert (await get(client, "/list"))[0] == 503


class TestCatalogue:
    async def test_types(self, client):
        _, body = await get(client, "/types")
        (entry,) = body["types"]
        assert entry["name"] == "price_trend_by_zip"
        assert entry["question"] == "How did prices move in each <ZIP>?"
        assert entry["aliases"] == ["simulated_price_trends"]
        assert entry["needs"] == ["sale_price", "zip_code"]
        assert entry["parameters"]["properties"]["min_sales"]["minimum"] == 1
        assert entry["parameters"]["additionalProperties"] is False

    async def test_counties(self, client):
        _, body = await get(client, "/counties")
        (county,) = body["counties"]
        assert county["county_id"] == "king_wa"
        assert county["sales"] == 43313
        assert county["first_sale"] == "2010-01-03"
        assert "private" not in str(body)


class TestProbes:
    async def test_all_is_well(self, client):
        for path in (f"{PREFIX}/health", "/livez", "/readyz"):
            answer = await client.get(path)
            assert answer.status == 200
            assert (await answer.json())["status"] == "ok"
        assert (await get(client, "/health"))[1]["checks"]["postgres"] == {"ok": True, "detail": "answers"}

    async def test_a_broker_that_is_away_is_told_and_makes_nobody_unready(self, client, world):
        world.dealt = None
        status, body = await get(client, "/health")
        assert (status, body["status"], body["checks"]["broker"]["ok"]) == (503, "failing", False)
        ready = await client.get("/readyz")
        assert ready.status == 200
        assert "broker" not in (await ready.json())["checks"]

    async def test_a_service_away_makes_it_unready_and_not_dead(self, client, world):
        world.health.services["postgres"] = Check(ok=False, detail="refused")
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/livez")).status == 200
        status, body = await get(client, "/health")
        assert (status, body["status"]) == (503, "failing")

    async def test_a_stuck_process_is_dead(self, client, world):
        world.health.process = Check(ok=False, detail="consumer silent for 60 s")
        assert (await client.get("/livez")).status == 503
        assert (await client.get("/readyz")).status == 503

    async def test_checks_that_hang_are_not_waited_for(self, client, world):
        world.health.hangs = True
        async with asyncio.timeout(4):
            answer = await client.get("/readyz")
        assert answer.status == 503

    async def test_metrics(self, client):
        answer = await client.get("/metrics")
        families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert families["jobs_seen"].samples[0].value == 3


class TestEveryAnswer:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            f"{PREFIX}/list",
            f"{PREFIX}/run",
            f"{PREFIX}/status/1",
            "/nowhere",
            "/static/app.css",
            "/static/none.css",
        ],
    )
    async def test_has_the_security_headers(self, client, path):
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Server" not in headers

    async def test_is_not_kept_by_a_cache_but_the_style_sheet_is(self, client):
        assert (await client.get(f"{PREFIX}/list")).headers["Cache-Control"] == "no-store"
        assert "immutable" in (await client.get("/static/app.css?v=1")).headers["Cache-Control"]
        assert (await client.get("/static/none.css?v=1")).headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "path", ["/static/../deps.py", "/static/%2e%2e/deps.py", "/static/..%2fdeps.py", "/static/"]
    )
    async def test_no_file_but_the_static_ones_is_served(self, client, path):
        answer = await client.get(path)
        assert answer.status in {403, 404}
        assert answer.content_type == "application/problem+json"

    @pytest.mark.parametrize("path", ["/table/", "/router/", "/stats", "/graph", "/nowhere", f"{PREFIX}/"])
    async def test_what_is_not_there_is_a_problem(self, client, path):
        answer = await client.get(path)
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["title"] == "Not Found"

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    async def test_reading_takes_get_only(self, client, method):
        answer = await client.request(method, f"{PREFIX}/list")
        assert answer.status == 405
        assert answer.content_type == "application/problem+json"
        assert "GET" in answer.headers["Allow"]

    async def test_head_is_answered_without_a_body(self, client, world):
        job_id = await world.accept()
        for path in (
            "/",
            f"{PREFIX}/list",
            f"{PREFIX}/status/{job_id}",
            f"{PREFIX}/events",
            f"{PREFIX}/events/{job_id}",
        ):
            answer = await client.head(path)
            assert answer.status == 200
            assert await answer.read() == b""
