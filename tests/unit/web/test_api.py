from __future__ import annotations

from uuid import uuid4

PREFIX = "/plugins/v1/market-analysis"


async def test_a_job_that_was_accepted_is_answered_with_202(client, world):
    said = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "parameters": {"period": "year"}}
    answer = await client.post(f"{PREFIX}/run", json=said)
    job = await answer.json()
    assert answer.status == 202
    assert job["status"] == "PENDING"
    assert job["waiting_for"] == "slots"
    assert job["parameters"] == {"period": "year"}
    assert answer.headers["Location"] == f"{PREFIX}/status/{job['job_id']}"


async def test_an_unknown_job_is_404(client):
    answer = await client.get(f"{PREFIX}/status/{uuid4()}")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"
