"""Every kind of bad request in one batch with good ones: each is one dead letter, and nothing else happens."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgpack
import psutil
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from support import poison
from support.rawnames import RawName, send
from support.rig import GROUP, Rig
from support.tape import COMPLETED, DEAD_LETTER, REQUESTS, STATUS, Record, Tape, Upstream, committed_lag, request
from support.waiting import until

DATES = {"time_period_start": "2015-01-01", "time_period_end": "2014-12-31"}
HEADERS = (("tenant", b"\xff\x00 any bytes"), ("correlation_id", b"batch 7"))


@dataclass(frozen=True)
class Bad:
    """A request that must be refused, and how."""

    value: bytes | None
    stage: str
    error: str
    says: str
    reason: str | None = None
    """Of the FAILED row, where id, county and type can be read; None where there is no row."""
    job_id: str = field(default_factory=lambda: str(uuid4()))
    headers: Sequence[tuple[str, bytes | None]] = HEADERS
    timestamp: int = 0
    """Milliseconds of the producer's clock; 0 for now."""


def asked(**changed: Any) -> tuple[str, dict[str, Any]]:
    made = request("trend_analysis") | changed
    return made["job_id"], made


def readable(error: str, says: str, reason: str, *, stage: str = "validate", **changed: Any) -> Bad:
    job_id, made = asked(**changed)
    return Bad(json.dumps(made).encode(), stage, error, says, reason, job_id)


def bytes_of(made: Mapping[str, Any]) -> bytes:
    return json.dumps(made).encode()


def unusable(value: bytes, **record: Any) -> Bad:
    return Bad(value, "decode", "MalformedMessage", "JSON", **record)


def wrong_field(fields: Mapping[str, Any], name: str, sentence: str) -> Bad:
    job_id = str(uuid4())
    reason = None if name in ("job_id", "analysis_type", "county_id") else "invalid_parameters"
    return Bad(poison.request(**{"job_id": job_id} | fields), "validate", "InvalidRequest", sentence, reason, job_id)


def wrong_event(headers: Sequence[tuple[str, bytes]], name: str) -> Bad:
    return Bad(poison.request(job_id=str(uuid4())), "decode", "MalformedMessage", name, headers=headers)


FOREIGN = RawName(b"\xff\xfe")
RECORDS: Mapping[str, Bad] = {
    "clock before 1970": unusable(b"{1", timestamp=-5),
    "clock in year 9999": unusable(b"{2", timestamp=253402300799999),
    "clock beyond year 9999": unusable(b"{3", timestamp=253402300800000),
    "clock at the end of 64 bits": unusable(b"{4", timestamp=2**63 - 1),
    "header of 1 MB": unusable(b"{5", headers=(("h", b"y" * 1_000_000),)),
    "header name of 50 kB": unusable(b"{6", headers=(("h" * 50_000, b"y"),)),
    "header without a name or value": unusable(b"{7", headers=(("", None),)),
    "10,000 headers": unusable(b"{8", headers=(("h", b"y"),) * 10_000),
    "header name of any bytes": unusable(b"{9", headers=((FOREIGN, b"y"),)),
}
"""What is wrong lies around the value; the value only makes it a dead letter, so that it can be looked at."""

KINDS: Mapping[str, Bad] = {
    **{f"not usable: {name}": unusable(value) for name, value in poison.NOT_USABLE.items()},
    **{f"field: {name}": wrong_field(*wrong) for name, wrong in poison.WRONG_FIELDS.items()},
    **{f"event: {name}": wrong_event(*wrong) for name, wrong in poison.WRONG_EVENTS.items()},
    **RECORDS,
    "malformed JSON": Bad(b'{"analysis_type": ', "decode", "MalformedMessage", "JSON"),
    "not UTF-8": Bad(b'{"analysis_type": "\xff"}', "decode", "MalformedMessage", "JSON"),
    "no object": Bad(b"[1, 2]", "decode", "MalformedMessage", "array"),
    "null value": Bad(None, "decode", "MalformedMessage", "null"),
    "over 1 MB": Bad(bytes_of(asked(parameters={"filler": "x" * 1_100_000})[1]), "decode", "MalformedMessage", "bytes"),
    "no county": Bad(b'{"analysis_type": "trend_analysis"}', "validate", "InvalidRequest", "county_id"),
    "wrong type of a field": readable("InvalidRequest", "priority", "invalid_parameters", priority="high"),
    "wrong type of an identity": Bad(
        bytes_of(asked()[1] | {"county_id": 7}), "validate", "InvalidRequest", "county_id"
    ),
    "unknown field": readable("InvalidRequest", "colour", "invalid_parameters", colour="blue"),
    "unknown parameter": readable("InvalidParameters", "sprocket", "invalid_parameters", parameters={"sprocket": 1}),
    "unknown type": readable("UnknownAnalysisType", "horoscope", "unknown_analysis_type", analysis_type="horoscope"),
    "unknown county": readable("UnknownCounty", "atlantis", "unknown_county", county_id="atlantis"),
    "dates the wrong way round": readable("InvalidParameters", "time_period", "invalid_parameters", parameters=DATES),
    "U+0000 in a string": Bad(
        bytes_of(asked(parameters={"zip_code": "98\0"})[1]), "validate", "InvalidRequest", "U+0000"
    ),
}
GOOD = 10
CODECS = ("gzip", "snappy", "lz4", "zstd")


@dataclass
class Outcome:
    """What was sent as one batch, and where the broker put it."""

    good: Sequence[str]
    duplicate: str
    conflict: tuple[str, bytes]
    workers: Sequence[tuple[int, float]]


@pytest.fixture(scope="module")
def batch(rig: Rig, tape: Tape) -> Outcome:
    """All kinds in one partition, so in one batch, between good ones; waits until all of it was taken."""
    good = [request("noop") for _ in range(GOOD + len(CODECS))]
    let_clocks_say_anything(rig.bootstrap)
    stood = request("sleepy", parameters={"seconds": 0.0})
    rig.upstream.send(stood)
    tape.completed(stood["job_id"])
    before = processes(rig)
    conflict = bytes_of(stood | {"parameters": {"seconds": 0.5}})
    mixed = [(name.encode(), bad) for name, bad in KINDS.items()]
    others = [*map(bytes_of, good[len(CODECS) :]), bytes_of(stood), bytes_of(stood)]
    mixed += [(b"good", unusable(value)) for value in others] + [(b"conflict", unusable(conflict))]
    random.Random(3).shuffle(mixed)
    for key, one in mixed:
        put(rig, key, one)
    rig.upstream.flush()
    for codec, made in zip(CODECS, good, strict=False):
        compressed = Upstream(rig.bootstrap, **{"compression.type": codec})
        compressed.put(bytes_of(made), key=b"good", partition=5)
        compressed.flush()
    tape.ends([made["job_id"] for made in good])
    until(lambda: committed_lag(rig.bootstrap, GROUP) == 0, what="all offsets are committed")
    tape.letter(conflict, key=b"conflict")
    until(lambda: all(letters(tape, name.encode()) for name in KINDS), what="each bad one has a letter")
    return Outcome([made["job_id"] for made in good], stood["job_id"], (stood["job_id"], conflict), before)


def put(rig: Rig, key: bytes, one: Bad) -> None:
    """Put it on the topic by the client that can write it."""
    if any(isinstance(name, RawName) for name, _ in one.headers):
        asyncio.run(send(rig.bootstrap, REQUESTS, one.value or b"", one.headers, key=key, partition=5))
    else:
        rig.upstream.put(one.value, key=key, partition=5, headers=one.headers, timestamp=one.timestamp)


def let_clocks_say_anything(bootstrap: str) -> None:
    """Brokers before Kafka 4 take any producer's clock; this one does where it is told to."""
    entry = ConfigEntry("message.timestamp.after.max.ms", str(2**63 - 1), incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    [done] = admin.incremental_alter_configs(
        [ConfigResource(ConfigResource.Type.TOPIC, REQUESTS, incremental_configs=[entry])]
    ).values()
    done.result(20)


def processes(rig: Rig) -> list[tuple[int, float]]:
    """Return the workers and their children, so that it shows when one is another."""
    every = [p for w in rig.workers for p in (psutil.Process(w.pid), *w.children())]
    return sorted((process.pid, process.create_time()) for process in every)


def letters(tape: Tape, key: bytes) -> Sequence[Record]:
    return [record for record in tape.records[DEAD_LETTER] if record.key == key]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_one_is_one_dead_letter(rig: Rig, tape: Tape, batch: Outcome, kind: str) -> None:
    bad = KINDS[kind]
    [letter] = letters(tape, kind.encode())
    assert letter.value == bad.value
    assert letter.headers[: len(bad.headers)] == as_read(bad.headers)
    assert letter.header("dlq.error.stage") == bad.stage
    assert letter.header("dlq.error.class") == bad.error
    assert bad.says in (letter.header("dlq.error.message") or "")
    assert letter.header("dlq.original.topic") == REQUESTS
    assert letter.header("dlq.original.partition") == "5"
    check_row(rig, letter, bad)


def as_read(headers: Sequence[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes | None], ...]:
    """Write a name that is no UTF-8 as it is shown."""
    return tuple(
        (name.raw.decode(errors="backslashreplace") if isinstance(name, RawName) else name, value)
        for name, value in headers
    )


def check_row(rig: Rig, letter: Record, bad: Bad) -> None:
    offset = int(letter.header("dlq.original.offset") or -1)
    [row] = rig.database.rows("SELECT * FROM dead_letters WHERE partition = 5 AND key = $1", letter.key)
    assert (row["topic"], row["offset"], row["stage"]) == (REQUESTS, offset, bad.stage)
    assert (row["value"], row["error_class"]) == (bad.value, bad.error)
    assert tuple((name, content) for name, content in msgpack.unpackb(row["headers"])) == as_read(bad.headers)
    assert bad.says in row["error_message"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_failed_only_where_its_id_county_and_type_can_be_read(
    rig: Rig, tape: Tape, batch: Outcome, kind: str
) -> None:
    bad = KINDS[kind]
    row = rig.database.job(bad.job_id)
    if bad.reason is None:
        assert row is None
        assert not tape.of(bad.job_id)
        return
    assert (row["status"], row["failure_reason"]) == ("FAILED", bad.reason)
    told = tape.completed(bad.job_id).body
    assert (told["status"], told["failure_reason"], told["sequence"]) == ("FAILED", bad.reason, 1)
    assert tape.states(bad.job_id) == ["FAILED"]


def test_the_good_ones_complete(tape: Tape, batch: Outcome) -> None:
    assert {end["status"] for end in tape.ends(batch.good)} == {"COMPLETED"}


def test_nothing_is_restarted(rig: Rig, batch: Outcome) -> None:
    assert processes(rig) == batch.workers


def test_offsets_are_at_the_end(rig: Rig, batch: Outcome) -> None:
    assert committed_lag(rig.bootstrap, GROUP) == 0


def test_a_duplicate_changes_nothing(rig: Rig, tape: Tape, batch: Outcome) -> None:
    row = rig.database.job(batch.duplicate)
    assert (row["status"], row["attempt"], row["parameters_json"]) == ("COMPLETED", 1, '{"seconds": 0.0}')
    assert len(tape.of(batch.duplicate)) == row["sequence"]
    assert len(tape.of(batch.duplicate, COMPLETED)) == 1


def test_the_same_id_with_other_content_is_a_dead_letter_alone(rig: Rig, tape: Tape, batch: Outcome) -> None:
    job_id, value = batch.conflict
    [letter] = letters(tape, b"conflict")
    assert (letter.value, letter.header("dlq.error.stage")) == (value, "accept")
    assert letter.header("dlq.error.class") == "Conflict"
    assert job_id in (letter.header("dlq.error.message") or "")
    assert rig.database.value("SELECT count(*) FROM dead_letters WHERE key = 'conflict'") == 1
    assert tape.states(job_id) == ["PENDING", "RUNNING", "COMPLETED"]


def test_there_is_no_letter_more(rig: Rig, tape: Tape, batch: Outcome) -> None:
    rows = rig.database.value("SELECT count(*) FROM dead_letters WHERE partition = 5 AND stage <> 'analyse'")
    told = [r for r in tape.records[DEAD_LETTER] if r.header("dlq.error.stage") != "analyse"]
    assert rows == len([r for r in told if r.header("dlq.original.partition") == "5"]) == len(KINDS) + 1


def test_events_of_others_on_our_topic_harm_nobody(rig: Rig, tape: Tape) -> None:
    job_id = str(uuid4())
    for value in (b"", b"no JSON", b"{}", b'{"job_id": "x", "sequence": "y", "status": []}', None):
        rig.upstream.put(value, topic=STATUS, key=b"stranger")
    rig.upstream.flush()
    before = processes(rig)
    rig.upstream.send(request("noop") | {"job_id": job_id})
    assert tape.completed(job_id).body["status"] == "COMPLETED"
    until(lambda: rig.web.status(job_id)["status"] == "COMPLETED", what="the live table goes on")
    assert processes(rig) == before
