"""What every measurement stands on: an own Postgres, an own broker, a county, and programs beside them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import asyncpg
import polars as pl
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.loading import Loaded, load
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.processes import Server, free_port
from terrafusion.embedded.workers import WorkerProcess
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.settings import Settings

COUNTY: Final = "bench"
READY: Final = "ready"
"""What a program says when it can be measured."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Running services, and what can be put beside them."""

    folder: Path
    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka
    objects: Objects

    @property
    def url(self) -> URL:
        """The migrated database that is there from the beginning."""
        return make_url(self.postgres.url)

    def database(self, name: str) -> URL:
        """Make one more migrated database."""
        asyncio.run(ask(self.url, f"CREATE DATABASE {name}"))
        url = self.url.set(database=name)
        asyncio.run(migrate(url))
        return url

    def load(self, sales: pl.DataFrame, url: URL | None = None) -> Loaded:
        """Load a county's sales as `terrafusion load sales` does."""
        file = self.folder / "sales.parquet"
        sales.write_parquet(file)
        read = without_repeats(read_records(file, SALES))
        return load(url or self.url, self.objects, COUNTY, read.records, kind=SALES)

    def worker(self, url: URL | None = None, *, pool_size: int = 2, name: str = "worker") -> WorkerProcess:
        """Make a worker that knows the no-op analysis."""
        database = SecretStr((url or self.url).render_as_string(hide_password=False))
        told = Settings(
            database_url=database,
            kafka_bootstrap=self.kafka.bootstrap,
            results_url=self.objects.url,
            data_dir=self.folder / "data" / name,
            analysis_modules="benchmarks.noop",
            pool_size=pool_size,
        )
        return _Worker(self.folder / name, told, port=free_port())

    def program(self, module: str, *arguments: str) -> Program:
        """Make a program out of a module of this package."""
        return Program(self.folder / module, ["-m", f"benchmarks.{module}", *arguments])


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start the services with the schema and the topics; stop them in the end."""
    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedKafka(folder / "kafka") as kafka:
        asyncio.run(migrate(make_url(postgres.url)))
        asyncio.run(create_topics(Broker(kafka.bootstrap)))
        yield Stage(folder, postgres, kafka, Objects((folder / "results").as_uri()))


async def ask(url: URL, query: str, *arguments: Any) -> Sequence[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


class _Worker(WorkerProcess):
    def _environment(self) -> Mapping[str, str]:
        further = {"ANALYSIS_MODULES": self._settings.analysis_modules, "POOL_SIZE": str(self._settings.pool_size)}
        return {**super()._environment(), **{f"TERRAFUSION_{name}": value for name, value in further.items()}}


class Program(Server):
    """A Python program of this package; it is up when it says that it is ready."""

    stop_signal = at_our_death = signal.SIGTERM

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        super().__init__(folder)
        self.name = self.folder.name
        self._arguments = arguments

    def _initialize(self, log: BinaryIO) -> None:
        pass

    def _command(self) -> Sequence[str]:
        return [sys.executable, *self._arguments, str(self.port)]

    def _answers(self) -> bool:
        return self.last_line() == READY
