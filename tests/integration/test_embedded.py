"""The embedded servers keep what was written, come back on the same address, and never outlive who started them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import check_topics, create_topics
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import NOBODY, EmbeddedPostgres, binaries
from terrafusion.embedded.processes import Server
from terrafusion.errors import Unavailable
from topics.catalogue import REQUESTS

SERVERS = pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedKafka])
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
OWNER = """
import sys, time
from pathlib import Path
from terrafusion.embedded.{module} import {kind}
with {kind}(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


def gone(pid: int, *, within: float = 15) -> bool:
    try:
        psutil.Process(pid).wait(within)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def killed_owner(kind: type[Server], folder: Path) -> int:
    script = OWNER.format(module=kind.name, kind=kind.__name__)
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    return pid


@SERVERS
def test_a_killed_owner_takes_its_server_along_and_the_next_one_starts(kind: type[Server], tmp_path: Path) -> None:
    pid = killed_owner(kind, tmp_path)
    with kind(tmp_path) as server:
        assert server.pid != pid
        assert gone(pid)


@SERVERS
def test_stop_leaves_no_process_and_keeps_the_port(kind: type[Server], tmp_path: Path) -> None:
    with kind(tmp_path) as server:
        first, port = server.pid, server.port
        assert psutil.pid_exists(first)
    assert server.pid == 0
    assert gone(first, within=0)
    again = kind(tmp_path)
    again.prepare()
    assert again.port == port


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path):
        second = EmbeddedPostgres(tmp_path)
        with pytest.raises(Unavailable, match=r"postgres did not start: .*postmaster"):
            second.start()


async def test_postgres_keeps_committed_rows_when_killed(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        url = server.url.replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SHOW fsync") == await connection.fetchval("SHOW synchronous_commit") == "on"
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        server.kill()
        connection.terminate()
        server.start()
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT number FROM kept") == 1
        await connection.close()


def nobody_can_run_postgres() -> bool:
    as_nobody = [*AS_NOBODY, str(binaries() / "postgres"), "--version"]
    return os.geteuid() == 0 and subprocess.run(as_nobody, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not nobody_can_run_postgres(), reason="needs root, and a checkout that nobody can read")
def test_postgres_runs_as_nobody_where_user_namespaces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrafusion.embedded.postgres._as_other_user", lambda: AS_NOBODY)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server:
            assert psutil.Process(server.pid).uids().effective == NOBODY


async def test_kafka_keeps_records_when_killed(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as server:
        await create_topics(Broker(server.bootstrap))
        async with AIOKafkaProducer(bootstrap_servers=server.bootstrap, acks="all") as producer:
            await producer.send_and_wait("market-analysis.requests.v1", b"kept", partition=0)
        server.kill()
        server.start()
        assert await check_topics(Broker(server.bootstrap)) == ()
        consumer = AIOKafkaConsumer(
            "market-analysis.requests.v1", bootstrap_servers=server.bootstrap, auto_offset_reset="earliest"
        )
        async with consumer:
            assert (await consumer.getone()).value == b"kept"


def test_kafka_starts_also_where_what_java_learned_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.aot"
    broken.write_bytes(b"half of it")
    monkeypatch.setattr("terrafusion.embedded.jars.memory", lambda _: broken)
    with EmbeddedKafka(tmp_path / "kafka") as server:
        assert server.is_running


async def test_each_test_has_a_migrated_database(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM market_analysis_jobs"))).scalar() == 0


async def test_topics_of_the_catalogue_are_on_the_broker(topics: str) -> None:
    assert await check_topics(Broker(topics)) == ()


async def test_what_is_otherwise_on_the_broker_is_told_with_what_is_wanted(topics: str) -> None:
    spec = replace(REQUESTS, name=f"other-{uuid4().hex}", config={**REQUESTS.config, "cleanup.policy": "delete"})
    asked = replace(spec, partitions=3, config={**spec.config, "retention.ms": "1000"})
    await create_topics(Broker(topics), [asked])
    async with asyncio.timeout(30):
        while await check_topics(Broker(topics), [asked]) != ():  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.1)  # the broker learns of it a moment after the controller
    assert await check_topics(Broker(topics), [spec, replace(spec, name="nowhere")]) == (
        f"Topic {spec.name} has 3 partitions; the catalogue says 8.",
        f"Topic {spec.name} has retention.ms=1000; the catalogue says 604800000.",
        "Topic nowhere does not exist; `terrafusion topics create` makes it.",
    )


def test_interrupt_while_starting_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedKafka(tmp_path)
    pids: list[int] = []

    def interrupted() -> bool:
        pids.append(server.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "is_up", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert gone(pids[0], within=0)
