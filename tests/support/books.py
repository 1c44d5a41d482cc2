"""Holds a system at rest to what was asked of it: from its topics, its database and its files alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.checker import by_job, life, told_end
from support.doomed import Doomed
from support.tape import COMPLETED, DEAD_LETTER, STATUS, Record
from support.world import path_of, read_all

ORDERED = """
    SELECT action, job_id, address FROM audit_log
    WHERE outcome = 'done' AND action IN ('cancel', 'retry') AND address LIKE 'market-analysis.commands.v1 %'
"""
"""What commands of the topic brought about, each once however often it came: a pause is put in force again where it was lifted."""
UNTOLD = ("bulky",)
"""Analyses whose answer the broker refuses: their completed event is a dead letter."""


@dataclass(frozen=True)
class Books:
    """All there is, once nothing moves any more."""

    topics: Mapping[str, Sequence[Record]]
    rows: Mapping[str, Any]
    letters: Sequence[Any]
    results: Path
    expected: Mapping[str, Any]
    refused: Sequence[bytes]
    deaths: int
    deeds: Sequence[Any]

    def of_jobs(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with jobs: the blow each was asked for, and a sentence."""
        statuses, ends = (by_job(self.topics[topic]) for topic in (STATUS, COMPLETED))
        for job_id, expected in self.expected.items():
            row = self.rows.get(job_id)
            if row is None:
                yield expected.blow, f"{job_id} was lost"
                continue
            kind = row["analysis_type"]
            told = [] if kind in UNTOLD else told_end(ends[job_id], row)
            lived = (*life(statuses[job_id], row), *_ends_on_the_last(statuses[job_id], row))
            wrong = (*_as_expected(row, expected, self.deaths), *lived, *told, *_result(row))
            yield from ((expected.blow, f"{job_id} {kind}: {problem}") for problem in wrong)

    def of_all(self) -> Iterator[str]:
        """Yield what is wrong and no single job's fault."""
        yield from (f"nobody asked for {dict(self.rows[i])}" for i in self.rows.keys() - self.expected.keys())
        yield from self._letters()
        ordered = Counter((row["action"], row["job_id"], row["address"]) for row in self.deeds)
        yield from (f"the audit log tells {deed} {count} times" for deed, count in ordered.items() if count > 1)
        owned = {path for row in self.rows.values() for path in _files(row)}
        there = {path for path in self.results.rglob("*") if path.is_file()}
        snapshots = {path for path in there if path.relative_to(self.results).parts[0] == "snapshots"}
        yield from (f"{path.relative_to(self.results)} is nobody's" for path in there - owned - snapshots)

    def _letters(self) -> Iterator[str]:
        kept = Counter(row["value"] for row in self.letters if row["stage"] != "publish")
        wanted = Counter(self.refused)
        yield from (f"no dead letter: {value!r:.200}" for value in wanted - kept)
        yield from (f"a dead letter too many: {value!r:.200}" for value in kept - wanted)
        told = {record.header("dlq.id") for record in self.topics[DEAD_LETTER]}
        ids = {str(row["id"]) for row in self.letters if row["stage"] != "publish"}
        if told != ids:
            yield f"dead letters {told ^ ids} are on the topic or in the table alone"


def read(system: Doomed) -> Books:
    """Read everything."""
    topics = (STATUS, COMPLETED, DEAD_LETTER)
    return Books(
        read_all(system.settings.kafka_bootstrap or "", topics, since={}),
        {str(row["job_id"]): row for row in system.database.rows("SELECT * FROM market_analysis_jobs")},
        system.database.rows("SELECT * FROM dead_letters"),
        path_of(system.settings.results),
        system.expected,
        system.letters,
        system.deaths,
        system.database.rows(ORDERED),
    )


def _as_expected(row: Any, expected: Any, deaths: int) -> Iterator[str]:
    if (row["status"], row["failure_reason"]) != (expected.status, expected.reason):
        yield f"is {row['status']} ({row['failure_reason']}: {row['message']}), not {expected.status}"
    if row["lease_until"] is not None or row["owner"] is not None:
        yield "is still held"
    if row["crashes"] > deaths:
        yield f"counts {row['crashes']} crashes, {deaths} processes died"


def _ends_on_the_last(records: Sequence[Record], row: Any) -> Iterator[str]:
    if records and records[-1].body["sequence"] != row["sequence"]:
        yield "a compacted topic would keep an old state"


def _result(row: Any) -> Iterator[str]:
    for path in _files(row):
        if not path.exists():
            yield f"{path.name} is missing"
        elif path.suffix == ".parquet" and hashlib.sha256(path.read_bytes()).hexdigest() != row["result_sha256"]:
            yield f"{path.name} has another digest"


def _files(row: Any) -> Sequence[Path]:
    if row["result_data_location"] is None:
        return ()
    path = path_of(row["result_data_location"])
    return (path, path.with_suffix(".json"))
