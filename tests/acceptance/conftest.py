"""One system for all black-box tests: two workers on the session's servers, with a database of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support.nursery import Nursery
from support.rig import JOB_TIMEOUT_S, LEASE_S, MAX_CRASHES, POOL_SIZE, Rig
from support.shell import Shell, services
from support.tape import Tape

from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.samples import load_samples
from terrafusion.settings import Settings


@pytest.fixture(scope="session")
async def rig(
    postgres: EmbeddedPostgres, migrated_template: str, topics: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rig]:
    """Two ready workers with both sample counties; a test that stops one starts it again."""
    admin = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    await admin.execute(f"CREATE DATABASE acceptance TEMPLATE {migrated_template}")
    await admin.close()
    folder = tmp_path_factory.mktemp("system")
    url = make_url(postgres.url).set(database="acceptance").render_as_string(hide_password=False)
    settings = Settings(
        database_url=SecretStr(url),
        kafka_bootstrap=topics,
        results_url=(folder / "results").as_uri(),
        pool_size=POOL_SIZE,
        lease_seconds=LEASE_S,
        session_timeout_seconds=4,
        job_timeout_seconds=JOB_TIMEOUT_S,
        max_attempts=MAX_CRASHES,
        drain_seconds=0.5,
        log_format="json",
    )
    made = Rig(folder, settings, workers=2)
    try:
        made.begin()
        await asyncio.wait_for(load_samples(made.settings), 60)
        await asyncio.to_thread(made.ready)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def tape(topics: str) -> Iterator[Tape]:
    """Everything published on the topics, from the first record on."""
    with Tape(topics) as made:
        yield made


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """What forks processes that begin at once."""
    with Nursery(tmp_path_factory.mktemp("nursery") / "log") as made:
        yield made


@pytest.fixture(scope="session")
def shell(rig: Rig, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The command line, told of this system."""
    rig.ready()
    return Shell(nursery, tmp_path_factory.mktemp("shell"), services(rig))
