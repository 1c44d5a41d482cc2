"""A worker or its child dies at each boundary, is started again, and every promise holds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support import books
from support.deaths import BLOWS, Blow
from support.doomed import COMMANDS, COUNTY, PATIENCE_S, Doomed
from support.nursery import Nursery
from support.rig import GROUP
from support.tape import REQUESTS, committed_lag
from support.waiting import until

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.boundaries import Boundary
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.settings import Settings

pytestmark = pytest.mark.timeout(1800)
LANES = 2
"""Systems that die side by side: one waits where the other works."""
IN_ERRANDS = {
    Boundary.COPY_WRITTEN,
    Boundary.SNAPSHOT_STORED,
    Boundary.VERSION_WRITTEN,
    Boundary.VERSION_COMMITTED,
    Boundary.FILES_REMOVED,
    Boundary.JOBS_PURGED,
    Boundary.LETTERS_PURGED,
    Boundary.VERSIONS_PURGED,
    Boundary.MIGRATING,
}
"""Those have their deaths in tests/integration/test_deaths.py."""


@dataclass(frozen=True)
class Story:
    """What came of all the deaths."""

    troubles: Mapping[str, Sequence[str]]
    """By the name of the blow."""
    left: Sequence[str]


@pytest.fixture(scope="module")
async def lanes(
    postgres: EmbeddedPostgres, migrated_template: str, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sequence[Doomed]]:
    """Workers, each on a broker and a database of its own."""
    folder = tmp_path_factory.mktemp("doomed")
    admin = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    with ExitStack() as stack:
        systems = []
        for number in range(LANES):
            home = folder / str(number)
            home.mkdir()
            kafka = stack.enter_context(EmbeddedKafka(home / "kafka"))
            await create_topics(Broker(kafka.bootstrap))
            await admin.execute(f"CREATE DATABASE doomed_{number} TEMPLATE {migrated_template}")
            url = make_url(postgres.url).set(database=f"doomed_{number}")
            systems.append(Doomed(home, _settings(home, url.render_as_string(), kafka.bootstrap), nursery))
        yield systems
    for number in range(LANES):
        await admin.execute(f"DROP DATABASE doomed_{number} WITH (FORCE)")
    await admin.close()


def _settings(home: Path, database_url: str, bootstrap: str) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        kafka_bootstrap=bootstrap,
        results_url=(home / "results").as_uri(),
        pool_size=1,
        lease_seconds=6,
        session_timeout_seconds=2,
        max_attempts=100,
        drain_seconds=0.2,
        log_format="json",
        analysis_modules="benchmarks.noop,support.crashing",
    )


@pytest.fixture(scope="module")
def story(lanes: Sequence[Doomed], request: pytest.FixtureRequest) -> Story:
    """Every blow that a collected test asks for."""
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = {param["blow"].name for param in params if "blow" in param}
    blows = [blow for blow in BLOWS if blow.name in asked]
    with ThreadPoolExecutor(LANES) as threads:
        parts = list(threads.map(live, lanes, (blows[number::LANES] for number in range(LANES))))
    return Story(
        {name: told for part in parts for name, told in part.troubles.items()},
        [sentence for part in parts for sentence in part.left],
    )


def live(system: Doomed, blows: Sequence[Blow]) -> Story:
    """Have one blow fall after the other, then let the system come to rest, and look at its books.

    Jobs that a death left running wait for the end of their lease while the next blow falls.
    """
    troubles: dict[str, list[str]] = defaultdict(list)
    system.errand("load_sales", COUNTY, 300)
    system.start()
    for blow in blows:
        began = time.monotonic()
        try:
            fall(system, blow)
        except Exception as error:  # noqa: BLE001 - the next blow is to fall all the same
            troubles[blow.name].append(f"{type(error).__name__}: {error}")
            system.begin_again()
        system.note(f"{time.monotonic() - began:5.1f} s {blow.name}")
    rest(system)
    found = books.read(system)
    for name, problem in found.of_jobs():
        troubles[name].append(problem)
    return Story(troubles, [*found.of_all(), *left(system)])


def fall(system: Doomed, blow: Blow) -> None:
    """Have a blow fall, and the worker live again."""
    system.blow = blow.name
    steps = blow.play(system)
    next(steps)
    system.arm(blow.boundary, blow.victim)
    next(steps)
    system.struck(blow.boundary)
    if blow.kills_worker:
        system.mourn()
        system.start()
    assert next(steps, None) is None


def rest(system: Doomed) -> None:
    """Wait until everything is taken, run and told, and stop the worker."""
    what = "everything is taken, run and told"
    until(lambda: is_at_rest(system), what=what, within=2 * PATIENCE_S, every=0.5)
    system.terminate()
    system.mourn()


def is_at_rest(system: Doomed) -> bool:
    waits = "SELECT FROM market_analysis_jobs WHERE status IN ('PENDING', 'RUNNING')"
    if any(system.database.rows(statement) for statement in (waits, "SELECT FROM outbox")):
        return False
    return not any(committed_lag(system.bootstrap, GROUP, topic) for topic in (REQUESTS, COMMANDS))


def left(system: Doomed) -> Sequence[str]:
    """Name what outlived the worker."""
    sessions = "SELECT application_name AS name FROM pg_stat_activity WHERE datname = current_database()"
    names = [row["name"] for row in system.database.rows(sessions)]
    paused = [f"{row['name']} is paused" for row in system.database.rows("SELECT name FROM pauses")]
    return [
        *paused,
        *system.orphans(),
        *(f"a connection of {name} is open" for name in names if name.startswith("terrafusion")),
    ]


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.name)
def test_every_promise_holds_where_a_process_dies(story: Story, blow: Blow) -> None:
    assert story.troubles.get(blow.name, []) == []


def test_nothing_is_left_of_all_the_deaths(story: Story) -> None:
    assert story.left == []


def test_every_boundary_has_its_death() -> None:
    assert {blow.boundary for blow in BLOWS} | IN_ERRANDS == set(Boundary)
