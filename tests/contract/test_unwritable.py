"""An answer that is nested too deep for its events fails its job; an entry that holds such a one all the same holds up no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from structlog.testing import capture_logs
from support.broker import Broker

from models.dead_letters import UNWRITABLE, Stage
from models.jobs import Finish
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.postgres.outbox import PostgresOutboxLeader
from terrafusion.errors import UnstorableData
from terrafusion.metrics import Metrics
from terrafusion.services.relay import Relay
from topics.catalogue import COMPLETED, STATUS

from .conftest import Bench

DEEPEST_TO_WRITE = 253


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"deep": value}


@pytest.fixture
def bench(postgres_driver):
    return Bench(postgres_driver)


@pytest.mark.parametrize("depth", range(DEEPEST_TO_WRITE - 12, DEEPEST_TO_WRITE + 2))
async def test_what_is_stored_of_an_answer_can_be_told(bench, shared_engine, depth):
    claim = await bench.running()
    finish = Finish(job_id=claim.job_id, attempt=1, message="Done", result_summary=nested(depth))
    try:
        await bench.store.finish([finish])
    except UnstorableData:
        return
    async with shared_engine.connect() as connection:
        leader = PostgresOutboxLeader(connection)
        told = [record for _, entry in await leader.read(100) for record in entry]
    assert [record.topic for record in told][-2:] == [STATUS.name, COMPLETED.name]


async def test_an_event_that_cannot_be_written_is_parked_and_the_rest_is_told(bench, shared_engine):
    """As a worker of the version before may have stored it."""
    deep, other = [await bench.running() for _ in range(2)]
    finishes = [Finish(job_id=c.job_id, attempt=1, message="Done", result_summary={"deep": 0}) for c in (deep, other)]
    await bench.store.finish(finishes)
    registry, broker = CollectorRegistry(), Broker()
    relay = Relay(outbox=None, publisher=broker, bell=AsyncBell(), metrics=Metrics(registry, ()), monotonic=lambda: 0.0)
    async with shared_engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        moves = (await connection.execute(text("SELECT id, moves FROM outbox ORDER BY id DESC LIMIT 1"))).one()
        jobs = json.loads(moves.moves)
        next(job for job in jobs if job["job_id"] == str(deep.job_id))["result_summary"] = nested(DEEPEST_TO_WRITE)
        given = {"id": moves.id, "moves": json.dumps(jobs)}
        await connection.execute(text("UPDATE outbox SET moves = :moves WHERE id = :id"), given)
        leader = PostgresOutboxLeader(connection)
        with capture_logs() as logs:
            await relay.publish_oldest(leader)
        assert await leader.read(100) == []
        kept = (await connection.execute(text("SELECT value FROM dead_letters"))).scalar_one()
    completed = [record.key for record in broker.taken if record.topic == COMPLETED.name]
    assert completed == [str(other.job_id).encode()]
    assert sum(b'"COMPLETED"' in record.value for record in broker.taken if record.topic == STATUS.name) == 2
    [letter] = await bench.driver.letters()
    assert (letter.stage, letter.error_class, letter.topic, letter.job_id) == (
        Stage.PUBLISH,
        UNWRITABLE,
        COMPLETED.name,
        deep.job_id,
    )
    assert json.loads(kept)["result_summary"] == nested(DEEPEST_TO_WRITE)
    assert [entry["event"] for entry in logs] == ["an event cannot be written"]
    assert registry.get_sample_value("terrafusion_dead_letters_total", {"stage": "publish"}) == 1
