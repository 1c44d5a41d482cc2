"""Workers that stop, die, freeze and wake: their jobs go on elsewhere, and each ends once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from support.rig import LEASE_S, POOL_SIZE, Rig, TestedWorker, frozen
from support.tape import COMPLETED, Tape, request
from support.waiting import until

from terrafusion.embedded.postgres import EmbeddedPostgres

LONG_S = 3.5


@pytest.fixture(autouse=True)
def all_workers(rig: Rig) -> Iterator[None]:
    """Each test begins with ready workers and leaves them so."""
    rig.ready()
    until(lambda: all(may_claim(worker) for worker in rig.workers), what="all children are there", within=120)
    yield
    for worker in rig.workers:
        if worker.is_running:
            worker.signal(signal.SIGCONT)
        else:
            worker.start()
    rig.ready()


def may_claim(worker: TestedWorker) -> bool:
    return len(worker.children()) == POOL_SIZE and worker.web.metrics()["terrafusion_has_child"] == 1.0


def owners(rig: Rig) -> Mapping[str, int]:
    """Return the pid of the worker of each running job."""
    rows = rig.database.rows("SELECT job_id, owner FROM market_analysis_jobs WHERE status = 'RUNNING'")
    return {str(row["job_id"]): int(row["owner"].split(":")[1]) for row in rows}


def jobs_of(rig: Rig, worker: TestedWorker) -> set[str]:
    return {job_id for job_id, pid in owners(rig).items() if pid == worker.pid}


def filled(rig: Rig, seconds: float = LONG_S) -> Sequence[str]:
    """Fill every slot of every worker."""
    ids = rig.upstream.send(
        *(request("sleepy", parameters={"seconds": seconds}) for _ in range(POOL_SIZE * len(rig.workers)))
    )
    until(lambda: all(len(jobs_of(rig, worker)) == POOL_SIZE for worker in rig.workers), what="all slots are filled")
    return ids


def leader(rig: Rig) -> TestedWorker:
    """Return the worker that is the relay."""

    def look() -> TestedWorker | None:
        return next((w for w in rig.workers if w.web.metrics()["terrafusion_relay_leader"] == 1.0), None)

    return until(look, what="a worker is the relay")


def check_ended_once(tape: Tape, ids: Sequence[str], *, within: float = 60) -> None:
    assert {end["status"] for end in tape.ends(ids, within=within)} == {"COMPLETED"}
    for job_id in ids:
        until(lambda i=job_id: tape.states(i)[-1] == "COMPLETED", what="the status topic tells it as well")
        assert [event["sequence"] for event in tape.life(job_id)] == list(range(1, len(tape.life(job_id)) + 1))
        assert len({record.header("ce_id") for record in tape.of(job_id, COMPLETED)}) == 1


def rows(rig: Rig, ids: Sequence[str]) -> Mapping[str, Any]:
    return {job_id: rig.database.job(job_id) for job_id in ids}


def test_workers_share_the_work(rig: Rig, tape: Tape) -> None:
    children = {child.pid: worker.name for worker in rig.workers for child in worker.children()}
    ids = rig.upstream.send(*(request("sleepy", parameters={"seconds": 0.3}) for _ in range(16)))
    ran = [children[end["result_summary"]["child"]] for end in tape.ends(ids)]
    assert all(ran.count(worker.name) >= 4 for worker in rig.workers), ran


def standing(rig: Rig, *, asked: TestedWorker) -> Mapping[int, str]:
    """Return how each worker of the rig stands as one of them tells it."""
    told = {worker["pid"]: worker["standing"] for worker in asked.web.page("/workers")["workers"]}
    return {worker.pid: told.get(worker.pid, "unknown") for worker in rig.workers}


def test_each_worker_tells_of_all_of_them(rig: Rig) -> None:
    for worker in rig.workers:
        until(lambda w=worker: set(standing(rig, asked=w).values()) == {"working"}, what="all are told to work")
        until(lambda w=worker: w.web.page("/workers")["unheld"] == {}, what="every partition is held")
        until(
            lambda w=worker: is_told_whole(w.web.page("/lag")),
            what="each partition has one owner, by the broker's word",
        )


def is_told_whole(lag: Mapping[str, Any]) -> bool:
    """Say whether the broker answers, and each partition is one worker's: after a rebalance that takes some seconds."""
    owners = [len(partition["owners"]) for topic in lag["topics"] for partition in topic["partitions"]]
    return lag["group"] == "Stable" and set(owners) == {1}


def test_a_worker_that_is_stopped_hands_its_jobs_over(rig: Rig, tape: Tape) -> None:
    ids = filled(rig)
    stopped = rig.workers[0]
    handed = jobs_of(rig, stopped)
    began = time.monotonic()
    pid = stopped.pid
    stopped.stop()
    assert time.monotonic() - began < 12
    told = {worker["pid"]: worker["standing"] for worker in rig.workers[1].web.page("/workers")["workers"]}
    assert told[pid] == "stopped"
    check_ended_once(tape, ids)
    for job_id, row in rows(rig, ids).items():
        assert (row["crashes"], row["attempt"]) == (0, 2 if job_id in handed else 1)
        assert tape.states(job_id).count("PENDING") == row["attempt"]
    assert len(handed) == POOL_SIZE


def test_a_worker_that_is_killed_is_taken_over_after_its_lease(rig: Rig, tape: Tape) -> None:
    ids = filled(rig)
    killed = rig.workers[1]
    lost = jobs_of(rig, killed)
    killed.kill()
    began = time.monotonic()
    assert len(lost) == POOL_SIZE
    until(lambda: all(tape.states(job_id).count("PENDING") == 2 for job_id in lost), what="its jobs wait again")
    assert LEASE_S - 1.2 < time.monotonic() - began < LEASE_S + 6
    check_ended_once(tape, ids)
    for job_id, row in rows(rig, ids).items():
        assert (row["crashes"], row["attempt"]) == ((1, 2) if job_id in lost else (0, 1))


def test_an_outage_of_postgres_is_no_crash_of_a_job(rig: Rig, tape: Tape, postgres: EmbeddedPostgres) -> None:
    ids = filled(rig)
    with frozen(postgres):
        time.sleep(LEASE_S + 1)
    check_ended_once(tape, ids, within=120)
    assert {row["crashes"] for row in rows(rig, ids).values()} == {0}


def test_a_job_whose_workers_keep_dying_is_given_up(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 3.5}))
    for attempt in (1, 2, 3):
        until(lambda n=attempt: running(rig, job_id, n), what=f"attempt {attempt}", within=90)
        victim = next(worker for worker in rig.workers if job_id in jobs_of(rig, worker))
        victim.kill()
        victim.spawn()
    told = tape.completed(job_id, within=40).body
    assert (told["status"], told["failure_reason"]) == ("FAILED", "attempts_exhausted")


def running(rig: Rig, job_id: str, attempt: int) -> bool:
    row = rig.database.job(job_id)
    return row is not None and (row["status"], row["attempt"]) == ("RUNNING", attempt)


@pytest.mark.parametrize("is_relay", [True, False])
def test_a_frozen_worker_is_fenced_when_it_wakes(rig: Rig, tape: Tape, *, is_relay: bool) -> None:
    relay = leader(rig)
    victim = relay if is_relay else next(worker for worker in rig.workers if worker is not relay)
    [other] = [worker for worker in rig.workers if worker is not victim]
    ids = filled(rig, seconds=1.5)
    lost = jobs_of(rig, victim)
    before = given_up(victim)
    victim.signal(signal.SIGSTOP)
    check_ended_once(tape, ids)
    children = {child.pid for child in other.children()}
    after = rows(rig, ids)
    told = {job_id: tape.life(job_id) for job_id in ids}
    victim.signal(signal.SIGCONT)
    until(lambda: given_up(victim) >= before + len(lost), what="it gives up what it lost")
    rig.ready()
    for job_id in lost:
        assert tape.of(job_id, COMPLETED)[0].body["result_summary"]["child"] in children
        assert after[job_id]["attempt"] == 2
    check_ended_once(tape, ids)
    assert rows(rig, ids) == after
    assert {job_id: tape.life(job_id) for job_id in ids} == told


def given_up(worker: TestedWorker) -> float:
    """Return how many jobs a worker lost, before they ended or by an end that came too late."""
    metrics = worker.web.metrics()
    return metrics["terrafusion_leases_lost_total"] + metrics["terrafusion_finishes_fenced_total"]
