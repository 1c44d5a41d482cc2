"""A worker is ready on its own schema and on a newer one, beside whose workers it goes on; not on an older one or none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import make_url, text

from terrafusion.adapters.health import WorkerHealth
from terrafusion.adapters.postgres.migrate import migrate, newest_version
from terrafusion.cli.checks import _schema
from terrafusion.ports.health import Check

OWN = newest_version()


def health_on(engine: Any) -> WorkerHealth:
    recovered = SimpleNamespace(is_set=lambda: True)
    app: Any = SimpleNamespace(
        rebalancing=False,
        tables=SimpleNamespace(recovery=SimpleNamespace(completed=recovered)),
        assignor=SimpleNamespace(assigned_actives=set),
    )
    own: Any = SimpleNamespace(error=lambda: None)
    return WorkerHealth(app, own, engine)


SEEN = [
    (OWN, Check(ok=True, detail=f"the schema is at {OWN}")),
    ("9999", Check(ok=True, detail=f"the schema is at 9999, newer than this release's {OWN}")),
    ("0001", Check(ok=False, detail=f"the schema is at 0001, not {OWN}")),
]


@pytest.mark.parametrize(("version", "seen"), SEEN)
async def test_a_newer_schema_is_as_good_as_its_own(engine, version, seen):
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    assert (await health_on(engine).checks())["database"] == seen
    async with engine.connect() as connection:
        finding = await _schema(connection)
    assert (finding.ok, version in finding.detail) == (seen.ok, True)


async def test_an_empty_database_is_not(database_url, engine):
    await migrate(make_url(database_url), "base")
    assert (await health_on(engine).checks())["database"] == Check(
        ok=False, detail=f"the schema is at nothing, not {OWN}"
    )
