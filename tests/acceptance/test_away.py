"""The broker goes away and comes back, and there are more workers than partitions: nobody is blamed, and all goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chaos.away import outage
from pydantic import SecretStr
from sqlalchemy import make_url
from support.database import Database
from support.rig import ANALYSES, Rig
from support.scarce import PARTITIONS, PATIENCE_S
from support.tape import request
from support.waiting import until

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.samples import load_samples
from terrafusion.settings import Settings
from topics.catalogue import TOPICS

WORKERS = 4
AWAY_S = 20.0
"""The watchdogs' patience here, four times."""
MOST_LINES_A_SECOND = 5.0
MOST_MB = 64.0
LOOKS_S = 8.0
"""A look at the group, and the next at the worker."""


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker of its own, with fewer partitions than there are workers."""
    with EmbeddedKafka(tmp_path / "kafka") as server:
        asyncio.run(create_topics(Broker(server.bootstrap), [replace(spec, partitions=PARTITIONS) for spec in TOPICS]))
        yield server


@pytest.fixture
def rig(postgres: EmbeddedPostgres, migrated_template: str, kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[Rig]:
    Database(postgres.url).rows(f"CREATE DATABASE away TEMPLATE {migrated_template}")
    url = make_url(postgres.url).set(database="away").render_as_string(hide_password=False)
    settings = Settings(
        database_url=SecretStr(url),
        kafka_bootstrap=kafka.bootstrap,
        results_url=(tmp_path / "results").as_uri(),
        pool_size=1,
        session_timeout_seconds=6,
        drain_seconds=0.5,
        log_format="json",
    )
    made = Rig(tmp_path, settings, workers=WORKERS)
    made.settings = made.settings.model_copy(update={"analysis_modules": f"{ANALYSES},support.few"})
    for number, worker in enumerate(made.workers, 1):
        worker._settings = made._settings_of(number)
    try:
        made.begin()
        asyncio.run(load_samples(made.settings))
        made.ready()
        yield made
    finally:
        made.end()


def stalls(rig: Rig) -> float:
    return sum(
        value for worker in rig.workers for name, value in worker.web.metrics().items() if "stalls_total{" in name
    )


@pytest.mark.by_hand
@pytest.mark.timeout(600)
def test_an_outage_of_the_broker_and_surplus_workers_end_nobody(rig: Rig, kafka: EmbeddedKafka) -> None:
    seen = outage(rig, kafka, seconds=AWAY_S, every_s=AWAY_S)
    before, after, _ = seen.samples
    assert seen.troubles == []
    for name, worker in before.items():
        assert after[name].lines - worker.lines < MOST_LINES_A_SECOND * AWAY_S, "the log is not flooded"
        assert after[name].mb - worker.mb < MOST_MB
        assert after[name].is_ready, "requests over HTTP are accepted meanwhile"
        assert not after[name].has_broker, "and yet it is told that the broker is away"
    pids = [worker.pid for worker in rig.workers]
    [job_id] = rig.upstream.send(request("noop"))
    since = time.monotonic()
    until(
        lambda: (rig.database.job(job_id) or {}).get("status") == "COMPLETED",
        what="a job from the topic is done",
        within=60,
    )
    until(lambda: time.monotonic() - since > 2 * PATIENCE_S + LOOKS_S, what="the watchdogs had time", within=60)
    assert [worker.pid for worker in rig.workers if worker.is_running] == pids
    assert stalls(rig) == 0
