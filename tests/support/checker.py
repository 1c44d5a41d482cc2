"""Says which promises a system at rest has broken, one sentence each; it knows names of topics and tables, no code."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from support.model import CANCELLED, COMPLETED, EXHAUSTED, Asked, Model, failed
from support.tape import REQUESTS, TERMINAL, Record
from support.world import COMMANDS, World, path_of

Findings = Iterator[str]
Promise = Callable[[World, Model], Findings]

MOVES = {
    (None, "PENDING"),
    (None, "FAILED"),
    ("PENDING", "RUNNING"),
    ("PENDING", "CANCELLED"),
    ("PENDING", "FAILED"),
    ("RUNNING", "RUNNING"),
    ("RUNNING", "PENDING"),
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLED"),
}
TOLD_TWICE = ("sequence", "status", "analysis_type", "county_id", "failure_reason", "data_version")
TOLD_OF_RESULTS = ("result_data_location", "result_sha256")


def check(world: World, model: Model) -> Sequence[str]:
    """Hold a system to every promise."""
    return [f"{promise.__name__}: {finding}" for promise in PROMISES for finding in promise(world, model)]


def every_accepted_job_ends_as_it_may(world: World, model: Model) -> Findings:
    for asked in model.jobs:
        row = world.rows.get(asked.job_id)
        if row is None:
            yield f"{asked.job_id} was lost"
        elif _end(row) not in asked.ends:
            yield f"{asked.job_id} {row['analysis_type']} is {_end(row)} ({row['message']}), not {sorted(asked.ends)}"
    unknown = world.rows.keys() - {asked.job_id for asked in model.jobs}
    yield from (f"{job_id} is a job that nobody asked for" for job_id in unknown)


def nobody_is_blamed_for_what_nobody_did(world: World, model: Model) -> Findings:
    """Hold the crashes of each job to the deaths that were dealt, by itself and by others."""
    for asked in model.jobs:
        counted, dealt = world.rows.get(asked.job_id, {"crashes": 0})["crashes"], asked.kills + model.deaths
        if counted > dealt:
            yield f"{asked.job_id} counts {counted} crashes, {dealt} deaths were dealt"


def who_has_a_job_keeps_it(world: World, model: Model) -> Findings:
    """Hold the runs of jobs that were taken from one worker to those that this explains."""
    for asked in model.jobs:
        row = world.rows.get(asked.job_id)
        if row and asked.most_runs is not None and row["attempt"] > asked.most_runs:
            yield f"{asked.job_id} was begun {row['attempt']} times, {asked.most_runs} would have done"


def no_lease_is_held(world: World, _model: Model) -> Findings:
    for job_id, row in world.rows.items():
        if row["owner"] is not None or row["lease_until"] is not None:
            yield f"{job_id} is held by {row['owner']}"
        if row["status"] in TERMINAL and row["completed_at"] is None:
            yield f"{job_id} has no end"


def nothing_waits_in_the_outbox(world: World, _model: Model) -> Findings:
    if world.outbox:
        yield f"{world.outbox} entries wait"


def offsets_are_at_the_end(world: World, _model: Model) -> Findings:
    yield from (f"{lag} records of {topic} are not acknowledged" for topic, lag in world.lag.items() if lag)


def status_events_have_no_gap(world: World, _model: Model) -> Findings:
    """Hold the events to what a reader does: drop what it has seen, and then see no gap."""
    lives = by_job(world.statuses)
    yield from (f"{job_id} has events and no row" for job_id in lives.keys() - world.rows.keys())
    for job_id, row in world.rows.items():
        yield from (f"{job_id} {row['analysis_type']}: {problem}" for problem in life(lives[job_id], row))


def life(records: Sequence[Record], row: Any) -> Findings:
    """Hold a job's status events to its row."""
    if len({record.partition for record in records}) > 1:
        yield "its events lie in several partitions"
    if records and records[-1].body["status"] != row["status"]:
        yield f"a compacted topic would keep {records[-1].body['status']} and it is {row['status']}"
    yield from _identities(records, "status", row)
    seen = _as_read(records)
    sequences = [event["sequence"] for event in seen]
    if sequences != list(range(1, row["sequence"] + 1)):
        yield f"sequences are {sequences}, the row is at {row['sequence']}"
    states = [None, *(event["status"] for event in seen)]
    yield from (f"it went from {move[0]} to {move[1]}" for move in pairwise(states) if move not in MOVES)
    attempts = [event["attempt"] for event in seen]
    if attempts != sorted(attempts):
        yield f"its attempts are {attempts}"
    moments = [datetime.fromisoformat(event["updated_at"]) for event in seen]
    if moments != sorted(moments):
        yield f"it was told back in time: {[event['updated_at'] for event in seen]}"


def _as_read(records: Sequence[Record]) -> Sequence[Mapping[str, Any]]:
    seen: list[Mapping[str, Any]] = []
    for record in records:
        if not seen or record.body["sequence"] > seen[-1]["sequence"]:
            seen.append(record.body)
    return seen


def _identities(records: Sequence[Record], kind: str, row: Any) -> Findings:
    contents: dict[str, bytes | None] = {}
    for record in records:
        body, name = record.body, record.header("ce_id") or ""
        if {name} != {f"{kind}/{job_id}/{body['sequence']}" for job_id in (body["job_id"], row["job_id"])}:
            yield f"event {name} is of {body['job_id']} and has the sequence {body['sequence']}"
        if contents.setdefault(name, record.value) != record.value:
            yield f"two events {name} that differ"


def the_end_is_told_once_in_effect(world: World, _model: Model) -> Findings:
    ends = by_job(world.completed)
    yield from (f"{job_id} has an end and no row" for job_id in ends.keys() - world.rows.keys())
    for job_id, row in world.rows.items():
        yield from (f"{job_id} {row['analysis_type']}: {problem}" for problem in told_end(ends[job_id], row))


def told_end(records: Sequence[Record], row: Any) -> Findings:
    """Hold a job's completed events to its row."""
    yield from _identities(records, "completed", row)
    names = {record.header("ce_id") for record in records}
    if names != {f"completed/{row['job_id']}/{row['sequence']}"}:
        yield f"its completed events are {sorted(map(str, names))}, the row is at {row['sequence']}"
    for event in (record.body for record in records[:1]):
        for name in (*TOLD_TWICE, *TOLD_OF_RESULTS):
            if event[name] != row[name]:
                yield f"{name} is {event[name]!r} in the event and {row[name]!r} in the row"
        if event["result_summary"] != json.loads(row["result_summary_json"] or "null"):
            yield "another summary in the event than in the row"


def no_answer_is_of_a_run_that_had_lost_its_job(world: World, model: Model) -> Findings:
    for asked in model.jobs:
        row = world.rows.get(asked.job_id)
        answer = json.loads(row["result_summary_json"] or "null") if asked.stale_runs and row else None
        if answer and answer["run"] <= asked.stale_runs:
            yield f"{asked.job_id} has the answer of run {answer['run']}, which had lost it"


def dead_letters_are_exactly_what_could_not_be_used(world: World, model: Model) -> Findings:
    """Compare contents: what was kept is what the model says, each record once."""
    kept = Counter((row["topic"], row["value"]) for row in world.letters if row["stage"] != "analyse")
    wanted = Counter(_wanted(world, model))
    yield from (f"{count} times no dead letter: {letter}" for letter, count in (wanted - kept).items())
    yield from (f"{count} dead letters too many: {letter}" for letter, count in (kept - wanted).items())


def _wanted(world: World, model: Model) -> Iterator[tuple[str, bytes | None]]:
    sent = Counter(record.value for record in world.requests)
    unreadable = Counter(value for _, value in model.poison)
    for value in unreadable:
        yield from [(REQUESTS, value)] * sent[value]
    for asked in model.jobs:
        yield from (
            (REQUESTS, value) for value in _refused(asked, world.rows.get(asked.job_id)) for _ in range(sent[value])
        )
    for order in model.orders:
        row = world.rows.get(order.job_id)
        if row is not None and row["status"] != CANCELLED:
            yield COMMANDS, order.value


def _refused(asked: Asked, row: Any) -> Iterator[bytes]:
    """Say which requests under an id must be dead letters, seeing which one stands."""
    if asked.is_refused:
        yield asked.value
    if row is not None:
        stands = json.loads(row["parameters_json"])
        yield from (v for v in (asked.value, *asked.rivals) if asked.rivals and json.loads(v)["parameters"] != stands)


def a_cancel_is_of_an_unknown_job_only_where_its_request_comes_later(world: World, _model: Model) -> Findings:
    sent = {(record.key or b"").decode(errors="replace"): record.at for record in reversed(world.requests)}
    for row in world.letters:
        if (row["topic"], row["error_class"]) == (COMMANDS, "NotFound"):
            ahead_s = row["timestamp"].timestamp() - sent.get(str(row["job_id"]), math.inf)
            if ahead_s >= 0:
                yield f"{row['job_id']} was not known to its cancel, {ahead_s:.1f} s after its request was sent"


def jobs_given_up_leave_a_dead_letter(world: World, _model: Model) -> Findings:
    kept = Counter(str(row["job_id"]) for row in world.letters if row["stage"] == "analyse")
    wanted = Counter(job_id for job_id, row in world.rows.items() if _end(row) == failed(EXHAUSTED))
    yield from (f"{job_id} was given up without a dead letter" for job_id in wanted - kept)
    yield from (f"{job_id} has {kept[job_id]} dead letters" for job_id in kept - wanted)


def every_dead_letter_is_told(world: World, _model: Model) -> Findings:
    told = defaultdict(list)
    for record in world.dead_letters:
        told[record.header("dlq.id")].append(record)
    kept = {str(row["id"]): row for row in world.letters}
    yield from (f"dead letter {name} is told and not kept" for name in told.keys() - kept.keys())
    yield from (f"dead letter {name} is kept and not told" for name in kept.keys() - told.keys())
    for name in told.keys() & kept.keys():
        row = kept[name]
        for record in told[name]:
            if (record.key, record.value) != (row["key"], row["value"]):
                yield f"dead letter {name} has other bytes on the topic"
            if record.header("dlq.error.stage") != row["stage"] or not record.header("dlq.error.message"):
                yield f"dead letter {name} does not say why"


def results_are_whole_and_nobody_elses(world: World, _model: Model) -> Findings:
    owned = set()
    for job_id, row in world.rows.items():
        location = row["result_data_location"]
        if row["analysis_type"] == "tabled" and (row["status"] == COMPLETED) != bool(location):
            yield f"{job_id} is {row['status']} and its file is {location}"
        if location:
            owned |= {path_of(location), path_of(location).with_suffix(".json")}
            yield from _whole(world, row)
    names = {str(path.relative_to(world.results)) for path in world.digests.keys() - owned}
    allowed = unanswered(world)
    yield from (f"{name} is nobody's" for name in names - allowed if not name.startswith("snapshots/"))


def _whole(world: World, row: Any) -> Findings:
    path = path_of(row["result_data_location"])
    if world.digests.get(path) != row["result_sha256"]:
        yield f"{row['job_id']}: its file has another digest, or is missing"
    if path.with_suffix(".json") not in world.digests:
        yield f"{row['job_id']}: its document is missing"


def unanswered(world: World) -> frozenset[str]:
    """Name the files that may be there of jobs which ran and ended otherwise, after a run had stored its answer."""
    return frozenset(
        f"{row['county_id']}/{row['analysis_type']}/{job_id}.{kind}"
        for job_id, row in world.rows.items()
        for kind in ("parquet", "json")
        if row["status"] != COMPLETED and row["attempt"]
    )


def nothing_is_left_over(world: World, _model: Model) -> Findings:
    yield from world.left


PROMISES: Sequence[Promise] = (
    every_accepted_job_ends_as_it_may,
    nobody_is_blamed_for_what_nobody_did,
    who_has_a_job_keeps_it,
    no_lease_is_held,
    nothing_waits_in_the_outbox,
    offsets_are_at_the_end,
    status_events_have_no_gap,
    the_end_is_told_once_in_effect,
    no_answer_is_of_a_run_that_had_lost_its_job,
    dead_letters_are_exactly_what_could_not_be_used,
    a_cancel_is_of_an_unknown_job_only_where_its_request_comes_later,
    jobs_given_up_leave_a_dead_letter,
    every_dead_letter_is_told,
    results_are_whole_and_nobody_elses,
    nothing_is_left_over,
)


def metrics_agree(world: World, samples: Mapping[str, float]) -> Findings:
    """Compare the counters of all workers, added up, with the table; only where no worker was killed."""
    for name, labels in _COUNTED.items():
        wanted = Counter(labels(row) for row in world.rows.values() if labels(row))
        told = Counter({key: int(value) for key, value in samples.items() if key.partition("{")[0] == name and value})
        rows = Counter({f"{name}{{{pairs}}}": count for pairs, count in wanted.items()})
        yield from (
            f"{key} is {told[key]}, the table says {rows[key]}"
            for key in told.keys() | rows.keys()
            if told[key] != rows[key]
        )


def _labels(**values: str) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(values.items()))


def _kind(row: Any) -> Mapping[str, str]:
    known = row["failure_reason"] != "unknown_analysis_type"
    return {"county_id": row["county_id"], "analysis_type": row["analysis_type"] if known else "other"}


def _born(row: Any) -> str:
    return _labels(**_kind(row), status_on_submit="PENDING" if row["attempt"] or row["sequence"] > 1 else "FAILED")


def _done(row: Any) -> str:
    return _labels(**_kind(row)) if row["status"] == COMPLETED else ""


def _undone(row: Any) -> str:
    return _labels(**_kind(row), failure_reason=row["failure_reason"]) if row["status"] == "FAILED" else ""


_COUNTED: Mapping[str, Callable[[Any], str]] = {
    "market_analysis_jobs_submitted_total": _born,
    "market_analysis_jobs_completed_total": _done,
    "market_analysis_jobs_failed_total": _undone,
}


def by_job(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group by key, in the order of the log; a job's events all lie in one partition."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[(record.key or b"").decode()].append(record)
    return found


def _end(row: Any) -> str:
    return failed(row["failure_reason"]) if row["status"] == "FAILED" else row["status"]
