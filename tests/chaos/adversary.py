"""The worst moments, provoked one by one: each is what one guard is there for."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from support.model import COMPLETED, Asked, Model
from support.waiting import until

from chaos.run import Outcome, idle, judged
from chaos.system import System
from chaos.traps import arm

SECOND_RUN_S = 4.0
LONG_S = 15.0
"""Longer than a lease and the rest before a takeover; it is run twice."""
WAKES_S = 5.0
WITHIN_S = 120.0

Provoke = Callable[[System], Sequence[Asked]]


def provoked(struck: System, moments: Sequence[Provoke]) -> Outcome:
    """Bring about these moments, each in a system at rest, and hold what is seen to what was asked."""
    asked: list[Asked] = []
    for provoke in moments:
        asked += provoke(struck)
        _seen(struck, lambda: idle(struck), "the system is at rest")
    deaths = sum(provoke not in NOBODY_DIES for provoke in moments)
    return judged(Model(tuple(asked), deaths=deaths), struck)


def a_worker_wakes_with_an_old_answer(struck: System) -> Sequence[Asked]:
    """Freeze a worker before it commits an answer, and wake it while another runs the job again."""
    marker = struck.folder / "runs"
    sprung = arm(struck.folder, "finish")
    asked = _ask(struck, "counted", marker=str(marker), seconds=SECOND_RUN_S)
    _seen(struck, sprung.exists, "a worker is about to commit")
    runs, attempt = marker.stat().st_size, struck.database.job(asked.job_id)["attempt"]
    _seen(struck, lambda: _runs_again(struck, asked, attempt), "another has taken it over")
    os.kill(_pid(sprung), signal.SIGCONT)
    return [Asked(asked.job_id, asked.ends, asked.value, stale_runs=runs)]


def a_worker_wakes_and_hands_back_what_others_have(struck: System) -> Sequence[Asked]:
    """Freeze a worker that runs a job, and wake it while another runs it again: its lease is over, and it says so."""
    asked = _ask(struck, "sleepy", seconds=LONG_S)
    _seen(struck, lambda: _status(struck, asked) == "RUNNING", "it runs")
    row = struck.database.job(asked.job_id)
    pid = int(row["owner"].split(":")[1])
    os.kill(pid, signal.SIGSTOP)
    _seen(struck, lambda: _runs_again(struck, asked, row["attempt"]), "another has taken it over")
    os.kill(pid, signal.SIGCONT)
    return [replace(asked, most_runs=row["attempt"] + 1)]


def a_relay_wakes_with_what_it_read(struck: System) -> Sequence[Asked]:
    """Freeze the relay between the outbox and the broker, and wake it when another has told all that and more."""
    sprung = arm(struck.folder, "publish_late")
    asked = _ask(struck, "noop")
    _seen(struck, sprung.exists, "the relay is about to publish")
    _seen(struck, lambda: _status(struck, asked) == COMPLETED and idle(struck), "another has told its end")
    os.kill(_pid(sprung), signal.SIGCONT)
    time.sleep(WAKES_S)
    return [asked]


def _runs_again(struck: System, asked: Asked, attempt: int) -> bool:
    row = struck.database.job(asked.job_id)
    return row["status"] == "RUNNING" and row["attempt"] > attempt


def _seen(struck: System, look: Callable[[], Any], what: str) -> None:
    """Wait for something while what dies is started again."""

    def watch() -> Any:
        struck.supervise()
        return look()

    until(watch, what=what, within=WITHIN_S)


def the_relay_dies_with_what_it_read(struck: System) -> Sequence[Asked]:
    """Kill the relay between the outbox and the broker."""
    return _dies(struck, "publish")


def a_worker_dies_with_what_it_took(struck: System) -> Sequence[Asked]:
    """Kill a worker before it has written down a request, once what it acknowledged is committed."""
    return _dies(struck, "accept")


def requests_come_again(struck: System) -> Sequence[Asked]:
    """Send a request again after its end, and then another one under its id."""
    asked = _ask(struck, "sleepy", seconds=0.01)
    _seen(struck, lambda: _status(struck, asked) == COMPLETED, "it has ended")
    other = json.dumps({**json.loads(asked.value), "parameters": {"seconds": 0.02}}).encode()
    for value in (asked.value, other):
        struck.upstream.put(value, key=asked.job_id.encode())
    struck.upstream.flush()
    return [Asked(asked.job_id, asked.ends, asked.value, rivals=(other,))]


def a_claim_is_not_heard_of(struck: System) -> Sequence[Asked]:
    """Have a connection die between the commit of a claim and its answer."""
    sprung = arm(struck.folder, "claim")
    asked = _ask(struck, "noop")
    _seen(struck, sprung.exists, "a claim is committed")
    return [asked]


MOMENTS: Mapping[str, Provoke] = {
    "fencing": a_worker_wakes_with_an_old_answer,
    "outbox": the_relay_dies_with_what_it_read,
    "ordered_ack": a_worker_dies_with_what_it_took,
    "dedupe": requests_come_again,
    "digest": requests_come_again,
    "hand_back": a_worker_wakes_and_hands_back_what_others_have,
    "relay_fence": a_relay_wakes_with_what_it_read,
    "lost_claim": a_claim_is_not_heard_of,
}
"""The moment that each guard is there for."""
NOBODY_DIES = {requests_come_again, a_claim_is_not_heard_of}


def _ask(struck: System, analysis_type: str, **parameters: Any) -> Asked:
    request = {
        "job_id": str(uuid4()),
        "analysis_type": analysis_type,
        "county_id": "king_wa",
        "parameters": parameters,
    }
    asked = Asked(request["job_id"], frozenset({COMPLETED}), json.dumps(request).encode())
    struck.upstream.put(asked.value, key=asked.job_id.encode())
    struck.upstream.flush()
    return asked


def _status(struck: System, asked: Asked) -> str | None:
    row = struck.database.job(asked.job_id)
    return row and row["status"]


def _dies(struck: System, trap: str) -> Sequence[Asked]:
    """Ask for a job, and wait until who sprang the trap is dead."""
    sprung = arm(struck.folder, trap)
    asked = _ask(struck, "noop")
    _seen(struck, sprung.exists, "the trap is sprung")
    _seen(struck, lambda: not psutil.pid_exists(_pid(sprung)), "it is dead")
    return [asked]


def _pid(sprung: Path) -> int:
    return int(until(sprung.read_text, what="it says who it is"))
