"""Where as many jobs wait as may, HTTP lets in no more than the topic does, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from models.jobs import JobStatus
from terrafusion.usecases.backpressure import COUNT_EVERY_S
from terrafusion.web.api import PREFIX

REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
ASK = "/ask/price_trend_by_zip"
FULL = "2 jobs wait, as many as may; ask again once there are fewer."


@pytest.fixture
def world(world: Any) -> Any:
    world.max_pending = 2
    return world


async def statuses(client: Any, times: int, **body: Any) -> list[int]:
    return [(await client.post(f"{PREFIX}/run", json=REQUEST | body)).status for _ in range(times)]


async def test_a_client_that_asks_in_a_loop_fills_no_more_than_there_is_room(client: Any, world: Any) -> None:
    assert await statuses(client, 5) == [202, 202, 503, 503, 503]
    assert len(world.submit.calls) == 2
    answer = await client.post(f"{PREFIX}/run", json=REQUEST)
    problem = await answer.json()
    assert (answer.headers["Retry-After"], problem["detail"], problem["status"]) == ("5", FULL, 503)
    assert answer.content_type == "application/problem+json"


async def test_it_is_open_again_once_fewer_wait(client: Any, world: Any) -> None:
    for _ in range(2):
        await world.accept()
    assert await statuses(client, 1) == [503]
    assert (await client.post(f"{PREFIX}/cancel", json={"confirm": 2})).status == 200
    world.clock.tick(COUNT_EVERY_S)
    assert await statuses(client, 1) == [202]


async def test_what_is_refused_anyway_takes_no_room(client: Any) -> None:
    assert await statuses(client, 5, priority=99) == [422] * 5
    assert await statuses(client, 2) == [202, 202]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_form_says_so_and_keeps_what_was_filled_in(client: Any, world: Any, accept: str) -> None:
    for _ in range(2):
        await world.accept()
    answer = await client.post(ASK, data={"county_id": "king_wa"}, headers={"Accept": accept})
    assert answer.status == 503
    assert FULL in await answer.text()
    assert world.submit.calls == []


async def test_a_retry_is_a_job_more_and_a_cancel_is_none(client: Any, world: Any) -> None:
    failed = await world.accept()
    await world.fail(failed, "broken")
    waits, _ = await world.accept(), await world.accept()
    assert (await client.post(f"{PREFIX}/retry/{failed}")).status == 503
    assert (await client.post(f"{PREFIX}/cancel/{waits}")).status == 200


async def test_of_many_retries_those_without_room_are_left_to_the_next_call(client: Any, world: Any) -> None:
    for _ in range(3):
        await world.fail(await world.accept(), "broken")
    told = await (await client.post(f"{PREFIX}/retry", json={"confirm": 3})).json()
    assert (told["done"], told["left"]) == (2, 1)
    answer = await client.post(f"{PREFIX}/retry", json={"confirm": 3})
    assert (answer.status, (await answer.json())["detail"]) == (503, FULL)
    assert (await world.store.counts())[JobStatus.PENDING] == 2
