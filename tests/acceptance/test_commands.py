"""Orders to a system at work, over their topic and over HTTP: jobs cancelled and asked again, what is paused and goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
import pytest
from support.rig import GROUP, POOL_SIZE, Rig, TestedWorker
from support.tape import COMPLETED, DEAD_LETTER, PARTITIONS, Record, Tape, committed_lag, request
from support.waiting import until
from support.web import PREFIX, Reply

COMMANDS = "market-analysis.commands.v1"
GONE_WITHIN_S = 2.0
PATIENCE_S = 10.0
EVENT = (("ce_specversion", b"1.0"), ("ce_source", b"/assessor/desk"), ("ce_type", b"order"))


def order(rig: Rig, command: str, *, headers: Sequence[tuple[str, bytes]] = (), **fields: Any) -> bytes:
    """Put a command on its topic and return its bytes; all in one partition, so that each stands behind the others."""
    value = json.dumps({"command": command, **fields}).encode()
    rig.upstream.put(value, topic=COMMANDS, key=b"order", partition=2, headers=headers)
    rig.upstream.flush()
    return value


def post(rig: Rig, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
    return rig.web.post(f"{PREFIX}/{path}", body, **headers)


@contextmanager
def paused(rig: Rig, reason: str = "maintenance", **scope: str) -> Iterator[None]:
    """Have something paused, and known by every worker."""
    assert post(rig, "pause", {**scope, "reason": reason}).status == 200
    try:
        until(lambda: all(told_paused(worker) for worker in rig.workers), what="every worker knows", within=5)
        yield
    finally:
        assert post(rig, "resume", scope).body["was_paused"]


def told_paused(worker: TestedWorker) -> float:
    told = worker.web.metrics()
    return sum(told[f'terrafusion_paused{{scope="{scope}"}}'] for scope in ("intake", "county", "type"))


def lost(rig: Rig) -> float:
    return sum(worker.web.metrics()["terrafusion_leases_lost_total"] for worker in rig.workers)


def children_with(rig: Rig, job_id: str) -> Sequence[psutil.Process]:
    owner = until(lambda: rig.database.job(job_id)["owner"], what=f"{job_id} has an owner")
    return next(worker for worker in rig.workers if f":{worker.pid}:" in owner).children()


class TestCancel:
    @pytest.mark.parametrize("way", ["topic", "http"])
    def test_a_running_job_ends_at_once_and_its_process_is_gone(self, rig: Rig, tape: Tape, way: str) -> None:
        before = lost(rig)
        [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
        until(
            lambda: tape.life(job_id)[-1:] and tape.life(job_id)[-1]["progress"] > 0,
            what="a process runs it",
            within=60,
        )
        children = children_with(rig, job_id)
        began = time.monotonic()
        if way == "topic":
            order(rig, "cancel", job_id=job_id, reason="asked for the wrong year", requested_by="roll desk")
        else:
            said = {"reason": "asked for the wrong year"}
            reply = post(rig, f"cancel/{job_id}", said, X_Requested_By="roll desk")
            assert (reply.status, reply.body["status"]) == (200, "CANCELLED")
        until(lambda: not all(child.is_running() for child in children), what="its process is gone", within=10)
        assert time.monotonic() - began < GONE_WITHIN_S
        told = tape.completed(job_id).body
        assert told["status"] == "CANCELLED"
        assert tape.life(job_id)[-1]["message"] == "Cancelled by roll desk: asked for the wrong year"
        assert tape.states(job_id) == ["PENDING", "RUNNING", "CANCELLED"]
        assert len(tape.of(job_id, COMPLETED)) == 1
        assert lost(rig) == before
        until(lambda: all(len(worker.children()) == POOL_SIZE for worker in rig.workers), what="the pool is whole")

    def test_a_waiting_job_never_begins(self, rig: Rig, tape: Tape) -> None:
        with paused(rig, county_id="lucas_oh"):
            [job_id] = rig.upstream.send(request("noop", "lucas_oh"))
            tape.status(job_id, "PENDING")
            assert post(rig, f"cancel/{job_id}", {}).status == 200
        assert tape.completed(job_id).body["status"] == "CANCELLED"
        assert tape.states(job_id) == ["PENDING", "CANCELLED"]

    def test_what_has_ended_cannot_be_cancelled(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("noop"))
        tape.completed(job_id)
        assert post(rig, f"cancel/{job_id}", {}).status == 409
        letter = tape.letter(order(rig, "cancel", job_id=job_id), key=b"order")
        assert (letter.header("dlq.error.stage"), letter.header("dlq.error.class")) == ("accept", "Conflict")
        assert post(rig, f"cancel/{uuid4()}", {}).status == 404
        assert tape.states(job_id)[-1] == "COMPLETED"

    def test_a_second_cancel_over_the_topic_changes_nothing(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
        tape.status(job_id, "RUNNING")
        for _ in range(2):
            order(rig, "cancel", job_id=job_id)
        assert tape.completed(job_id).body["status"] == "CANCELLED"
        until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="both are acknowledged")
        assert not [r for r in tape.records[DEAD_LETTER] if job_id.encode() in (r.value or b"")]
        assert len(tape.of(job_id, COMPLETED)) == 1
        assert post(rig, f"cancel/{job_id}", {}).status == 409

    def test_a_cancel_waits_for_its_request(self, rig: Rig, tape: Tape) -> None:
        late = request("sleepy", parameters={"seconds": 60})
        order(rig, "cancel", job_id=late["job_id"])
        time.sleep(3)
        rig.upstream.send(late)
        assert tape.completed(late["job_id"], within=5).body["status"] == "CANCELLED"

    def test_a_cancel_whose_request_never_comes_holds_up_nobody(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
        tape.status(job_id, "RUNNING")
        until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="nothing stands before it")
        began = time.monotonic()
        never = order(rig, "cancel", job_id=str(uuid4()))
        order(rig, "cancel", job_id=job_id)
        assert tape.completed(job_id, within=5).body["status"] == "CANCELLED"
        assert committed_lag(rig.bootstrap, GROUP, COMMANDS) == 2, "what stands behind it is not acknowledged before it"
        letter = tape.letter(never, key=b"order", within=20)
        assert time.monotonic() - began >= PATIENCE_S
        assert (letter.header("dlq.error.stage"), letter.header("dlq.error.class")) == ("accept", "NotFound")
        until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="all are acknowledged")


class TestRetry:
    def test_a_retry_is_a_new_job_that_asks_the_same(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 0.1}, priority=7, correlation_id="c-1"))
        tape.completed(job_id)
        reply = post(rig, f"retry/{job_id}", {}, X_Requested_By="roll desk")
        new = reply.body
        assert (reply.status, reply.headers["Location"]) == (202, f"{PREFIX}/status/{new['job_id']}")
        assert (new["retry_of"], new["parameters"], new["priority"]) == (job_id, {"seconds": 0.1}, 7)
        assert (new["correlation_id"], new["requested_by"]) == ("c-1", "roll desk")
        assert tape.completed(new["job_id"]).body["status"] == "COMPLETED"

    def test_the_same_event_twice_makes_one_job(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("noop"))
        tape.completed(job_id)
        for _ in range(2):
            order(rig, "retry", job_id=job_id, headers=(*EVENT, ("ce_id", job_id.encode())))
        until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="both are acknowledged")
        [new] = rig.database.rows("SELECT * FROM market_analysis_jobs WHERE retry_of = $1", job_id)
        assert new["requested_by"] == "/assessor/desk"
        assert tape.completed(str(new["job_id"])).body["status"] == "COMPLETED"

    def test_a_key_names_the_new_job(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("noop"))
        tape.completed(job_id)
        first, again, other = (post(rig, f"retry/{job_id}", {}, Idempotency_Key=key).body for key in ("a", "a", "b"))
        assert first["job_id"] == again["job_id"] != other["job_id"]

    def test_what_runs_cannot_be_retried(self, rig: Rig, tape: Tape) -> None:
        [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
        tape.status(job_id, "RUNNING")
        assert post(rig, f"retry/{job_id}", {}).status == 409
        letter = tape.letter(order(rig, "retry", job_id=job_id), key=b"order")
        assert letter.header("dlq.error.class") == "Conflict"
        assert post(rig, f"cancel/{job_id}", {}).status == 200
        assert post(rig, f"retry/{uuid4()}", {}).status == 404


class TestPause:
    def test_a_paused_intake_lets_nothing_in_and_loses_nothing(self, rig: Rig, tape: Tape) -> None:
        [running] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
        tape.status(running, "RUNNING")
        with paused(rig, "the roll is being certified"):
            reply = post(rig, "run", request("noop"))
            assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
            assert reply.body["detail"] == "The intake is paused: the roll is being certified."
            ids = rig.upstream.send(*(request("noop") for _ in range(3 * PARTITIONS)))
            time.sleep(2.5)
            assert not any(tape.of(job_id) for job_id in ids)
            assert committed_lag(rig.bootstrap, GROUP) == len(ids)
            order(rig, "cancel", job_id=running)
            assert tape.completed(running, within=5).body["status"] == "CANCELLED"
            assert [pause["scope"] for pause in rig.workers[1].web.get(f"{PREFIX}/pauses").body["pauses"]] == ["intake"]
        assert {end["status"] for end in tape.ends(ids)} == {"COMPLETED"}
        until(lambda: committed_lag(rig.bootstrap, GROUP) == 0, what="all are acknowledged")

    def test_a_cancel_waits_for_a_request_before_it_however_long_that_is_not_let_in(self, rig: Rig, tape: Tape) -> None:
        with paused(rig):
            [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 60}))
            order(rig, "cancel", job_id=job_id)
            time.sleep(PATIENCE_S + 4)
            assert committed_lag(rig.bootstrap, GROUP, COMMANDS) == 1
        assert tape.completed(job_id, within=5).body["status"] == "CANCELLED"
        until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="it is acknowledged")
        assert not [r for r in tape.records[DEAD_LETTER] if job_id.encode() in (r.value or b"")]

    @pytest.mark.parametrize("scope", [{"county_id": "lucas_oh"}, {"analysis_type": "tabled"}])
    def test_jobs_of_what_is_paused_are_accepted_and_wait(self, rig: Rig, tape: Tape, scope: Mapping[str, str]) -> None:
        asked = {"analysis_type": "tabled", "county_id": "lucas_oh"}
        [running] = rig.upstream.send(request(**asked, parameters={"seconds": 3.0}))
        tape.status(running, "RUNNING")
        with paused(rig, **scope):
            [waiting] = rig.upstream.send(request(**asked))
            tape.status(waiting, "PENDING")
            [beside] = rig.upstream.send(request("noop"))
            assert tape.completed(beside).body["status"] == "COMPLETED"
            assert tape.completed(running).body["status"] == "COMPLETED"
            told = [worker.web.status(waiting) for worker in rig.workers]
            assert {(job["status"], job["waiting_for"]) for job in told} == {("PENDING", "paused")}
        assert tape.completed(waiting, within=5).body["status"] == "COMPLETED"

    def test_over_the_topic(self, rig: Rig, tape: Tape) -> None:
        order(rig, "pause", county_id="lucas_oh", reason="reappraisal", requested_by="roll desk")
        until(lambda: rig.web.get(f"{PREFIX}/pauses").body["pauses"], what="it is paused")
        [pause] = rig.web.get(f"{PREFIX}/pauses").body["pauses"]
        assert (pause["county_id"], pause["reason"], pause["requested_by"]) == ("lucas_oh", "reappraisal", "roll desk")
        order(rig, "resume", county_id="lucas_oh")
        until(lambda: not rig.web.get(f"{PREFIX}/pauses").body["pauses"], what="it goes on")

    def test_a_waiting_job_fails_when_its_deadline_passes(self, rig: Rig, tape: Tape) -> None:
        soon = (datetime.now().astimezone() + timedelta(seconds=1)).isoformat()
        with paused(rig, county_id="lucas_oh"):
            [job_id] = rig.upstream.send(request("noop", "lucas_oh", deadline=soon))
            told = tape.completed(job_id, within=6).body
        assert (told["status"], told["failure_reason"]) == ("FAILED", "deadline_passed")
        assert tape.states(job_id) == ["PENDING", "FAILED"]


BAD: Mapping[str, tuple[bytes | None, str, str, str]] = {
    "malformed": (b'{"command": ', "decode", "MalformedMessage", "JSON"),
    "null": (None, "decode", "MalformedMessage", "null"),
    "no object": (b'["cancel"]', "decode", "MalformedMessage", "a command is a JSON object"),
    "unknown verb": (b'{"command": "stop"}', "validate", "InvalidRequest", "command is 'stop'"),
    "no job": (b'{"command": "cancel"}', "validate", "InvalidRequest", "job_id is null"),
    "unknown field": (b'{"command": "pause", "colour": 1}', "validate", "InvalidRequest", "colour is not known"),
    "two scopes": (
        b'{"command": "pause", "county_id": "king_wa", "analysis_type": "noop"}',
        "validate",
        "InvalidRequest",
        "analysis_type is 'noop'",
    ),
    "unknown county": (b'{"command": "pause", "county_id": "atlantis"}', "validate", "UnknownCounty", "atlantis"),
    "unknown type": (
        b'{"command": "pause", "analysis_type": "horoscope"}',
        "validate",
        "UnknownAnalysisType",
        "horoscope",
    ),
}


def test_bad_commands_are_dead_letters_and_the_good_ones_between_them_are_carried_out(rig: Rig, tape: Tape) -> None:
    ids = rig.upstream.send(*(request("sleepy", parameters={"seconds": 60}) for _ in BAD))
    for job_id in ids[:POOL_SIZE]:
        tape.status(job_id, "PENDING")
    good = [json.dumps({"command": "cancel", "job_id": job_id}).encode() for job_id in ids]
    for kind, value in zip(BAD, good, strict=True):
        rig.upstream.put(BAD[kind][0], topic=COMMANDS, key=f"order: {kind}".encode(), partition=6)
        rig.upstream.put(value, topic=COMMANDS, key=b"order: good", partition=6)
    rig.upstream.flush()
    assert {end["status"] for end in tape.ends(ids)} == {"CANCELLED"}
    for kind, (value, stage, error, says) in BAD.items():
        letter: Record = tape.letter(value, key=f"order: {kind}".encode())
        assert (letter.header("dlq.error.stage"), letter.header("dlq.error.class")) == (stage, error)
        assert says in (letter.header("dlq.error.message") or "")
        assert letter.header("dlq.original.topic") == COMMANDS
    until(lambda: committed_lag(rig.bootstrap, GROUP, COMMANDS) == 0, what="all are acknowledged")
    assert not [r for r in tape.records[DEAD_LETTER] if r.key == b"order: good"]
