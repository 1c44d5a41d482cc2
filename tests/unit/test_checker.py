"""The checker of the chaos run sees each promise that is broken, and nothing where none is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.checker import PROMISES, check, metrics_agree
from support.model import CANCELLED, COMPLETED, Asked, Model, Order, failed
from support.tape import COMPLETED as ENDS
from support.tape import DEAD_LETTER, REQUESTS, STATUS, Record
from support.world import COMMANDS, World

RESULTS = Path("/results")
DONE, GIVEN_UP, STOPPED = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
LOCATION = f"file:///results/king_wa/tabled/{DONE}.parquet"


def value(job_id: str, parameters: Mapping[str, Any] | None = None) -> bytes:
    return json.dumps({"job_id": job_id, "parameters": parameters or {}}).encode()


RIVAL = value(DONE, {"seconds": 9})
POISON = (b"k", b"{")
LATE = b'{"command": "cancel"}'
MODEL = Model(
    jobs=(
        Asked(DONE, frozenset({COMPLETED}), value(DONE), rivals=(RIVAL,), stale_runs=1),
        Asked(GIVEN_UP, frozenset({failed("attempts_exhausted")}), value(GIVEN_UP), kills=1),
        Asked(STOPPED, frozenset({CANCELLED}), value(STOPPED), most_runs=0),
    ),
    orders=(Order(DONE, LATE), Order(STOPPED, b"in time")),
    poison=(POISON,),
    deaths=1,
)


def row(job_id: str, status: str, **more: Any) -> dict[str, Any]:
    usual = {
        "analysis_type": "tabled" if job_id == DONE else "noop",
        "county_id": "king_wa",
        "message": "",
        "parameters_json": "{}",
        "result_summary_json": None,
        "result_data_location": None,
        "result_sha256": None,
        "failure_reason": None,
        "data_version": "v1",
        "owner": None,
        "lease_until": None,
        "completed_at": "then",
        "attempt": 1,
        "sequence": 3,
        "crashes": 2 if job_id == GIVEN_UP else 1,
    }
    return {"job_id": job_id, "status": status, **usual, **more}


ROWS = {
    DONE: row(
        DONE,
        "COMPLETED",
        result_summary_json='{"run": 2}',
        result_data_location=LOCATION,
        result_sha256="digest",
    ),
    GIVEN_UP: row(GIVEN_UP, "FAILED", failure_reason="attempts_exhausted"),
    STOPPED: row(STOPPED, "CANCELLED", sequence=2, attempt=0),
}


def event(kind: str, told: Mapping[str, Any], sequence: int, status: str) -> Record:
    job_id = str(told["job_id"])
    summary = json.loads(told["result_summary_json"] or "null")
    at = f"2026-12-01T00:00:0{sequence}Z"
    body = {"updated_at": at, **told, "sequence": sequence, "status": status, "result_summary": summary}
    topic = STATUS if kind == "status" else ENDS
    name = f"{kind}/{job_id}/{sequence}".encode()
    return Record(topic, 0, sequence, job_id.encode(), json.dumps(body).encode(), (("ce_id", name),))


def life(told: Mapping[str, Any]) -> list[Record]:
    states = [*("PENDING", "RUNNING")[: told["sequence"] - 1], told["status"]]
    return [event("status", told, at, state) for at, state in enumerate(states, 1)]


SENT = datetime(2026, 12, 1, tzinfo=UTC)


def request(content: bytes, job_id: str | None = None) -> Record:
    return Record(REQUESTS, 0, 0, job_id and job_id.encode(), content, (), SENT.timestamp())


def letter(number: int, topic: str, content: bytes, stage: str = "accept", job_id: str | None = None) -> dict[str, Any]:
    kept = {"id": number, "topic": topic, "key": None, "value": content, "stage": stage, "job_id": job_id}
    return {**kept, "error_class": "Conflict", "timestamp": SENT}


def unknown(after_s: float) -> World:
    at = SENT + timedelta(seconds=after_s)
    return replace(
        SOUND, letters=(*LETTERS[:2], {**LETTERS[2], "error_class": "NotFound", "timestamp": at}, LETTERS[3])
    )


LETTERS = (
    letter(1, REQUESTS, RIVAL),
    letter(2, REQUESTS, POISON[1], "decode"),
    letter(3, COMMANDS, LATE, job_id=DONE),
    letter(4, REQUESTS, b"asked again", "analyse", GIVEN_UP),
)


def told(kept: Mapping[str, Any]) -> Record:
    why = {"dlq.id": str(kept["id"]), "dlq.error.stage": kept["stage"], "dlq.error.message": "why"}
    return Record(DEAD_LETTER, 0, 0, kept["key"], kept["value"], tuple((k, v.encode()) for k, v in why.items()))


SOUND = World(
    requests=[
        *(request(value(job_id), job_id) for job_id in (DONE, GIVEN_UP, STOPPED)),
        request(RIVAL, DONE),
        request(POISON[1]),
    ],
    statuses=[record for one in ROWS.values() for record in life(one)],
    completed=[event("completed", one, one["sequence"], one["status"]) for one in ROWS.values()],
    dead_letters=[told(kept) for kept in LETTERS],
    rows=ROWS,
    letters=LETTERS,
    outbox=0,
    lag={REQUESTS: 0, COMMANDS: 0},
    digests={Path(LOCATION[7:]): "digest", Path(LOCATION[7:]).with_suffix(".json"): "any"},
    results=RESULTS,
)


def with_row(job_id: str, **changed: Any) -> World:
    return replace(SOUND, rows={**ROWS, job_id: {**ROWS[job_id], **changed}})


def an_old_one() -> Record:
    return event("status", {**ROWS[DONE], "updated_at": "2026-11-30T00:00:00Z"}, 2, "RUNNING")


BROKEN: Mapping[str, tuple[str, Callable[[], World]]] = {
    "a job is lost": ("every_accepted_job", lambda: replace(SOUND, rows={GIVEN_UP: ROWS[GIVEN_UP]})),
    "a job ends otherwise": ("every_accepted_job", lambda: with_row(DONE, status="CANCELLED")),
    "a job nobody asked for": ("every_accepted_job", lambda: replace(SOUND, rows={**ROWS, "x": row("x", "FAILED")})),
    "a crash without a death": ("nobody_is_blamed", lambda: with_row(DONE, crashes=2)),
    "a run that nothing explains": ("who_has_a_job", lambda: with_row(STOPPED, attempt=1)),
    "a job is held": ("no_lease", lambda: with_row(DONE, owner="w")),
    "an entry waits": ("nothing_waits", lambda: replace(SOUND, outbox=1)),
    "a record is not acknowledged": ("offsets", lambda: replace(SOUND, lag={REQUESTS: 1})),
    "an event is missing": ("status_events", lambda: replace(SOUND, statuses=SOUND.statuses[:1] + SOUND.statuses[2:])),
    "an old event comes last": (
        "status_events",
        lambda: replace(SOUND, statuses=[*SOUND.statuses, SOUND.statuses[0]]),
    ),
    "an event is told back in time": (
        "status_events",
        lambda: replace(SOUND, statuses=[SOUND.statuses[0], an_old_one(), *SOUND.statuses[2:]]),
    ),
    "two ends": (
        "the_end_is_told",
        lambda: replace(SOUND, completed=[*SOUND.completed, event("completed", ROWS[DONE], 4, "COMPLETED")]),
    ),
    "no end": ("the_end_is_told", lambda: replace(SOUND, completed=SOUND.completed[1:])),
    "an end that differs": ("the_end_is_told", lambda: with_row(DONE, data_version="v2")),
    "an old answer": ("no_answer_is_of", lambda: with_row(DONE, result_summary_json='{"run": 1}')),
    "poison without a letter": ("dead_letters_are", lambda: replace(SOUND, letters=LETTERS[:1] + LETTERS[2:])),
    "a rival without a letter": ("dead_letters_are", lambda: replace(SOUND, letters=LETTERS[1:])),
    "a letter too many": ("dead_letters_are", lambda: replace(SOUND, letters=(*LETTERS, letter(5, REQUESTS, b"?")))),
    "a letter twice": ("dead_letters_are", lambda: replace(SOUND, letters=(*LETTERS, letter(5, REQUESTS, b"{")))),
    "a cancel that does not wait": ("a_cancel_is_of", lambda: unknown(5)),
    "given up in silence": ("jobs_given_up", lambda: replace(SOUND, letters=LETTERS[:3])),
    "a letter is not told": ("every_dead_letter", lambda: replace(SOUND, dead_letters=SOUND.dead_letters[1:])),
    "a letter of nobody": ("every_dead_letter", lambda: replace(SOUND, letters=LETTERS[1:])),
    "a file is missing": ("results_are_whole", lambda: replace(SOUND, digests={})),
    "a file of other bytes": ("results_are_whole", lambda: with_row(DONE, result_sha256="other")),
    "a file of nobody": (
        "results_are_whole",
        lambda: replace(SOUND, digests={**SOUND.digests, RESULTS / "king_wa/tabled/x.parquet.123": ""}),
    ),
    "a process is left": ("nothing_is_left", lambda: replace(SOUND, left=["process 1"])),
}


def test_nothing_is_found_where_every_promise_is_kept() -> None:
    assert check(SOUND, MODEL) == []


def test_a_cancel_may_come_before_its_request() -> None:
    assert check(unknown(-11), MODEL) == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_found(what: str) -> None:
    promise, broken = BROKEN[what]
    assert any(finding.startswith(promise) for finding in check(broken(), MODEL)), what


def test_each_promise_is_broken_here_once() -> None:
    broken = {promise for promise, _ in BROKEN.values()}
    assert all(any(one.__name__.startswith(name) for name in broken) for one in PROMISES)


def test_metrics_are_held_to_the_table() -> None:
    samples = {
        f'market_analysis_jobs_submitted_total{{analysis_type="{kind}",county_id="king_wa",status_on_submit="PENDING"}}': n
        for kind, n in (("tabled", 1.0), ("noop", 2.0))
    } | {
        'market_analysis_jobs_completed_total{analysis_type="tabled",county_id="king_wa"}': 1.0,
        'market_analysis_jobs_failed_total{analysis_type="noop",county_id="king_wa",failure_reason="attempts_exhausted"}': 1.0,
    }
    assert list(metrics_agree(SOUND, samples)) == []
    one_more = {name: number + 1 for name, number in samples.items()}
    assert len(list(metrics_agree(SOUND, one_more))) == len(samples)
