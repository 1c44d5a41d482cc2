"""The live table as readers see it: it moves while Postgres is silent, and every worker answers for every job."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import psutil
from support.rig import Rig, frozen
from support.tape import STATUS, Tape, request
from support.waiting import until
from support.web import PREFIX, Web

from models.messages import JobStatusChanged
from terrafusion.embedded.postgres import EmbeddedPostgres


class Ear(threading.Thread):
    """Reads a job's stream of one worker until it ends."""

    def __init__(self, web: Web, job_id: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[Mapping[str, Any]] = []
        self.opened = threading.Event()
        self._web = web
        self._job_id = job_id

    def run(self) -> None:
        with self._web.events(self._job_id, timeout=40) as events:
            for event in events:
                self.heard.append(event)
                self.opened.set()


def listening(rig: Rig, job_id: str) -> Sequence[Ear]:
    ears = [Ear(worker.web, job_id) for worker in rig.workers]
    for ear in ears:
        ear.start()
        assert ear.opened.wait(10)
    return ears


def told(job: Mapping[str, Any], sequence: int, state: str, progress: float) -> bytes:
    """Make the event that a relay would publish."""
    moved = {"sequence": sequence, "status": state, "progress": progress, "message": f"step {sequence}"}
    ended = {"completed_at": datetime.now(UTC).isoformat()} if state == "COMPLETED" else {}
    return json.dumps({**job, **moved, **ended, "updated_at": datetime.now(UTC).isoformat()}).encode()


def test_table_and_stream_go_on_while_postgres_is_silent(rig: Rig, tape: Tape, postgres: EmbeddedPostgres) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 3.0}))
    job = dict(tape.status(job_id, "RUNNING"))
    ears = listening(rig, job_id)
    begun = job["sequence"] + 20
    with frozen(postgres):
        for step in range(4):
            event = told(job, begun + step, "RUNNING", 0.5 + step / 10)
            rig.upstream.put(event, topic=STATUS, key=job_id.encode())
        rig.upstream.flush()
        following = until(lambda: [ear for ear in ears if heard(ear)[-1] == begun + 3], what="a stream goes on")
        assert heard(following[0])[-4:] == list(range(begun, begun + 4))
        now = (0.8, f"step {begun + 3}")
        holder = until(lambda: answering(rig, job_id, now), what="the worker whose table has the job answers")
        assert holder.get("/livez").status == 200
        assert holder.get("/readyz").status == 503
    end = told(job, begun + 50, "COMPLETED", 1.0)
    rig.upstream.put(end, topic=STATUS, key=job_id.encode())
    rig.upstream.flush()
    tape.completed(job_id)
    for ear in ears:
        ear.join(20)
        assert not ear.is_alive()
        assert ear.heard[-1]["status"] == "COMPLETED"
        assert heard(ear) == sorted(set(heard(ear)))
    rig.ready()


def answering(rig: Rig, job_id: str, now: tuple[float, str]) -> Web | None:
    """Return the view that tells how a job stands now; others' would have to ask Postgres, and say 503."""
    for web in (worker.web for worker in rig.workers):
        answer = web.get(f"{PREFIX}/status/{job_id}")
        if answer.status == 200 and (answer.body["progress"], answer.body["message"]) == now:
            return web
    return None


def heard(ear: Ear) -> Sequence[int]:
    return [event["sequence"] for event in ear.heard]


def test_a_stream_tells_every_event_of_a_job_and_ends_with_it(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 2.5}))
    tape.status(job_id, "PENDING")
    until(lambda: rig.web.get(f"{PREFIX}/status/{job_id}").status == 200, what="the job is there")
    ears = listening(rig, job_id)
    tape.completed(job_id)
    for ear in ears:
        ear.join(20)
        assert not ear.is_alive()
        assert heard(ear) == sorted(set(heard(ear)))
        last = JobStatusChanged.model_validate(tape.of(job_id)[-1].body)
        assert JobStatusChanged.model_validate(ear.heard[-1]) == last
    fullest = max((heard(ear) for ear in ears), key=len)
    assert fullest == list(range(fullest[0], tape.of(job_id)[-1].body["sequence"] + 1))


def test_a_worker_started_cold_answers_for_every_job_at_once(rig: Rig, tape: Tape) -> None:
    done = rig.upstream.send(*(request("noop") for _ in range(30)))
    tape.ends(done)
    cold = rig.workers[1]
    cold.stop()
    running = rig.upstream.send(*(request("sleepy", parameters={"seconds": 3.0}) for _ in range(6)))
    cold.prepare()
    cold.spawn()
    until(cold.is_open, what="its port is open")
    assert {cold.web.status(job_id)["status"] for job_id in done} == {"COMPLETED"}
    assert {cold.web.status(job_id)["status"] for job_id in running} <= {"PENDING", "RUNNING", "COMPLETED"}
    rig.ready()
    assert {cold.web.get(f"{PREFIX}/results/{job_id}").body["status"] for job_id in done} == {"COMPLETED"}
    tape.ends(running)
    until(lambda: finished(cold.web, running), what="the cold worker knows how they ended")


def finished(web: Web, ids: Sequence[str]) -> bool:
    return {web.status(job_id)["status"] for job_id in ids} == {"COMPLETED"}


def test_more_jobs_than_a_table_keeps_are_all_found_by_every_worker(rig: Rig, tape: Tape) -> None:
    ids = rig.upstream.send(*(request("noop") for _ in range(2500)))
    tape.ends(ids, within=60)
    for worker in rig.workers:
        until(lambda w=worker: 0 < entries(w.web) <= 1100, what="the table lets finished jobs go")
        assert {worker.web.status(job_id)["status"] for job_id in ids[::50]} == {"COMPLETED"}


def entries(web: Web) -> float:
    return web.metrics()["terrafusion_jobs_table_entries"]


async def hear_ends(urls: Sequence[str], wanted: set[str], begin: Callable[[], None]) -> None:
    """Follow all jobs at each address until each of these has ended there; begin once all are followed."""
    opened = asyncio.Semaphore(0)

    async def follow(session: aiohttp.ClientSession, url: str) -> None:
        left = set(wanted)
        async with session.get(f"{url}{PREFIX}/events") as answer:
            async for line in answer.content:
                if line.startswith(b"retry"):
                    opened.release()
                elif line.startswith(b"data:") and (event := json.loads(line[5:])).get("completed_at"):
                    left.discard(event["job_id"])
                if not left:
                    return

    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        readers = [asyncio.ensure_future(follow(session, url)) for url in urls]
        for _ in readers:
            await opened.acquire()
        await asyncio.to_thread(begin)
        await asyncio.gather(*readers)


def test_every_worker_tells_every_job_to_very_many_readers(rig: Rig, tape: Tape) -> None:
    requests = [request("noop") for _ in range(16)]
    ids = {one["job_id"] for one in requests}
    crowd, other = (worker.web.url for worker in rig.workers)
    process = psutil.Process(rig.workers[0].pid)
    before = process.memory_info().rss
    asyncio.run(hear_ends([crowd] * 100 + [other], ids, lambda: rig.upstream.send(*requests)))
    assert process.memory_info().rss - before < 100_000_000


def test_what_is_logged_for_a_job_is_shown_with_it(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("raising", parameters={}))
    tape.completed(job_id)
    page = f"/jobs/{job_id}"
    until(lambda: "Traceback" in rig.workers[1].web.get(page).content.decode(), what="its traceback is kept")
    assert "Log of attempt 1" in rig.web.get(page).content.decode()
