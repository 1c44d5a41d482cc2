"""What an analysis does to its process, and what comes of it for its job and for the others."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from support.rig import JOB_TIMEOUT_S, MAX_CRASHES, POOL_SIZE, Rig, TestedWorker
from support.tape import DEAD_LETTER, Tape, request
from support.waiting import until


def worker_with(rig: Rig, job_id: str) -> TestedWorker:
    """Return the worker that has a job."""
    owner = until(lambda: rig.database.job(job_id)["owner"], what=f"{job_id} has an owner")
    return next(worker for worker in rig.workers if f":{worker.pid}:" in owner)


def test_a_job_that_takes_too_long_fails_and_its_process_is_gone(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
    tape.status(job_id, "RUNNING")
    children = worker_with(rig, job_id).children()
    assert children
    told = tape.completed(job_id, within=JOB_TIMEOUT_S + 10).body
    assert (told["status"], told["failure_reason"]) == ("FAILED", "timeout")
    ended, began = (datetime.fromisoformat(rig.web.status(job_id)[name]) for name in ("completed_at", "started_at"))
    assert timedelta(seconds=JOB_TIMEOUT_S) <= ended - began < timedelta(seconds=JOB_TIMEOUT_S + 3)
    until(lambda: not all(child.is_running() for child in children), what="the child that slept is gone")
    assert rig.database.job(job_id)["crashes"] == 0


def test_a_deadline_that_passes_ends_the_job(rig: Rig, tape: Tape) -> None:
    soon = (datetime.now().astimezone() + timedelta(seconds=1.5)).isoformat()
    past = (datetime.now().astimezone() - timedelta(seconds=1)).isoformat()
    slow = request("sleepy", parameters={"seconds": 60}, deadline=soon)
    late = request("noop", deadline=past)
    ids = rig.upstream.send(slow, late)
    assert [end["failure_reason"] for end in tape.ends(ids, within=15)] == ["deadline_passed"] * 2


def test_progress_is_told_about_once_a_second(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 3.2}))
    assert tape.completed(job_id).body["status"] == "COMPLETED"
    events = [record.body for record in tape.of(job_id)]
    assert tape.states(job_id) == ["PENDING", "RUNNING", "COMPLETED"]
    between = [event for event in events if event["status"] == "RUNNING"][1:]
    assert 2 <= len(between) <= 4
    assert [event["message"][:5] for event in between] == ["Slept"] * len(between)
    fractions = [event["progress"] for event in events]
    assert fractions == sorted(fractions)
    assert all(0 < event["progress"] < 1 for event in between)
    times = [datetime.fromisoformat(event["updated_at"]) for event in between]
    assert all(later - earlier > timedelta(seconds=0.8) for earlier, later in pairwise(times))


def test_a_process_that_dies_takes_only_its_own_job_along(rig: Rig, tape: Tape) -> None:
    crashing = request("crashing", parameters={})
    others = [request("sleepy", parameters={"seconds": 0.2}) for _ in range(12)]
    ids = rig.upstream.send(*others[:6], crashing, *others[6:])
    assert {end["status"] for end in tape.ends([job_id for job_id in ids if job_id != crashing["job_id"]])} == {
        "COMPLETED"
    }
    told = tape.completed(crashing["job_id"]).body
    assert (told["status"], told["failure_reason"]) == ("FAILED", "attempts_exhausted")
    row = rig.database.job(crashing["job_id"])
    assert (row["crashes"], row["attempt"]) == (MAX_CRASHES + 1, MAX_CRASHES + 1)
    assert tape.states(crashing["job_id"]) == [*["PENDING", "RUNNING"] * (MAX_CRASHES + 1), "FAILED"]
    assert {rig.database.job(made["job_id"])["crashes"] for made in others} == {0}


def test_a_job_given_up_leaves_a_dead_letter_that_can_be_asked_again(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("crashing", parameters={}))
    assert tape.completed(job_id).body["failure_reason"] == "attempts_exhausted"
    [letter] = until(lambda: tape.of(job_id, DEAD_LETTER), what="its dead letter")
    assert letter.header("dlq.error.stage") == "analyse"
    assert letter.header("dlq.error.class") == "attempts_exhausted"
    assert letter.header("dlq.attempts") == str(MAX_CRASHES + 1)
    assert letter.body == {"job_id": job_id, "analysis_type": "crashing", "county_id": "king_wa", "parameters": {}}
    assert rig.database.value("SELECT count(*) FROM dead_letters WHERE job_id = $1", job_id) == 1


@pytest.mark.parametrize("killed", [1, POOL_SIZE])
def test_the_pool_is_rebuilt(rig: Rig, tape: Tape, killed: int) -> None:
    """Also where a part of the children is left: those go with the old pool."""
    for worker in rig.workers:
        for child in worker.children()[:killed]:
            child.kill()
    ids = rig.upstream.send(*(request("sleepy", parameters={"seconds": 0.05}) for _ in range(8)))
    assert {end["status"] for end in tape.ends(ids, within=120)} == {"COMPLETED"}
    until(lambda: all(len(worker.children()) == POOL_SIZE for worker in rig.workers), what="all children are back")


def test_a_job_survives_the_death_of_its_process(rig: Rig, tape: Tape, tmp_path: Path) -> None:
    [job_id] = rig.upstream.send(request("flaky", parameters={"marker": str(tmp_path / "runs")}))
    assert tape.completed(job_id).body["status"] == "COMPLETED"
    row = rig.database.job(job_id)
    assert (row["crashes"], row["attempt"]) == (1, 2)
    assert tape.states(job_id) == ["PENDING", "RUNNING", "PENDING", "RUNNING", "COMPLETED"]


def test_a_service_that_is_away_is_no_fault_of_the_job(rig: Rig, tape: Tape, tmp_path: Path) -> None:
    [job_id] = rig.upstream.send(request("away", parameters={"marker": str(tmp_path / "runs")}))
    assert tape.completed(job_id, within=20).body["status"] == "COMPLETED"
    row = rig.database.job(job_id)
    assert (row["crashes"], row["attempt"]) == (0, 2)
    waiting = [record.body["message"] for record in tape.of(job_id) if record.body["status"] == "PENDING"]
    assert "the object store does not answer" in waiting[-1]


@pytest.mark.parametrize(
    ("analysis_type", "reason", "message"),
    [
        ("hungry", "out_of_memory", "MemoryError"),
        ("raising", "processing_exception", "ZeroDivisionError: a mistake in an analysis"),
        ("quitting", "processing_exception", "SystemExit: an analysis that wants to end its process"),
        ("unstorable", "processing_exception", "cannot be stored"),
        ("FAILING_ANALYSIS_SIM", "simulated_failure", "The drill failed on purpose"),
    ],
)
def test_an_analysis_that_fails_says_why(rig: Rig, tape: Tape, analysis_type: str, reason: str, message: str) -> None:
    beside = request("noop")
    ids = rig.upstream.send(request(analysis_type, parameters={}), beside)
    failed, well = tape.ends(ids)
    assert (failed["status"], failed["failure_reason"]) == ("FAILED", reason)
    assert well["status"] == "COMPLETED"
    assert message in rig.database.job(ids[0])["message"]
    assert rig.database.job(ids[0])["attempt"] == 1


def test_no_process_is_left_over(rig: Rig) -> None:
    for worker in rig.workers:
        family = psutil.Process(worker.pid).children(recursive=True)
        assert len([child for child in family if child in worker.children()]) == POOL_SIZE
        assert not [child for child in family if child.status() == psutil.STATUS_ZOMBIE]
