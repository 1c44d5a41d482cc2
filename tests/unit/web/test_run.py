from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from models.jobs import JobStatus
from terrafusion.errors import (
    Conflict,
    InvalidParameters,
    NotFound,
    Unavailable,
    UnknownAnalysisType,
    UnknownCounty,
)
from topics.catalogue import MAX_REQUEST_BYTES

RUN = "/plugins/v1/market-analysis/run"
REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "parameters": {"period": "year"}}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def problem(answer, status):
    """Return the problem body, its frame checked."""
    body = await answer.json()
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


async def test_an_accepted_request_is_answered_with_its_job(client, world):
    answer = await client.post(RUN, json=REQUEST)
    job = await answer.json()
    assert answer.status == 202
    assert answer.headers["Location"] == f"/plugins/v1/market-analysis/status/{job['job_id']}"
    assert list(job)[:10] == [
        "job_id", "analysis_type", "county_id", "status", "message",
        "parameters", "created_at", "updated_at", "started_at", "completed_at",
    ]  # fmt: skip
    assert (job["status"], job["waiting_for"], job["sequence"]) == ("PENDING", "slots", 1)
    assert job["parameters"] == {"period": "year"}
    assert job["created_at"] == "2026-03-01T12:00:00Z"


async def test_everything_the_caller_says_reaches_the_use_case(client, world):
    job_id = str(uuid4())
    said = REQUEST | {
        "job_id": job_id,
        "priority": 9,
        "deadline": "2030-01-01T00:00:00Z",
        "correlation_id": "roll-2026",
    }
    headers = {"Idempotency-Key": "key-1", "traceparent": TRACE, "X-Requested-By": "appraisal desk"}
    assert (await client.post(RUN, json=said, headers=headers)).status == 202
    call = world.submit.calls[0]
    assert call["idempotency_key"] == "key-1"
    assert call["traceparent"] == TRACE
    assert call["requested_by"] == "appraisal desk"
    assert str(call["request"].job_id) == job_id
    assert call["request"].priority == 9
    assert call["request"].correlation_id == "roll-2026"
    assert call["request"].deadline.year == 2030


async def test_curl_without_a_content_type_is_understood(client):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post(RUN, data=orjson.dumps(REQUEST), headers=headers)).status == 202


async def test_a_malformed_trace_context_counts_as_none(client, world):
    await client.post(RUN, json=REQUEST, headers={"traceparent": "00-nonsense"})
    assert world.submit.calls[0]["traceparent"] is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b"17", b"NaN"])
async def test_what_is_no_json_object_is_400(client, world, body):
    told = await problem(await client.post(RUN, data=body), 400)
    assert told["type"] == "urn:terrafusion:problem:malformed-message"
    assert world.submit.calls == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"analysis_type": None}, "analysis_type"),
        ({"county_id": "../etc"}, "county_id"),
        ({"county_id": "x" * 101}, "county_id"),
        ({"parameters": []}, "parameters"),
        ({"priority": 10}, "priority"),
        ({"priority": "5"}, "priority"),
        ({"deadline": "2030-01-01T00:00:00"}, "deadline"),
        ({"correlation_id": ""}, "correlation_id"),
        ({"job_id": "nonsense"}, "job_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_field_is_422_and_named(client, world, change, field):
    told = await problem(await client.post(RUN, json=REQUEST | change), 422)
    assert told["field"] == field
    assert told["allowed"]
    assert field in told["detail"]
    assert world.submit.calls == []


async def test_a_missing_field_is_422_and_named(client):
    told = await problem(await client.post(RUN, json={"county_id": "king_wa"}), 422)
    assert told["field"] == "analysis_type"


async def test_u_0000_in_a_string_is_422(client):
    await problem(await client.post(RUN, json=REQUEST | {"parameters": {"zip_codes": ["\0"]}}), 422)


async def test_a_body_over_a_megabyte_is_413(client, world):
    at_most = REQUEST | {"parameters": {"x": ""}}
    room = MAX_REQUEST_BYTES - len(orjson.dumps(at_most))
    fits = orjson.dumps(at_most | {"parameters": {"x": "y" * room}})
    assert len(fits) == MAX_REQUEST_BYTES
    assert (await client.post(RUN, data=fits)).status == 202
    await problem(await client.post(RUN, data=fits + b" "), 413)
    assert len(world.submit.calls) == 1


@pytest.mark.parametrize(
    ("refusal", "status", "kind"),
    [
        (UnknownAnalysisType("a", field="analysis_type", value="x", allowed="y"), 422, "unknown-analysis-type"),
        (UnknownCounty("a", field="county_id", value="x", allowed="y"), 422, "unknown-county"),
        (InvalidParameters("a", field="period", value="x", allowed="y"), 422, "invalid-parameters"),
        (Conflict("a", field="job_id", value="x", allowed="y"), 409, "conflict"),
        (NotFound("a", field="job_id", value="x", allowed="y"), 404, "not-found"),
    ],
)
async def test_each_refusal_has_its_status_and_its_problem_type(client, world, refusal, status, kind):
    world.submit.refusal = refusal
    told = await problem(await client.post(RUN, json=REQUEST), status)
    assert told["type"] == f"urn:terrafusion:problem:{kind}"
    assert (told["field"], told["value"], told["allowed"]) == (refusal.field, "x", "y")


async def test_a_service_that_is_away_is_503_with_retry_after_and_no_address(client, world):
    world.submit.refusal = Unavailable("postgresql://user:hunter2@db:5432 refused")
    answer = await client.post(RUN, json=REQUEST)
    assert "hunter2" not in str(await problem(answer, 503))
    assert answer.headers["Retry-After"] == "5"


async def test_an_unforeseen_error_is_500_and_tells_nothing(client, world):
    world.submit.refusal = RuntimeError("secret of the house")
    answer = await client.post(RUN, json=REQUEST)
    assert "secret" not in str(await problem(answer, 500))
    assert "Traceback" not in await answer.text()


@pytest.mark.parametrize(
    "headers", [{"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 201}, {"X-Requested-By": "ä\x85"}]
)
async def test_an_unusable_header_is_400(client, world, headers):
    told = await problem(await client.post(RUN, json=REQUEST, headers=headers), 400)
    assert told["field"] == next(iter(headers))
    assert world.submit.calls == []


async def test_the_same_id_with_the_same_request_is_the_same_job(client):
    said = REQUEST | {"job_id": str(uuid4())}
    first, second = await client.post(RUN, json=said), await client.post(RUN, json=said)
    assert first.status == second.status == 202
    assert await first.json() == await second.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({}, 202),
    ],
)
async def test_pages_of_another_origin_may_not_send_requests(client, world, headers, status):
    answer = await client.post(RUN, json=REQUEST, headers=headers)
    assert answer.status == status
    assert len(world.submit.calls) == (status == 202)


async def test_the_own_origin_may(client):
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    assert (await client.post(RUN, json=REQUEST, headers=origin)).status == 202


async def test_run_takes_post_only(client):
    answer = await client.get(RUN)
    await problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


async def test_run_takes_no_query(client, world):
    told = await problem(await client.post(f"{RUN}?priority=9", json=REQUEST), 400)
    assert told["field"] == "priority"
    assert world.submit.calls == []


async def test_a_job_answered_twice_after_it_began_is_told_as_it_stands(client, world):
    said = REQUEST | {"job_id": str(uuid4())}
    await client.post(RUN, json=said)
    await world.start()
    assert (await (await client.post(RUN, json=said)).json())["status"] == JobStatus.RUNNING
