"""Orders over HTTP, and what the pages say of them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from models.jobs import JobStatus
from models.pauses import Scope

PREFIX = "/plugins/v1/market-analysis"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "parameters": {"period": "year"}}


async def told(answer, status):
    assert answer.status == status, await answer.text()
    return await answer.json()


async def order(client, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(f"{PREFIX}/{path}", **({} if body is None else {"json": body}), headers=named)


class TestCancel:
    async def test_answers_with_the_job_as_it_stands_now(self, client, world):
        job_id = await world.accept()
        said = {"reason": "wrong year"}
        job = await told(await order(client, f"cancel/{job_id}", said, X_Requested_By="roll desk"), 200)
        assert (job["job_id"], job["status"], job["waiting_for"]) == (str(job_id), "CANCELLED", None)
        assert job["message"] == "Cancelled by roll desk: wrong year"

    async def test_takes_no_body(self, client, world):
        await told(await order(client, f"cancel/{await world.accept()}"), 200)

    async def test_what_has_ended_is_409_also_when_it_was_cancelled(self, client, world):
        job_id = await world.accept()
        await told(await order(client, f"cancel/{job_id}"), 200)
        problem = await told(await order(client, f"cancel/{job_id}"), 409)
        assert problem["type"] == "urn:terrafusion:problem:conflict"
        assert (problem["field"], problem["value"]) == ("job_id", str(job_id))
        assert "CANCELLED" in problem["detail"]

    async def test_who_nobody_knows_is_404_and_what_is_no_id_400(self, client):
        await told(await order(client, f"cancel/{uuid4()}"), 404)
        await told(await order(client, "cancel/17"), 400)


class TestRetry:
    async def test_is_answered_with_the_new_job_and_where_it_is(self, client, world):
        job_id = await world.accept(priority=7)
        await world.fail(job_id, "No")
        answer = await order(client, f"retry/{job_id}", X_Requested_By="roll desk")
        new = await told(answer, 202)
        assert answer.headers["Location"] == f"{PREFIX}/status/{new['job_id']}"
        assert (new["retry_of"], new["status"], new["waiting_for"]) == (str(job_id), "PENDING", "slots")
        assert (new["priority"], new["parameters"], new["requested_by"]) == (7, {"period": "month"}, "roll desk")

    async def test_the_same_key_is_the_same_new_job(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "No")
        ids = [(await (await order(client, f"retry/{job_id}", Idempotency_Key=k)).json())["job_id"] for k in "aab"]
        assert ids[0] == ids[1] != ids[2]

    async def test_what_lives_is_409_what_is_unknown_404_what_is_not_valid_any_more_422(self, client, world):
        await told(await order(client, f"retry/{await world.accept()}"), 409)
        await told(await order(client, f"retry/{uuid4()}"), 404)
        invalid = await world.accept(parameters={"period": "fortnight"})
        await world.fail(invalid, "No")
        assert (await told(await order(client, f"retry/{invalid}"), 422))["field"] == "period"


class TestPause:
    @pytest.mark.parametrize(
        ("said", "scope"),
        [({}, "intake"), ({"county_id": "king_wa"}, "county"), ({"analysis_type": "price_trend_by_zip"}, "type")],
    )
    async def test_pause_list_and_resume(self, client, said, scope):
        pause = await told(await order(client, "pause", {**said, "reason": "roll day"}, X_Requested_By="me"), 200)
        everything = {"county_id": None, "analysis_type": None} | said
        assert pause == {
            "scope": scope,
            **everything,
            "reason": "roll day",
            "requested_by": "me",
            "created_at": "2026-03-01T12:00:00Z",
        }
        assert pause in (await told(await client.get(f"{PREFIX}/pauses"), 200))["pauses"]
        for was_paused in (True, False):
            assert await told(await order(client, "resume", said), 200) == everything | {"was_paused": was_paused}
        assert await told(await client.get(f"{PREFIX}/pauses"), 200) == {"pauses": []}

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"county_id": "atlantis"}, "county_id"),
            ({"analysis_type": "horoscope"}, "analysis_type"),
            ({"county_id": "king_wa", "analysis_type": "price_trend_by_zip"}, "analysis_type"),
            ({"county_id": "../etc"}, "county_id"),
            ({"reason": "two\nlines"}, "reason"),
            ({"job_id": str(uuid4())}, "job_id"),
            ({"command": "resume"}, "command"),
        ],
    )
    async def test_what_is_wrong_is_422_and_named(self, client, world, verb, said, field):
        problem = await told(await order(client, verb, said), 422)
        assert problem["field"] == field
        assert await world.pauses.all() == []

    @pytest.mark.parametrize("body", [b"{", b"[]", b"17", b"\xff"])
    async def test_what_is_no_json_object_is_400(self, client, body):
        await told(await client.post(f"{PREFIX}/pause", data=body), 400)

    async def test_a_paused_intake_refuses_requests_and_says_why(self, client, world):
        await order(client, "pause", {"reason": "the roll is being certified"}, X_Requested_By="roll desk")
        answer = await client.post(f"{PREFIX}/run", json=REQUEST)
        problem = await told(answer, 503)
        assert problem["detail"] == "The intake is paused by roll desk: the roll is being certified."
        assert answer.headers["Retry-After"] == "5"
        assert world.submit.calls == []
        await order(client, "resume")
        await told(await client.post(f"{PREFIX}/run", json=REQUEST), 202)

    async def test_a_paused_county_takes_requests(self, client):
        await order(client, "pause", {"county_id": "king_wa"})
        assert (await told(await client.post(f"{PREFIX}/run", json=REQUEST), 202))["waiting_for"] == "paused"


class TestWaitingFor:
    async def test_is_told_wherever_a_job_is_told(self, client, world):
        job_id = await world.accept()
        await world.pauses.pause(Scope.COUNTY, "king_wa", reason=None, requested_by=None)
        assert (await (await client.get(f"{PREFIX}/status/{job_id}")).json())["waiting_for"] == "paused"
        assert (await (await client.get(f"{PREFIX}/results/{job_id}")).json())["waiting_for"] == "paused"
        [listed] = (await (await client.get(f"{PREFIX}/list")).json())["jobs"]
        assert listed["waiting_for"] == "paused"
        assert (
            "Its county or its type is paused." in await (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text()
        )

    async def test_a_live_job_is_told_while_the_store_is_away(self, client, world):
        job_id = await world.accept()
        world.live.tell(await world.event(job_id))
        world.store.away = True
        assert (await told(await client.get(f"{PREFIX}/status/{job_id}"), 200))["waiting_for"] == "slots"


class TestPages:
    async def test_a_live_job_can_be_cancelled(self, client, world):
        job_id = await world.accept()
        page = await (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text()
        assert f'<form method="post" action="{PREFIX}/cancel/{job_id}">' in page
        assert "/retry/" not in page
        answer = await client.post(f"{PREFIX}/cancel/{job_id}", headers=BROWSER, data={}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, f"/jobs/{job_id}")
        assert (await world.store.get(job_id)).status is JobStatus.CANCELLED

    async def test_what_has_ended_can_be_retried(self, client, world):
        job_id = await world.accept()
        await world.fail(job_id, "No")
        page = await (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text()
        assert f'<form method="post" action="{PREFIX}/retry/{job_id}">' in page
        assert "/cancel/" not in page
        answer = await client.post(f"{PREFIX}/retry/{job_id}", headers=BROWSER, data={}, allow_redirects=False)
        new = answer.headers["Location"].removeprefix("/jobs/")
        assert answer.status == 303
        assert f"/jobs/{job_id}" in await (await client.get(f"/jobs/{new}", headers=BROWSER)).text()

    async def test_a_browser_is_told_why_not_as_a_page(self, client, world):
        answer = await client.post(f"{PREFIX}/retry/{await world.accept()}", headers=BROWSER, data={})
        assert (answer.status, answer.content_type) == (409, "text/html")
        assert "only what has ended can be retried" in await answer.text()

    async def test_another_site_s_form_changes_nothing(self, client, world):
        job_id = await world.accept()
        foreign = {"Accept": "text/html", "Origin": "https://elsewhere.example"}
        assert (await client.post(f"{PREFIX}/cancel/{job_id}", headers=foreign, data={})).status == 403
        assert (await world.store.get(job_id)).status is JobStatus.PENDING

    async def test_the_list_says_what_is_paused_and_escapes_it(self, client, world):
        world.clock.tick(1)
        await world.pauses.pause(Scope.COUNTY, "king_wa", reason="<b>roll</b> day", requested_by="me")
        page = await (await client.get("/", headers=BROWSER)).text()
        assert "Paused: county king_wa" in page
        assert "by me: &lt;b&gt;roll&lt;/b&gt; day" in page
