"""The flow as upstream and downstream systems see it: by the topics alone, and by HTTP alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support.rig import Rig, TestedWorker
from support.tape import COMPLETED, PARTITIONS, REQUESTS, STATUS, Record, Tape, request
from support.waiting import until
from support.web import PREFIX

from models.messages import JobCompleted, JobEvent, JobStatusChanged
from terrafusion.samples import sample_file

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ASKED: dict[str, Any] = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
QUARTERS = {"period": "quarter"}
SCHEMAS: Mapping[str, type[JobEvent]] = {STATUS: JobStatusChanged, COMPLETED: JobCompleted}
CARRIED = [("traceparent", TRACEPARENT.encode()), ("correlation_id", b"roll 2026/17")]


def binary() -> tuple[bytes, list[tuple[str, bytes]]]:
    attributes = {"specversion": "1.0", "id": str(uuid4()), "source": "/upstream", "type": "assessment.requested"}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return json.dumps(ASKED).encode(), [*headers, ("content-type", b"application/json"), *CARRIED]


def structured() -> tuple[bytes, list[tuple[str, bytes]]]:
    attributes = {"specversion": "1.0", "id": str(uuid4()), "source": "/upstream", "type": "assessment.requested"}
    event = attributes | {"traceparent": TRACEPARENT, "data": ASKED | {"correlation_id": "roll 2026/17"}}
    return json.dumps(event).encode(), [("content-type", b"application/cloudevents+json; charset=utf-8")]


def bare() -> tuple[bytes, list[tuple[str, bytes]]]:
    return json.dumps(ASKED).encode(), CARRIED


def the_job_of(tape: Tape, since: int) -> str:
    """Return the job whose first event came after so many others, and carries what `CARRIED` does: the request had no id."""
    return until(lambda: new_jobs(tape, since), what="a first status event")[0]


def new_jobs(tape: Tape, since: int) -> Sequence[str]:
    begun = (record for record in tape.records[STATUS][since:] if record.body["sequence"] == 1)
    return [record.body["job_id"] for record in begun if record.body["correlation_id"] == "roll 2026/17"]


@pytest.mark.parametrize("form", [binary, structured, bare])
def test_a_request_on_the_topic_gets_its_answer_on_the_topics(rig: Rig, tape: Tape, form: Any) -> None:
    since = len(tape.records[STATUS])
    value, headers = form()
    rig.upstream.put(value, headers=headers)
    rig.upstream.flush()
    job_id = the_job_of(tape, since)
    completed = tape.completed(job_id)
    assert tape.states(job_id) == ["PENDING", "RUNNING", "COMPLETED"], tape.life(job_id)
    events = tape.of(job_id)
    assert [event.body["sequence"] for event in events] == list(range(1, len(events) + 1))
    check_completed(completed, events[-1])
    for event in (*events, completed):
        check_headers(event, job_id)


def check_completed(completed: Record, last: Record) -> None:
    told = completed.body
    assert told["sequence"] == last.body["sequence"]
    assert told["status"] == last.body["status"] == "COMPLETED"
    assert last.body["progress"] == 1.0
    assert last.body["attempt"] == 1
    assert told["failure_reason"] is None
    assert told["result_summary"]["key_finding"]
    assert told["data_version"]
    location = urlsplit(told["result_data_location"])
    assert location.scheme == "file"
    assert location.path.endswith(f"/king_wa/price_trend_by_zip/{told['job_id']}.parquet")
    assert hashlib.sha256(Path(location.path).read_bytes()).hexdigest() == told["result_sha256"]


def check_headers(event: Record, job_id: str) -> None:
    kind = event.topic.split(".")[1]
    SCHEMAS[event.topic].model_validate(event.body, extra="forbid")
    assert event.key == job_id.encode()
    assert event.body["correlation_id"] == event.header("correlation_id") == "roll 2026/17"
    assert event.header("traceparent") == TRACEPARENT
    assert event.header("ce_specversion") == "1.0"
    assert event.header("ce_id") == f"{kind}/{job_id}/{event.body['sequence']}"
    assert event.header("ce_type") == f"org.terrafusion.market-analysis.{kind}.v1"
    assert event.header("ce_source")
    assert event.header("ce_subject") == f"job/{job_id}"
    happened = event.body["updated_at" if kind == "status" else "completed_at"]
    assert datetime.fromisoformat(event.header("ce_time") or "") == datetime.fromisoformat(happened)
    assert event.header("content-type") == "application/json"


def test_a_request_whose_transaction_is_aborted_was_never_made(rig: Rig, tape: Tape) -> None:
    producer = Producer({"bootstrap.servers": rig.bootstrap, "transactional.id": str(uuid4())})
    producer.init_transactions(20)
    aborted, kept = ([request("noop") for _ in range(3 * PARTITIONS)] for _ in range(2))
    for requests, end in ((aborted, producer.abort_transaction), (kept, producer.commit_transaction)):
        producer.begin_transaction()
        for asked in requests:
            producer.produce(REQUESTS, json.dumps(asked).encode(), asked["job_id"])
        assert producer.flush(20) == 0
        end(20)
    assert {end["status"] for end in tape.ends([asked["job_id"] for asked in kept])} == {"COMPLETED"}
    until(lambda: all(lag(worker) == 0 for worker in rig.workers), what="markers are not waited for", within=20)
    assert not any(tape.of(asked["job_id"]) or rig.database.job(asked["job_id"]) for asked in aborted)
    behind = [request("noop") for _ in range(PARTITIONS)]
    for number, asked in enumerate(behind):
        rig.upstream.put(json.dumps(asked).encode(), partition=number)
    assert {end["status"] for end in tape.ends([asked["job_id"] for asked in behind])} == {"COMPLETED"}


def lag(worker: TestedWorker) -> float:
    return worker.web.metrics()[f'terrafusion_consumer_lag_records{{topic="{REQUESTS}"}}']


def test_events_lie_where_every_other_producer_would_put_their_key(rig: Rig, tape: Tape) -> None:
    ids = rig.upstream.send(*(request("noop") for _ in range(40)))
    tape.ends(ids)
    expected = partitions_by_librdkafka(rig.bootstrap, ids)
    for topic in (STATUS, COMPLETED):
        assert {i: {event.partition for event in tape.of(i, topic)} for i in ids} == {i: {expected[i]} for i in ids}
    assert len(set(expected.values())) > 1


def partitions_by_librdkafka(bootstrap: str, keys: Sequence[str]) -> dict[str, int]:
    scratch = f"scratch-{uuid4()}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(scratch, PARTITIONS, 1)])[scratch].result(20)
    found: dict[str, int] = {}
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2"})
    for key in keys:
        producer.produce(scratch, b"", key, on_delivery=lambda _, m: found.update({m.key().decode(): m.partition()}))
    assert producer.flush(20) == 0
    admin.delete_topics([scratch])[scratch].result(20)
    return found


def test_the_same_by_http_alone(rig: Rig) -> None:
    for worker in rig.workers:
        posted = worker.web.post(f"{PREFIX}/run", ASKED | {"parameters": QUARTERS}, traceparent=TRACEPARENT)
        assert posted.status == 202
        job_id = posted.body["job_id"]
        assert posted.headers["Location"] == f"{PREFIX}/status/{job_id}"
        assert posted.body["status"] in ("PENDING", "RUNNING")
        seen = until(lambda id_=job_id: ended(rig, id_), what=f"{job_id} ends")
        assert seen["status"] == "COMPLETED"
        everywhere = [w.web.get(f"{PREFIX}/results/{job_id}").body for w in rig.workers]
        assert everywhere == [everywhere[0]] * len(rig.workers)
        assert everywhere[0]["result"]["trends"]
        listed = worker.web.get(f"{PREFIX}/list?county_id=king_wa&status=COMPLETED&limit=100").body
        assert job_id in {job["job_id"] for job in listed["jobs"]}


def ended(rig: Rig, job_id: str) -> Any:
    job = rig.web.status(job_id)
    return job if job["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None


def test_results_are_null_until_there_are_some(rig: Rig, tape: Tape) -> None:
    [job_id] = rig.upstream.send(request("sleepy", parameters={"seconds": 1.5}))
    tape.status(job_id, "RUNNING")
    running = rig.web.get(f"{PREFIX}/results/{job_id}")
    assert (running.status, running.body["result"]) == (200, None)
    tape.completed(job_id)
    done = until(lambda: rig.web.get(f"{PREFIX}/results/{job_id}").body["result"], what="its result")
    assert done["result_summary"]["slept_s"] == 1.5


def test_what_is_not_there_is_said_so(rig: Rig) -> None:
    assert rig.web.get(f"{PREFIX}/status/no-uuid").status == 400
    assert rig.web.get(f"{PREFIX}/status/{uuid4()}").status == 404
    refused = rig.web.post(f"{PREFIX}/run", ASKED | {"county_id": "atlantis"})
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert refused.status in (400, 404, 422)
    assert refused.body["field"] == "county_id"
    assert "king_wa" in refused.body["allowed"]


@pytest.mark.parametrize("county", ["king_wa", "lucas_oh"])
def test_a_job_and_the_command_analyze_give_the_same_answer(rig: Rig, tape: Tape, tmp_path: Path, county: str) -> None:
    asked = request("trend_analysis", county, parameters=QUARTERS)
    [job_id] = rig.upstream.send(asked)
    completed = tape.completed(job_id).body
    assert completed["status"] == "COMPLETED", completed
    of_job = rig.web.get(f"{PREFIX}/results/{job_id}").body
    command = ["analyze", "trend_analysis", "--sales", str(sample_file(county)), "--county", county]
    options = ["--params", json.dumps(QUARTERS), "--out", str(tmp_path), "--json"]
    printed = subprocess.run(
        [sys.executable, "-m", "terrafusion", *command, *options], capture_output=True, check=True, timeout=60
    )
    by_command = json.loads(printed.stdout)
    assert without_location(by_command["result"]) == without_location(of_job["result"])
    assert by_command["result_sha256"] == completed["result_sha256"]
    files = [urlsplit(told["result_data_location"]).path for told in (by_command["result"], completed)]
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()
    assert by_command["data_version"] == completed["data_version"]
    assert of_job["result"]["result_summary"] == completed["result_summary"]


def without_location(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "result_data_location"}
