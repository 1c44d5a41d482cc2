"""Real services for the tests that ask for them: one Postgres and one broker a session, one database a test."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in workers; more threads only wait for each other

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import hypothesis.internal.observability  # noqa: F401 - its plugin would import it at the end, where Python 3.11 may fail
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from xdist.scheduler import LoadFileScheduling

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres


class _ByFile(LoadFileScheduling):
    """A file's tests in one process; all that need a browser in one too, where they share a system and a Chromium."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return "tests/browser" if scope.startswith("tests/browser/") else scope


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile | None:
    """Deal the tests out; anything but `--dist loadfile` stays as it is."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running Postgres; a test that stops it starts it again."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A running broker without topics; a test that stops it starts it again."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
async def topics(kafka: EmbeddedKafka) -> str:
    """The address of the broker, with every topic of the catalogue on it."""
    await create_topics(Broker(kafka.bootstrap))
    return kafka.bootstrap


@pytest.fixture(scope="session")
async def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the newest schema and no rows, to be copied."""
    await _administer(postgres, "CREATE DATABASE migrated")
    await migrate(make_url(postgres.url).set(database="migrated"))
    return "migrated"


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> AsyncIterator[str]:
    """The address of a database of this test's own, at the newest schema."""
    name = f"test_{uuid4().hex}"
    await _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield make_url(postgres.url).set(database=name).render_as_string(hide_password=False)
    await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to this test's database."""
    made = make_engine(make_url(database_url), connections=5)
    yield made
    await made.dispose()


async def _administer(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
