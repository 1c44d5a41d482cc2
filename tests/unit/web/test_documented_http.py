"""Every `curl` of docs/http.md, typed word for word against the real views."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

from support.documented import documented

from models.dead_letters import DeadLetter, Stage
from topics.catalogue import REQUESTS

from .conftest import NOW, World

CURLS = [
    command.line
    for command in documented()
    if command.page == "http.md" and command.line.startswith("curl ") and "-OJ" not in command.line
]
DOCUMENT = {
    "result_summary": {"key_finding": "Prices rose."},
    "data_quality": {},
    "warnings": [],
    "trends": [],
    "rows": [],
}
ASKED = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
ANSWERS = {
    "/run": 202,
    "/retry/$JOB": 202,
    "/dead-letters/17/replay": 202,
    "/dead-letters/replay": 409,  # it says how many are expected, and here there are others
    "/dead-letters/discard": 409,
    '"priority": 12': 422,
}
"""What is not 200, by what stands in it; the last that fits."""


def expected(line: str) -> int:
    return [200, *(status for part, status in ANSWERS.items() if part in line)][-1]


async def curl(line: str, *more: str) -> tuple[int, str]:
    words = shlex.split(line.partition(" | ")[0])
    asking = await asyncio.create_subprocess_exec(
        *words, "-sS", "--max-time", "20", "-w", "\n%{http_code}", *more, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asking.communicate()
    body, _, status = told.decode().rpartition("\n")
    return int(status), body


async def test_each_answers_as_it_is_told(world: World, client: Any) -> None:
    url = str(client.make_url("/plugins/v1/market-analysis"))
    done = await world.accept()
    await world.complete(done, DOCUMENT)
    page = json.loads((await curl(f"curl '{url}/list?limit=1'"))[1])
    assert page["jobs"]
    await world.accept()
    cursor = json.loads((await curl(f"curl '{url}/list?limit=1'"))[1])["next_cursor"]
    waiting = await world.accept()
    assert len(CURLS) > 20
    for letter, line in enumerate(CURLS, 1):
        bad = {"topic": REQUESTS.name, "partition": 0, "offset": letter, "timestamp": NOW, "key": b"k", "headers": ()}
        reason = {"stage": Stage.VALIDATE, "error_class": "UnknownCounty", "error_message": "no county"}
        world.store.dead_letters.keep([DeadLetter(value=json.dumps(ASKED).encode(), **bad, **reason)])
        job = waiting if "/cancel/" in line or "/retry/" in line else done
        told = line.replace("$URL", url).replace("$JOB", str(job)).replace("$NEXT", cursor)
        endless = ("--max-time", "1") if line.endswith('/events"') else ()
        status, _ = await curl(told.replace("/dead-letters/17", f"/dead-letters/{letter}"), *endless)
        assert status == expected(line), line
