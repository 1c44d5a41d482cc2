"""How the doomed system is brought to each boundary, and what must be true when it lives again.

A play is a generator: what stands before its first `yield` prepares, then the boundary is armed; what stands before the
second brings somebody there; what stands behind that comes when the dead worker is started again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from uuid import uuid4

from support.crashing import Victim
from support.doomed import COMMANDS, COUNTY, Doomed
from support.tape import request
from support.web import PREFIX, Reply

from terrafusion.boundaries import Boundary

Play = Callable[[Doomed], Iterator[None]]
NO_TYPE = "horoscope"
PAUSED_TYPE = "trend_analysis"
NAMES_OF_IT = 2


@dataclass(frozen=True)
class Blow:
    """A death at a boundary."""

    boundary: Boundary
    victim: Victim
    play: Play

    @property
    def name(self) -> str:
        return f"{self.boundary.name}-{self.victim}-{self.play.__name__}"

    @property
    def kills_worker(self) -> bool:
        return self.victim is Victim.PARENT or self.boundary not in IN_CHILD


IN_CHILD = {
    Boundary.CHILD_UP,
    Boundary.BEGUN,
    Boundary.ANALYSING,
    Boundary.FILE_WRITTEN,
    Boundary.FILE_NAMED,
    Boundary.DOCUMENT_STORED,
    Boundary.RESULT_STORED,
}
BLOWS: list[Blow] = []


def at(*boundaries: Boundary, victims: tuple[Victim, ...] = (Victim.SELF,)) -> Callable[[Play], Play]:
    """Have a play played at each of these boundaries, once for each victim."""

    def add(play: Play) -> Play:
        BLOWS.extend(Blow(boundary, victim, play) for boundary in boundaries for victim in victims)
        return play

    return add


def bare(analysis_type: str, **fields: Any) -> bytes:
    return json.dumps(request(analysis_type, COUNTY, **fields)).encode()


@at(
    Boundary.FETCHED,
    Boundary.ACKNOWLEDGED,
    Boundary.OFFSETS_COMMITTED,
    Boundary.CLAIMING,
    Boundary.CLAIMED,
    Boundary.DISPATCHING,
    Boundary.ENDED,
    Boundary.FINISHED,
    Boundary.ENTRIES_READ,
    Boundary.SENT,
    Boundary.PUBLISHED,
    Boundary.FORGOTTEN,
)
def requests(system: Doomed) -> Iterator[None]:
    yield
    system.send(*(request("noop", COUNTY) for _ in range(4)))
    yield


@at(Boundary.KEEPING_LETTERS, Boundary.LETTERS_KEPT)
def a_batch_with_bad_ones(system: Doomed) -> Iterator[None]:
    """A request that is none, one for what there is not, and two that share an id, among good ones."""
    yield
    good, rival = request("noop", COUNTY), request("sleepy", COUNTY)
    unknown = request(NO_TYPE, COUNTY)
    system.expect(good["job_id"])
    system.expect(unknown["job_id"], "FAILED", "unknown_analysis_type")
    system.upstream.put(json.dumps(good).encode(), partition=3)
    contested = json.dumps(rival | {"job_id": good["job_id"]}).encode()
    system.refused(f"junk {uuid4()}".encode(), json.dumps(unknown).encode(), contested, partition=3)
    yield


@at(Boundary.ACCEPTED)
def a_batch_that_is_refused_whole(system: Doomed) -> Iterator[None]:
    """A value that Postgres cannot store, among requests that it can."""
    yield
    for asked in (request("noop", COUNTY) for _ in range(3)):
        system.expect(asked["job_id"])
        system.upstream.put(json.dumps(asked).encode(), partition=4)
    system.refused(bare("tabled", correlation_id="a \0 in it"), partition=4)
    yield


@at(Boundary.SUBMITTED)
def a_request_over_http(system: Doomed) -> Iterator[None]:
    system.ready()
    body = {"analysis_type": "noop", "county_id": COUNTY, "parameters": {}}
    key = str(uuid4())
    yield
    assert unanswered(system, "/run", body, Idempotency_Key=key)
    yield
    told = answered(system, "/run", body, Idempotency_Key=key)
    assert told.status == 202, told
    system.expect(told.body["job_id"])


@at(Boundary.CARRIED_OUT)
def a_retry(system: Doomed) -> Iterator[None]:
    """However often its command comes, it makes one job."""
    job_id = system.ended()
    yield
    system.order(command="retry", job_id=job_id)
    yield
    again = system.wait_for("SELECT job_id FROM market_analysis_jobs WHERE retry_of = $1", job_id)
    system.expect(str(again[0]["job_id"]))
    told(system, "retry", job_id)


@at(Boundary.CARRIED_OUT)
def a_command_that_is_refused(system: Doomed) -> Iterator[None]:
    yield
    system.refused(json.dumps({"command": "dance", "n": str(uuid4())}).encode(), topic=COMMANDS)
    yield


@at(Boundary.CANCELLED)
def a_cancel(system: Doomed) -> Iterator[None]:
    job_id = system.running(seconds=600)
    system.expect(job_id, "CANCELLED")
    yield
    system.order(command="cancel", job_id=job_id)
    yield
    told(system, "cancel", job_id)


@at(Boundary.PAUSED)
def a_pause(system: Doomed) -> Iterator[None]:
    yield
    system.order(command="pause", analysis_type=PAUSED_TYPE)
    yield
    paused(system, NAMES_OF_IT)
    system.order(command="resume", analysis_type=PAUSED_TYPE)
    paused(system, 0)


@at(Boundary.RESUMED)
def a_resume(system: Doomed) -> Iterator[None]:
    system.order(command="pause", analysis_type=PAUSED_TYPE)
    paused(system, NAMES_OF_IT)
    yield
    system.order(command="resume", analysis_type=PAUSED_TYPE)
    yield
    paused(system, 0)


def told(system: Doomed, action: str, job_id: str) -> None:
    """Wait until the audit log tells an order; that it does so once the books say, when all has come again."""
    wanted = "SELECT FROM audit_log WHERE action = $1 AND job_id = $2"
    system.wait_for(wanted, action, job_id)


def paused(system: Doomed, names: int) -> None:
    system.wait_for("SELECT FROM pauses HAVING count(*) = $1", names)


@at(Boundary.CHILD_UP)
def a_child_in_the_place_of_another(system: Doomed) -> Iterator[None]:
    yield
    marker = system.folder / f"marker-{uuid4()}"
    system.deaths += 1  # that which it brings about itself
    system.send(request("flaky", COUNTY, parameters={"marker": str(marker)}))
    yield


@at(Boundary.CHILD_UP, victims=(Victim.PARENT,))
@at(Boundary.LEADING)
def a_start(system: Doomed) -> Iterator[None]:
    yield
    system.kill()
    system.start()
    yield


@at(Boundary.ANALYSING, victims=(Victim.PARENT,))
def an_analysis_without_end(system: Doomed) -> Iterator[None]:
    """A child that outlived its worker would be seen."""
    yield
    asked = request("sleepy", COUNTY, parameters={"seconds": 600})
    system.send(asked, status="CANCELLED")
    yield
    system.order(command="cancel", job_id=asked["job_id"])


@at(Boundary.ANALYSING)
@at(Boundary.BEGUN, victims=(Victim.SELF, Victim.PARENT))
def an_analysis(system: Doomed) -> Iterator[None]:
    yield
    system.send(request("sleepy", COUNTY, parameters={"seconds": 0.5}))
    yield


@at(
    Boundary.FILE_WRITTEN,
    Boundary.FILE_NAMED,
    Boundary.DOCUMENT_STORED,
    Boundary.RESULT_STORED,
    victims=(Victim.SELF, Victim.PARENT),
)
def a_result(system: Doomed) -> Iterator[None]:
    yield
    system.send(request("tabled", COUNTY))
    yield


@at(Boundary.FINISHED_PARTLY)
def ends_of_both_kinds(system: Doomed) -> Iterator[None]:
    yield
    for _ in range(30):
        system.send(request("noop", COUNTY))
        system.send(request("raising", COUNTY, parameters={}), status="FAILED", reason="processing_exception")
    yield


@at(Boundary.RENEWED, Boundary.BEATEN)
def a_heartbeat(system: Doomed) -> Iterator[None]:
    system.running(seconds=2.5)
    yield
    yield


@at(Boundary.RELEASED)
def a_store_that_is_away(system: Doomed) -> Iterator[None]:
    yield
    system.send(request("away", COUNTY, parameters={"marker": str(system.folder / f"marker-{uuid4()}")}))
    yield


@at(Boundary.COUNTING_CRASH, Boundary.CRASH_COUNTED)
def the_death_of_a_child(system: Doomed) -> Iterator[None]:
    yield
    system.deaths += 1  # that which it brings about itself
    system.send(request("flaky", COUNTY, parameters={"marker": str(system.folder / f"marker-{uuid4()}")}))
    yield


@at(Boundary.EXPIRED)
def a_deadline(system: Doomed) -> Iterator[None]:
    """Of a job that cannot run before."""
    system.database.rows("INSERT INTO pauses (scope, name) VALUES ('type', 'only_sales')")
    yield
    soon = (datetime.now().astimezone() + timedelta(seconds=1)).isoformat()
    asked = request("only_sales", COUNTY, parameters={}, deadline=soon)
    system.send(asked, status="FAILED", reason="deadline_passed")
    yield
    system.database.rows("DELETE FROM pauses")


@at(Boundary.DRAINING, Boundary.RELEASED, Boundary.DRAINED)
def a_stop(system: Doomed) -> Iterator[None]:
    system.running(seconds=2.5)
    yield
    system.terminate()
    yield


@at(Boundary.REPLAYED, Boundary.SETTLED)
def a_replay(system: Doomed) -> Iterator[None]:
    """It is asked for again, and makes one job."""
    path = f"/dead-letters/{system.letter()}"
    body = {"value": request("noop", COUNTY)}
    system.ready()
    yield
    assert unanswered(system, f"{path}/replay", body)
    yield
    told = answered(system, f"{path}/replay", body)
    assert told.status in (202, 409), told
    system.expect(system.web.get(PREFIX + path).body["replayed_as"])


@at(Boundary.PUBLISHED_PARTLY)
def an_answer_that_the_broker_refuses(system: Doomed) -> Iterator[None]:
    yield
    system.send(request("noop", COUNTY), request("bulky", COUNTY, parameters={}))
    yield


@at(Boundary.REPUBLISHED)
def a_record_that_is_published_again(system: Doomed) -> Iterator[None]:
    """As an operator does who has raised what the broker takes; here the record has shrunk instead."""
    letter_id = parked(system)
    system.database.rows("UPDATE dead_letters SET value = '{}' WHERE id = $1", letter_id)
    path = f"/dead-letters/{letter_id}/replay"
    system.ready()
    yield
    assert unanswered(system, path, {})
    yield
    assert answered(system, path, {}).status == 409


def parked(system: Doomed) -> int:
    """Ask for an answer that the broker refuses, beside one that it takes, and return its dead letter."""
    _, job_id = system.send(request("noop", COUNTY), request("bulky", COUNTY, parameters={}))
    asked = "SELECT id FROM dead_letters WHERE stage = 'publish' AND job_id = $1"
    return int(system.wait_for(asked, job_id)[0]["id"])


@at(Boundary.TAKEN_OVER)
def a_takeover(system: Doomed) -> Iterator[None]:
    system.running(seconds=2.5)
    system.kill()
    yield
    system.start()
    yield


def unanswered(system: Doomed, path: str, body: Any, **headers: str) -> bool:
    """Ask and say whether the connection broke."""
    try:
        system.web.post(PREFIX + path, body, **headers)
    except (OSError, HTTPException):
        return True
    return False


def answered(system: Doomed, path: str, body: Any, **headers: str) -> Reply:
    """Ask a worker that has come back."""
    system.ready()
    return system.web.post(PREFIX + path, body, **headers)
