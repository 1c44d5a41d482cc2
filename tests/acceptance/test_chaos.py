"""2,000 requests while workers, Postgres and the broker are killed: every job ends exactly once."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from pydantic import SecretStr
from support.audit import audit, read_all
from support.rig import GROUP, LEASE_S, Rig
from support.tape import COMPLETED, DEAD_LETTER, STATUS, committed_lag
from support.waiting import until

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

SEED = 20261124
REQUESTS = 2000
BURST = 25
PAUSE_S = 0.2
QUIET_WITHIN_S = 75


class Doomed:
    """A system whose every part may be killed."""

    def __init__(self, rig: Rig, postgres: EmbeddedPostgres, kafka: EmbeddedKafka) -> None:
        self.rig = rig
        self.postgres = postgres
        self.kafka = kafka

    def kill_worker(self, number: int) -> None:
        """Kill a worker; the supervisor sees it later."""
        self.rig.workers[number].kill()

    def kill_postgres(self) -> None:
        """Pull its plug and put it in again."""
        self.postgres.kill()
        self.postgres.start()

    def kill_kafka(self) -> None:
        """Do the same to the broker."""
        self.kafka.kill()
        self.kafka.start()


@pytest.fixture
async def doomed(tmp_path: Path) -> AsyncIterator[Doomed]:
    """Servers of its own, so that other tests' connections live."""
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(tmp_path / "postgres"))
        kafka = stack.enter_context(EmbeddedKafka(tmp_path / "kafka"))
        settings = Settings(
            database_url=SecretStr(postgres.url),
            kafka_bootstrap=kafka.bootstrap,
            results_url=(tmp_path / "results").as_uri(),
            lease_seconds=LEASE_S,
            session_timeout_seconds=2,
            max_attempts=20,
            log_format="json",
        )
        await migrate(settings.database)
        await create_topics(Broker(kafka.bootstrap))
        rig = Rig(tmp_path, settings, workers=2)
        stack.callback(rig.end)
        rig.begin()
        await load_samples(rig.settings)
        await asyncio.to_thread(rig.ready)
        yield Doomed(rig, postgres, kafka)


def requests(dice: random.Random, folder: Path) -> Sequence[Mapping[str, Any]]:
    """Mostly nothing to do, some sleep, some files, some whose process dies the first time."""

    def parameters(kind: str, number: int) -> Mapping[str, Any]:
        seconds = {"noop": {}, "tabled": {"seconds": 0.0}, "sleepy": {"seconds": round(dice.uniform(0.02, 0.3), 2)}}
        return seconds.get(kind, {"marker": str(folder / f"marker-{number}")})

    kinds = dice.choices(["noop", "tabled", "sleepy", "flaky"], weights=[80, 12, 7, 1], k=REQUESTS)
    return [
        {
            "job_id": str(UUID(int=dice.getrandbits(128), version=4)),
            "analysis_type": kind,
            "county_id": dice.choice(["king_wa", "lucas_oh"]),
            "parameters": parameters(kind, number),
            "priority": dice.randrange(10),
        }
        for number, kind in enumerate(kinds)
    ]


def plan(dice: random.Random, doomed: Doomed) -> Mapping[int, Callable[[], None]]:
    """Say what is killed after which burst: five blows, spread over the run."""
    blows = [
        lambda: doomed.kill_worker(0),
        doomed.kill_postgres,
        lambda: doomed.kill_worker(1),
        doomed.kill_kafka,
        lambda: doomed.kill_worker(dice.randrange(2)),
    ]
    apart = REQUESTS // BURST // (len(blows) + 1)
    return {apart * (number + 1) + dice.randrange(-3, 4): blow for number, blow in enumerate(blows)}


def at_rest(doomed: Doomed) -> bool:
    """Say whether everything was taken, run and told."""
    doomed.rig.supervise()
    waiting = "SELECT count(*) FROM market_analysis_jobs WHERE status IN ('PENDING', 'RUNNING')"
    database = doomed.rig.database
    taken = database.value("SELECT count(*) FROM market_analysis_jobs") == REQUESTS
    told = taken and not database.value(waiting) and not database.value("SELECT count(*) FROM outbox")
    return told and committed_lag(doomed.rig.bootstrap, GROUP) == 0


def test_every_job_ends_exactly_once_whatever_is_killed(doomed: Doomed, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    asked = requests(dice, tmp_path)
    blows = plan(dice, doomed)
    assert len(blows) == 5
    for burst in range(REQUESTS // BURST):
        for request in asked[burst * BURST : (burst + 1) * BURST]:
            doomed.rig.upstream.put(json.dumps(request).encode(), key=request["job_id"].encode())
        if burst in blows:
            blows[burst]()
        time.sleep(PAUSE_S)
        doomed.rig.supervise()
    doomed.rig.upstream.flush()
    until(lambda: at_rest(doomed), what="everything was taken, run and told", within=QUIET_WITHIN_S)
    ids = [request["job_id"] for request in asked]
    assert audited(doomed, ids) == []
    tamper(doomed, ids)
    assert len(audited(doomed, ids)) == 6


def audited(doomed: Doomed, ids: Sequence[str]) -> Sequence[str]:
    rig = doomed.rig
    return audit(rig.bootstrap, rig.database, asked=ids, group=GROUP, results=rig.settings.results)


def tamper(doomed: Doomed, ids: Sequence[str]) -> None:
    """Break six promises, so that it shows that the audit would have seen each."""
    rig = doomed.rig
    rig.end()
    rig.database.rows("INSERT INTO outbox DEFAULT VALUES")
    location = "SELECT result_data_location FROM market_analysis_jobs WHERE analysis_type = 'tabled' LIMIT 1"
    Path(urlsplit(rig.database.value(location)).path).write_bytes(b"other bytes")
    rig.upstream.put(b"", topic=DEAD_LETTER)
    rig.upstream.put(b"a request that nobody took")
    again = next(record for record in read_all(rig.bootstrap, [STATUS])[STATUS] if record.body["sequence"] == 1)
    rig.upstream.put(again.value, topic=STATUS, key=again.key, partition=again.partition, headers=again.headers)
    twice = read_all(rig.bootstrap, [COMPLETED])[COMPLETED][0]
    other = [(name, b"another" if name == "ce_id" else value) for name, value in twice.headers]
    rig.upstream.put(twice.value, topic=COMPLETED, key=twice.key, partition=twice.partition, headers=other)
    rig.upstream.flush()
