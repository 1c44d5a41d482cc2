"""The system that people look at: the sample counties, a worker that knows nobody and one that asks who comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from support.rig import Rig, TestedWorker
from support.tape import request
from support.waiting import until
from support.web import PREFIX

from models.access import NewToken, Role
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.credentials import PostgresCredentials
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.samples import load_samples
from terrafusion.settings import Settings
from terrafusion.usecases.token_holders import TOKEN, digest_of, new_secret

HOLDERS: Mapping[str, tuple[Role, frozenset[str] | None]] = {
    "olga": (Role.OPERATOR, None),
    "kim": (Role.ANALYST, frozenset({"king_wa"})),
    "lou": (Role.ANALYST, frozenset({"lucas_oh"})),
}
"""Who has a token for the worker that asks."""


class System(Rig):
    """Two workers over one database: the first knows nobody, the second asks who comes."""

    tokens: Mapping[str, str]

    def _settings_of(self, number: int) -> Settings:
        access = {"access": "off"} if number == 1 else {"access": "tokens", "http_host": "0.0.0.0"}
        own = {**access, "analysis_modules": "support.analyses"}
        return super()._settings_of(number).model_copy(update=own)

    @property
    def door(self) -> TestedWorker:
        """The worker that asks who comes."""
        return self.workers[1]

    def ask(self, analysis_type: str, county_id: str = "king_wa", **fields: Any) -> str:
        """Ask for an analysis over HTTP and return its job's id."""
        asked = request(analysis_type, county_id, **fields)
        reply = self.web.post(f"{PREFIX}/run", asked)
        assert reply.status == 202, reply.content
        return str(asked["job_id"])

    @contextmanager
    def held(self, analysis_type: str) -> Iterator[None]:
        """Have jobs of a type wait, until the context ends."""
        for verb in ("pause", "resume"):
            reply = self.web.post(f"{PREFIX}/{verb}", {"analysis_type": analysis_type})
            assert reply.status in (200, 202), reply.content
            if verb == "pause":
                yield

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        reply = self.web.post(f"{PREFIX}/cancel/{job_id}", {})
        assert reply.status in (200, 202), reply.content

    def ended(self, job_id: str, status: str = "COMPLETED") -> str:
        """Wait until a job has ended so."""
        told = until(lambda: self._end_of(job_id), what=f"job {job_id} ends", within=120, every=0.2)
        assert told["status"] == status, told
        return job_id

    def _end_of(self, job_id: str) -> Mapping[str, Any] | None:
        told: Mapping[str, Any] = self.web.status(job_id)
        return told if told["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

    def spoil(self, **record: Any) -> int:
        """Put what is no request on the topic and return its dead letter's number."""
        key = str(uuid4())
        self.upstream.put(json.dumps({"marker": key, **record}).encode(), key=key.encode())
        self.upstream.flush()
        query = "SELECT id FROM dead_letters WHERE key = $1"
        rows = until(lambda: self.database.rows(query, key.encode()), what="a dead letter is kept", within=60)
        return int(rows[0]["id"])


@asynccontextmanager
async def running(folder: Path, database_url: str) -> AsyncIterator[System]:
    """Run the system over a migrated database, until the context ends."""
    with EmbeddedKafka(folder / "kafka") as kafka:
        await create_topics(Broker(kafka.bootstrap))
        settings = Settings(
            database_url=SecretStr(database_url),
            kafka_bootstrap=kafka.bootstrap,
            results_url=(folder / "results").as_uri(),
            pool_size=2,
            drain_seconds=0.5,
            log_format="json",
        )
        system = System(folder, settings, workers=2)
        try:
            system.begin()
            await load_samples(system.settings)
            system.tokens = await _tokens(system.settings)
            await asyncio.to_thread(system.ready)
            yield system
        finally:
            system.end()


async def _tokens(settings: Settings) -> Mapping[str, str]:
    engine = make_engine(settings.database, connections=1)
    secrets = {name: new_secret(TOKEN) for name in HOLDERS}
    try:
        for name, (role, counties) in HOLDERS.items():
            token = NewToken(
                name=name, role=role, counties=counties, digest=digest_of(secrets[name]), days=1, created_by="test"
            )
            await PostgresCredentials(engine).create(token)
    finally:
        await engine.dispose()
    return secrets
