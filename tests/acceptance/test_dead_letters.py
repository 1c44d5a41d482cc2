"""A poison request from its refusal to the job that its correction makes, over HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.rig import Rig
from support.shell import Shell
from support.tape import Tape, request
from support.waiting import until
from support.web import PREFIX

LETTERS = f"{PREFIX}/dead-letters"
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
HEADERS = (("correlation_id", b"batch 7"), ("traceparent", TRACE.encode()), ("tenant", b"\xff\x00"))


class Desk:
    """Where somebody looks after dead letters."""

    def __init__(self, rig: Rig, tape: Tape) -> None:
        self.rig = rig
        self.tape = tape

    def refused(self, value: bytes | None, *, topic: str | None = None) -> Any:
        """Put a bad record on a topic and return its dead letter as the list tells it."""
        key = str(uuid4()).encode()
        where = {} if topic is None else {"topic": topic}
        self.rig.upstream.put(value, key=key, headers=HEADERS, **where)
        self.rig.upstream.flush()
        told = self.tape.letter(value, key=key)
        return self.get(f"/{told.header('dlq.id')}")

    def get(self, path: str = "") -> Any:
        reply = self.rig.web.get(LETTERS + path)
        assert reply.status == 200, reply
        return reply.body

    def post(self, path: str, body: Any = None, *, status: int, **headers: str) -> Any:
        reply = self.rig.web.post(LETTERS + path, {} if body is None else body, **headers)
        assert reply.status == status, reply.content
        return reply.body


@pytest.fixture(scope="module")
def desk(rig: Rig, tape: Tape) -> Desk:
    rig.ready()
    return Desk(rig, tape)


def poison(**fields: Any) -> bytes:
    return json.dumps(request("noop", **fields)).encode()


def test_a_poison_request_is_listed_corrected_replayed_and_completes(desk: Desk, rig: Rig, tape: Tape) -> None:
    former = request("horoscope")
    letter = desk.refused(json.dumps(former).encode())
    assert (letter["state"], letter["stage"], letter["error_class"]) == ("open", "validate", "UnknownAnalysisType")
    assert (letter["value"]["json"], letter["job_id"]) == (former, former["job_id"])
    assert [(h["name"], h["text"] or h["base64"]) for h in letter["headers"]] == [
        ("correlation_id", "batch 7"),
        ("traceparent", TRACE),
        ("tenant", "/wA="),
    ]
    listed = desk.get(f"?error_class=UnknownAnalysisType&job_id={former['job_id']}")
    assert [entry["id"] for entry in listed["dead_letters"]] == [letter["id"]]

    refused = desk.post(f"/{letter['id']}/replay", status=422)
    assert "horoscope" in refused["detail"]
    corrected = {"value": request("noop")}
    told = desk.post(f"/{letter['id']}/replay", corrected, status=202, X_Requested_By="ann")
    job_id = told["job_id"]
    end = tape.completed(job_id)
    assert (end.body["status"], end.header("correlation_id"), end.header("traceparent")) == (
        "COMPLETED",
        "batch 7",
        TRACE,
    )
    job = rig.web.status(job_id)
    assert (job["retry_of"], job["requested_by"]) == (former["job_id"], "ann")
    assert rig.web.status(former["job_id"])["status"] == "FAILED"

    again = desk.post(f"/{letter['id']}/replay", corrected, status=409)
    assert f"was replayed as job {job_id}" in again["detail"]
    assert "by ann" in again["detail"]
    assert desk.get(f"?job_id={former['job_id']}")["total"] == 0


def test_of_many_who_replay_at_once_one_makes_one_job(desk: Desk, rig: Rig) -> None:
    letter = desk.refused(b"junk")
    corrected = {"value": request("noop")}
    before = rig.database.value("SELECT count(*) FROM market_analysis_jobs")

    def replay(number: int) -> int:
        worker = rig.workers[number % len(rig.workers)]
        return worker.web.post(f"{LETTERS}/{letter['id']}/replay", corrected).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(replay, range(8)))
    assert statuses == [202] + [409] * 7
    assert rig.database.value("SELECT count(*) FROM market_analysis_jobs") == before + 1


@contextmanager
def dying_at_the_mark(rig: Rig) -> Iterator[None]:
    """Have Postgres break the connection on which a letter is marked."""
    ends = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END"
    rig.database.rows(f"CREATE FUNCTION died() RETURNS trigger LANGUAGE plpgsql AS $${ends}$$")
    rig.database.rows("CREATE TRIGGER died BEFORE UPDATE ON dead_letters FOR EACH ROW EXECUTE FUNCTION died()")
    try:
        yield
    finally:
        rig.database.rows("DROP FUNCTION died() CASCADE")


def test_a_crash_between_the_job_and_the_mark_makes_no_second_job(desk: Desk, rig: Rig, tape: Tape) -> None:
    letter = desk.refused(b"more junk")
    corrected = {"value": request("noop")}
    with dying_at_the_mark(rig):
        desk.post(f"/{letter['id']}/replay", corrected, status=503)
    assert desk.get(f"/{letter['id']}")["state"] == "open"
    before = rig.database.value("SELECT count(*) FROM market_analysis_jobs")
    told = desk.post(f"/{letter['id']}/replay", corrected, status=202)
    assert tape.completed(told["job_id"]).body["status"] == "COMPLETED"
    assert rig.database.value("SELECT count(*) FROM market_analysis_jobs") == before


def test_from_the_command_line(desk: Desk, shell: Shell, tape: Tape, tmp_path: Path) -> None:
    run = partial(shell.run, "dead-letters")
    letters = [desk.refused(f"not JSON {number}".encode()) for number in range(3)]
    first, second, third = [str(letter["id"]) for letter in letters]
    listed = json.loads(shell.wholly("dead-letters", "list", "--stage", "decode", "--limit", "3", "--json")[0])
    assert [str(entry["id"]) for entry in listed["dead_letters"]] == [third, second, first]
    assert "not JSON 0" in run("show", first)[0]
    assert json.loads(run("show", first, "--json")[0])["value"]["text"] == "not JSON 0"

    out, err = run("replay", first, code=1)
    assert "refused: the value is not usable JSON" in out
    (tmp_path / "value.json").write_text(json.dumps(request("noop")))
    told = json.loads(run("replay", first, "--value", str(tmp_path / "value.json"), "--json")[0])
    assert (told["done"], told["refused"]) == (1, 0)
    tape.completed(told["outcomes"][0]["job_id"])

    run("discard", second, "--note", "a test of ours")
    assert "was discarded" in run("discard", second, "--note", "again", code=1)[0]
    since = letters[2]["created_at"]
    _, err = run("discard", "--since", since, "--stage", "decode", "--note", "all of them", code=2)
    assert "Would discard 1 open dead letter with stage decode" in err
    out, err = run("discard", "--since", since, "--stage", "decode", "--note", "all of them", "--yes")
    assert out == f"{third}  Discarded\n"
    assert desk.get(f"/{third}")["note"] == "all of them"
    assert "no dead letter has the id 999999999" in run("show", "999999999", code=2)[1]


def test_many_at_once_over_http(desk: Desk, rig: Rig, tape: Tape) -> None:
    letters = [desk.refused(poison(county_id="atlantis")) for _ in range(3)]
    since = letters[0]["created_at"]
    path = f"/replay?since={since}&error_class=UnknownCounty"
    assert desk.post(path, {"confirm": 2}, status=409)["allowed"] == "3"
    told = desk.post(path, {"confirm": 3}, status=202)
    assert (told["done"], told["refused"]) == (0, 3)
    assert {outcome["problem"]["field"] for outcome in told["outcomes"]} == {"county_id"}
    told = desk.post(path.replace("replay", "discard"), {"confirm": 3, "note": "no such county"}, status=200)
    assert (told["done"], told["refused"]) == (3, 0)


def test_a_job_that_was_given_up_can_be_tried_again(desk: Desk, rig: Rig, tape: Tape) -> None:
    before = kept_of_analyses(rig)
    asked = request("crashing", priority=7, correlation_id="roll 2026")
    rig.upstream.send(asked)
    assert tape.completed(asked["job_id"], within=60).body["failure_reason"] == "attempts_exhausted"
    (letter,) = until(lambda: desk.get(f"?job_id={asked['job_id']}")["dead_letters"], what="the letter is listed")
    assert letter["stage"] == "analyse"
    assert kept_of_analyses(rig) == before + 1
    told = desk.post(f"/{letter['id']}/replay", status=202)
    job = told["job"]
    assert (job["retry_of"], job["priority"], job["correlation_id"]) == (asked["job_id"], 7, "roll 2026")
    assert tape.completed(job["job_id"], within=60).body["failure_reason"] == "attempts_exhausted"


def kept_of_analyses(rig: Rig) -> float:
    name = 'terrafusion_dead_letters_total{stage="analyse"}'
    return sum(worker.web.metrics().get(name, 0) for worker in rig.workers)


def test_a_command_that_was_refused_is_carried_out_later(desk: Desk, rig: Rig) -> None:
    order = {"command": "pause", "county_id": "king_wa", "reason": "loading", "colour": "blue"}
    letter = desk.refused(json.dumps(order).encode(), topic="market-analysis.commands.v1")
    assert letter["error_class"] == "InvalidRequest"
    del order["colour"]
    told = desk.post(f"/{letter['id']}/replay", {"value": order | {"command": "resume"} | {"reason": None}}, status=202)
    assert told["message"] == "Carried out: resume"


def test_the_metrics_tell_what_is_open_and_what_was_done(desk: Desk, rig: Rig) -> None:
    letter = desk.refused(b"counted")

    def total(name: str) -> float:
        return sum(worker.web.metrics().get(f"terrafusion_dead_letters_{name}", 0) for worker in rig.workers)

    def counted() -> int:
        asked = "SELECT count(*) FROM dead_letters WHERE state = 'open' AND stage = 'decode'"
        return rig.database.value(asked)

    before = counted()
    until(lambda: total('open{stage="decode"}') == before, what="the leader tells of open letters")
    handled = total('handled_total{state="discarded"}')
    desk.post(f"/{letter['id']}/discard", {"note": "counted"}, status=200)
    assert total('handled_total{state="discarded"}') == handled + 1
    assert counted() == before - 1
    until(lambda: total('open{stage="decode"}') == before - 1, what="there is one less")
