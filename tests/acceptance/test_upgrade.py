"""Workers of the version before are replaced by ours while requests keep coming: nothing is lost, nobody is blamed."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support.before import SCHEMA, WorkerBefore, unpacked
from support.database import Database
from support.rig import ANALYSES, GROUP, Rig, TestedWorker
from support.tape import COMPLETED, Tape, committed_lag, request
from support.waiting import until

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

PAUSE_S = 0.1
ARRIVED_S = 1.0
"""By then what was sent is with its worker."""
EXIT_WITHIN_S = 30
READY_WITHIN_S = 120
WAIT_S = 60
"""A generous bound of how long a request may wait, on a machine that is busy; `python -m benchmarks rolling` measures it."""
TOGETHER = 20
"""So many jobs end while both versions run."""


class Load:
    """Requests at a steady rate, until it is told to stop."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._dice = random.Random(7)
        self._over = threading.Event()
        self._lasts = threading.Lock()
        self.sent: dict[str, float] = {}

    def run(self) -> None:
        while not self._over.wait(PAUSE_S):
            kind = self._dice.choice(["noop", "noop", "tabled", "sleepy"])
            parameters = {"sleepy": {"seconds": round(self._dice.uniform(0.1, 0.8), 2)}, "tabled": {"seconds": 0.0}}
            asked = request(kind, self._dice.choice(["king_wa", "lucas_oh"]), parameters=parameters.get(kind, {}))
            with self._lasts:
                at = time.time()
                self.sent |= dict.fromkeys(self._rig.upstream.send(asked), at)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While partitions are dealt anew to a worker of the version before: of what comes then it may lose one (ADR 0007)."""
        with self._lasts:
            self._rig.upstream.flush()
            time.sleep(ARRIVED_S)
            yield

    def stop(self) -> None:
        self._over.set()


@contextmanager
def load_on(rig: Rig) -> Iterator[Load]:
    load = Load(rig)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()


def replace(old: TestedWorker, new: TestedWorker) -> int:
    """Stop a worker as a supervisor does, and start the next one in its place; return how it ended."""
    process = old._process
    old.begin_stop()
    code = process.wait(EXIT_WITHIN_S)
    old.finish_stop()
    new.prepare()
    new.spawn()
    until(new.is_ready, what="the new worker is ready", within=READY_WITHIN_S)
    return code


@pytest.fixture
def rig(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Rig]:
    """Two workers of ours that are not started, on a broker of their own; the database is of the version before."""
    name = f"upgrade_{tmp_path.name.removeprefix('test_')[:20]}"
    Database(postgres.url).rows(f'CREATE DATABASE "{name}"')
    url = make_url(postgres.url).set(database=name)
    with EmbeddedKafka(tmp_path / "kafka") as kafka:
        asyncio.run(create_topics(Broker(kafka.bootstrap)))
        settings = Settings(
            database_url=SecretStr(url.render_as_string(hide_password=False)),
            kafka_bootstrap=kafka.bootstrap,
            results_url=(tmp_path / "results").as_uri(),
            data_dir=tmp_path,
            analysis_modules=ANALYSES,
            session_timeout_seconds=6,
            drain_seconds=1,
            log_format="json",
        )
        asyncio.run(migrate(url, SCHEMA))
        asyncio.run(load_samples(settings))
        made = Rig(tmp_path, settings, workers=2)
        try:
            yield made
        finally:
            made.end()


@pytest.fixture
def before(rig: Rig, tmp_path: Path) -> Iterator[list[WorkerBefore]]:
    """As many ready workers of the version before."""
    text = unpacked(tmp_path / "before")
    made = [WorkerBefore(tmp_path / f"old{n}", worker._settings, text=text) for n, worker in enumerate(rig.workers)]
    with ExitStack() as stops:
        for worker in made:
            worker.prepare()
            worker.spawn()
            stops.callback(worker.stop)
        until(lambda: all(worker.is_ready() for worker in made), what="the old are ready", within=READY_WITHIN_S)
        yield made


def ended(rig: Rig) -> int:
    return rig.database.value("SELECT count(*) FROM market_analysis_jobs WHERE completed_at IS NOT NULL")


@pytest.mark.timeout(600)
def test_an_upgrade_under_load_loses_nothing(rig: Rig, before: list[WorkerBefore]) -> None:
    with Tape(rig.bootstrap) as tape:
        with load_on(rig) as load:
            until(lambda: ended(rig), what="the old work", within=READY_WITHIN_S)
            asyncio.run(migrate(rig.settings.database))
            codes = []
            for left, old, new in zip((1, 0), before, rig.workers, strict=True):
                with load.held() if left else nullcontext():
                    codes.append(replace(old, new))
                enough = ended(rig) + TOGETHER
                until(lambda n=enough: ended(rig) >= n, what="they work together", within=READY_WITHIN_S)
        rig.upstream.flush()
        tape.ends(list(load.sent), within=READY_WITHIN_S)
        until(lambda: committed_lag(rig.bootstrap, GROUP) == 0, what="every request is acknowledged", within=WAIT_S)
        until(lambda: not rig.database.value("SELECT count(*) FROM outbox"), what="everything is told", within=WAIT_S)
        check(rig, tape, load.sent)
    assert codes == [0, 0], "each ended in good order"


def check(rig: Rig, tape: Tape, sent: dict[str, float]) -> None:
    """Hold rows and events to what was asked."""
    rows = rig.database.rows("SELECT job_id::text, status, crashes, attempt, sequence FROM market_analysis_jobs")
    assert {row["job_id"] for row in rows} == set(sent)
    assert {(row["status"], row["crashes"]) for row in rows} == {("COMPLETED", 0)}, "no job was counted a crash"
    for row in rows:
        told = [event["sequence"] for event in tape.life(row["job_id"])]
        assert told == list(range(1, row["sequence"] + 1))
        assert len({record.header("ce_id") for record in tape.of(row["job_id"], COMPLETED)}) == 1
        assert tape.states(row["job_id"]).count("RUNNING") == row["attempt"], (
            "it began again only where it was handed back"
        )
        assert tape.of(row["job_id"], COMPLETED)[0].at - sent[row["job_id"]] < WAIT_S
