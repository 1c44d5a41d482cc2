"""What lasts is done beside a boundary: whoever adds a commit, an acknowledgement, a child or a file adds a death, or says why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from terrafusion.boundaries import Boundary, cross, tell

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "terrafusion/services", "terrafusion/usecases", "terrafusion/adapters")
LASTS = {
    "execute": "a statement",
    "execute_many": "a statement",
    "commit": "a commit",
    "ack": "an acknowledgement",
    "acknowledge": "an acknowledgement",
    "send": "a record or a message",
    "send_and_wait": "a record",
    "send_batch": "records",
    "schedule": "a child",
    "Popen": "a child",
    "Process": "a child",
    "write_bytes": "a file",
    "write_text": "a file",
    "unlink": "a file",
    "link": "a file",
    "obstore.put": "a file",
    "obstore.rename": "a file",
    "obstore.delete": "a file",
}
"""Calls that change what outlives the process."""

READS = "reads"
AMID = "amid `bulk.changing`, which crosses before and behind the commit"
LOCKS = "takes a lock that goes with its connection"
EXCUSED = {
    "agents/records.py _acknowledgement.acknowledge": "one of a batch; `Intake.take` and `Orders._try` cross around it",
    "agents/status.py register.status": "status events are shown and written nowhere",
    "terrafusion/adapters/child.py _send": "ANALYSING behind progress; log lines are for people",
    "terrafusion/adapters/direct_consumer.py heed_refusals.heeding": "passes on; OFFSETS_COMMITTED where offsets are committed",
    "terrafusion/adapters/last_words.py LastWords.add": "a count for the next worker; there in one step",
    "terrafusion/adapters/objects.py Objects._create": "one request of an object store, done or not",
    "terrafusion/adapters/objects.py Objects.delete": "one request of an object store, done or not",
    "terrafusion/adapters/objects.py shrink": "a cache: what is gone is fetched again",
    "terrafusion/adapters/pool.py PebblePool._build": "a child without a job; CHILD_UP is in it",
    "terrafusion/adapters/pool.py PebblePool._look_for_child": "a child without a job; CHILD_UP is in it",
    "terrafusion/adapters/pool.py PebblePool._schedule": "DISPATCHING before it, BEGUN in the child",
    "terrafusion/adapters/postgres/acceptance.py _standing": READS,
    "terrafusion/adapters/postgres/acceptance.py _write": "KEEPING_LETTERS, ACCEPTED and SUBMITTED behind it",
    "terrafusion/adapters/postgres/bulk.py ask": AMID,
    "terrafusion/adapters/postgres/counties.py PostgresCounties.current": READS,
    "terrafusion/adapters/postgres/counties.py PostgresCounties.history": READS,
    "terrafusion/adapters/postgres/counties.py PostgresCounties.version": READS,
    "terrafusion/adapters/postgres/claiming.py release_lost": "waits its turn and reads; RELEASED behind `release`",
    "terrafusion/adapters/postgres/engine.py connect": "a setting of the session, which goes with it",
    "terrafusion/adapters/postgres/finishing.py _ended_before": READS,
    "terrafusion/adapters/postgres/finishing.py finish": "ENDED before it, FINISHED behind it",
    "terrafusion/adapters/postgres/leases.py any_expired": READS,
    "terrafusion/adapters/postgres/leases.py crashed": "locks rows; COUNTING_CRASH behind it",
    "terrafusion/adapters/postgres/leases.py take_over": "locks rows; COUNTING_CRASH behind it",
    **{
        f"terrafusion/adapters/postgres/credentials.py {name}": why
        for name, why in {
            "PostgresAuditLog.page": READS,
            "PostgresAuditLog.write": "tells of what was refused or changed nothing; what changes is told with the change",
            "PostgresCredentials.close": "one statement, and nothing to go on with",
            "PostgresCredentials.create": "one statement; who was not told of it makes another",
            "PostgresCredentials.holders": READS,
            "PostgresCredentials.open": "what is forgotten held no longer; a cookie that nobody got opens nothing",
            "PostgresCredentials.revoke": "one statement, the same again",
            "PostgresCredentials.tokens": READS,
        }.items()
    },
    "terrafusion/adapters/postgres/letters.py PostgresDeadLetters.count": READS,
    "terrafusion/adapters/postgres/letters.py PostgresDeadLetters.get": READS,
    "terrafusion/adapters/postgres/letters.py PostgresDeadLetters.ids": READS,
    "terrafusion/adapters/postgres/letters.py PostgresDeadLetters.page": READS,
    "terrafusion/adapters/postgres/letters.py open_letters": READS,
    "terrafusion/adapters/postgres/letters.py records": READS,
    "terrafusion/adapters/postgres/listening.py listen": READS,
    "terrafusion/adapters/postgres/loading.py _merge": AMID,
    "terrafusion/adapters/postgres/migrate.py _alone": LOCKS,
    "terrafusion/adapters/postgres/migrate.py _move": "MIGRATING behind each statement",
    "terrafusion/adapters/postgres/outbox.py PostgresOutbox.lead": LOCKS,
    "terrafusion/adapters/postgres/outbox.py PostgresOutboxLeader.backlog": READS,
    "terrafusion/adapters/postgres/outbox.py PostgresOutboxLeader.forget": "PUBLISHED before it, FORGOTTEN behind it",
    "terrafusion/adapters/postgres/outbox.py PostgresOutboxLeader.read": READS,
    "terrafusion/adapters/postgres/pausing.py PostgresPauses.all": READS,
    "terrafusion/adapters/postgres/rates.py PostgresRates.since": READS,
    "terrafusion/adapters/postgres/rates.py _roll": "rates are put together again from the jobs",
    **{f"terrafusion/adapters/postgres/watching.py PostgresWorkers.{name}": READS for name in ("all", "samples")},
    **{
        f"terrafusion/adapters/postgres/watching.py PostgresWorkers.{name}": "said again seconds later"
        for name in ("beat", "sample")
    },
    "terrafusion/adapters/postgres/profiles.py put_in_force": AMID,
    "terrafusion/adapters/postgres/publishing.py publish": AMID,
    **{f"terrafusion/adapters/postgres/reading.py {name}": READS for name in ("cancelled", "get", "running")},
    **{
        f"terrafusion/adapters/postgres/listing.py {name}": READS
        for name in ("_last_looked_at", "_named", "counts", "live", "page", "waiting")
    },
    **{f"terrafusion/adapters/postgres/attention.py {name}": READS for name in ("attention", "changed")},
    **{f"terrafusion/adapters/postgres/history.py {name}": READS for name in ("first_ended", "history", "retried")},
    "terrafusion/adapters/postgres/history.py keep_logs": "lines for people; what was not kept yet is lost with the worker",
    **{
        f"terrafusion/adapters/postgres/retention.py PostgresPurging.{name}": READS
        for name in ("count_jobs", "count_letters", "ended", "without_result")
    },
    "terrafusion/adapters/postgres/replaced.py _of": READS,
    "terrafusion/adapters/postgres/replaced.py count": READS,
    "terrafusion/adapters/postgres/replaced.py replaced": LOCKS,
    "terrafusion/adapters/postgres/queued.py queued": READS,
    "terrafusion/adapters/postgres/retention.py PostgresPurging.forget_deeds": "past its time; the next pass goes on",
    "terrafusion/adapters/postgres/retention.py PostgresRetention.alone": LOCKS,
    "terrafusion/usecases/commands.py Commands._try": "carries out by other functions; CARRIED_OUT behind it",
}
"""Functions that do what lasts and cross no boundary, and why not."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{within}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, within)


def own_calls(function: Function) -> Iterator[str]:
    """Yield what a function calls, not counting the functions in it: a name, and with what it is called on."""
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Call):
            yield from {ast.unparse(node.func), ast.unparse(node.func).rpartition(".")[2]}
        waiting += ast.iter_child_nodes(node)


def unmarked(source: str) -> set[str]:
    """Return the functions that do what lasts and cross nothing."""
    calls = ((name, set(own_calls(function))) for name, function in functions(ast.parse(source)))
    return {name for name, called in calls if called & LASTS.keys() and "cross" not in called}


def everything_unmarked() -> set[str]:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "memory" not in path.parts]
    return {f"{path.relative_to(ROOT)} {name}" for path in paths for name in unmarked(path.read_text())}


def test_what_lasts_is_done_at_a_boundary():
    found = everything_unmarked() - EXCUSED.keys()
    assert not found, (
        "cross a boundary of terrafusion/boundaries.py there and give it a death in tests/support/deaths.py"
    )


def test_nothing_is_excused_that_is_not_there():
    assert EXCUSED.keys() - everything_unmarked() == set()


@pytest.mark.parametrize(
    ("body", "is_unmarked"),
    [
        ("await connection.execute(UPDATE)", True),
        ("await connection.execute(UPDATE); cross(Boundary.ENDED)", False),
        ("obstore.put(store, path, data)", True),
        ("cache.put(value)", False),
        ("return [arrival.acknowledge() for arrival in batch]", True),
    ],
)
def test_it_sees_what_lasts(body, is_unmarked):
    source = f"class C:\n    async def f(self):\n        {body}\n"
    assert unmarked(source) == ({"C.f"} if is_unmarked else set())


def test_every_boundary_is_crossed_somewhere():
    sources = [path.read_text() for room in (*ROOMS, "terrafusion") for path in (ROOT / room).rglob("*.py")]
    missing = {b.name for b in Boundary if not any(f"cross(Boundary.{b.name})" in source for source in sources)}
    assert missing == set()


def test_each_says_something_else():
    assert len(Boundary) == len(Boundary.__members__)


def test_nobody_is_told_unless_asked():
    crossed = []
    cross(Boundary.ENDED)
    tell(crossed.append)
    try:
        cross(Boundary.FINISHED)
    finally:
        tell(None)
    cross(Boundary.ENDED)
    assert crossed == [Boundary.FINISHED]
