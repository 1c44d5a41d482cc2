"""A plan carried out: requests at their times, blows at theirs, and then rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

from pydantic import SecretStr
from sqlalchemy import make_url
from support.checker import check
from support.database import Database
from support.model import Model
from support.rig import GROUP, POOL_SIZE
from support.tape import REQUESTS, committed_lag
from support.waiting import until
from support.world import COMMANDS, World, leftovers, observe

from chaos.plan import Blow, Message, Plan
from chaos.system import ALWAYS, MODULES, Stage, System
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

TEMPLATE = "terrafusion"
"""The database that is copied for each system."""
MAX_CRASHES = 5
JOB_TIMEOUT_S = 20.0
CHILD_MEMORY_GIB = 0.75
LEASE_S = 5.0
REST_WITHIN_S = 300.0
REST_A_JOB_S = 0.3
GONE_WITHIN_S = 15.0
ASK_EVERY_S = 0.3
TICK_S = 0.02
UNFINISHED = "SELECT count(*) FROM market_analysis_jobs WHERE status IN ('PENDING', 'RUNNING')"

Say = Callable[[str], None]
Look = Callable[["World"], None]


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start a Postgres and a broker of its own, with topics, and a database with the sample counties."""
    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedKafka(folder / "kafka") as kafka:
        made = Stage(folder, postgres, kafka)
        asyncio.run(create_topics(Broker(kafka.bootstrap)))
        asyncio.run(migrate(make_url(postgres.url)))
        asyncio.run(load_samples(settings_for(folder, made, TEMPLATE)))
        yield made


@contextmanager
def system(
    folder: Path, stage: Stage, name: str, *, lease_s: float = LEASE_S, always: int = ALWAYS, **told: str
) -> Iterator[System]:
    """Make a system over a database of its own; ``told`` goes into the workers' environment."""
    Database(make_url(stage.postgres.url).set(database="postgres").render_as_string()).rows(
        f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"
    )
    made = System(folder, settings_for(folder, stage, name, lease_s), stage, told, always=always)
    try:
        yield made
    finally:
        made.end()


def settings_for(folder: Path, stage: Stage, database: str, lease_s: float = LEASE_S) -> Settings:
    """Write settings under which faults are felt and cured within seconds."""
    url = make_url(stage.postgres.url).set(database=database)
    return Settings(
        database_url=SecretStr(url.render_as_string(hide_password=False)),
        kafka_bootstrap=stage.kafka.bootstrap,
        results_url=(stage.folder / "results").as_uri(),
        data_dir=folder,
        analysis_modules=MODULES,
        pool_size=POOL_SIZE,
        lease_seconds=lease_s,
        session_timeout_seconds=2,
        job_timeout_seconds=JOB_TIMEOUT_S,
        child_memory_gib=CHILD_MEMORY_GIB,
        max_attempts=MAX_CRASHES,
        drain_seconds=0.5,
        log_format="json",
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    findings: Sequence[str]
    rest_s: float
    """From the last message and blow until everything was taken, run and told."""
    world: World


def carry_out(plan: Plan, struck: System, say: Say = print, before_end: Look = lambda _world: None) -> Outcome:
    """Send the messages while the blows fall, wait for rest, stop the workers, and hold what is seen to the model."""
    began = time.monotonic()
    sender = Thread(target=_send, args=(plan.messages, struck, began))
    sender.start()
    _strike(plan.blows, struck, began, say)
    while sender.is_alive():
        struck.supervise()
        time.sleep(TICK_S)
    struck.upstream.flush()
    last = time.monotonic()
    within = REST_WITHIN_S + REST_A_JOB_S * len(plan.model.jobs)
    until(lambda: at_rest(plan, struck), what="everything was taken, run and told", within=within)
    return judged(plan.model, struck, rest_s=time.monotonic() - last, before_end=before_end)


def judged(model: Model, struck: System, *, rest_s: float = 0.0, before_end: Look = lambda _world: None) -> Outcome:
    """Look at everything, stop the workers, look what is left of them, and hold it all to the model."""
    bootstrap, results = struck.kafka.bootstrap, struck.settings.results
    world = observe(bootstrap, struck.database, group=GROUP, results=results, since=struck.since, others=struck.others)
    before_end(world)
    struck.end()
    return Outcome(check(replace(world, left=[*_left(struck), *struck.complaints]), model), rest_s, world)


def _left(struck: System) -> Sequence[str]:
    """Name what is still there a moment after the workers' end."""
    end = time.monotonic() + GONE_WITHIN_S
    while (left := leftovers(struck.database, struck.folder, scratch=struck.scratch)) and time.monotonic() < end:
        time.sleep(10 * TICK_S)
    return left


def _send(messages: Sequence[Message], struck: System, began: float) -> None:
    for message in messages:
        time.sleep(max(0.0, began + message.at - time.monotonic()))
        struck.upstream.put(message.value, key=message.key, topic=message.topic, partition=message.partition)


def _strike(blows: Sequence[Blow], struck: System, began: float, say: Say) -> None:
    """Let blows fall, some while others last; each is healed when its time is over."""
    waiting = list(blows)
    healing: list[tuple[float, ExitStack, str]] = []
    while waiting or healing:
        now = time.monotonic() - began
        for due in [one for one in healing if one[0] <= now]:
            due[1].close()
            healing.remove(due)
        if waiting and waiting[0].at <= now and waiting[0].target not in {one[2] for one in healing}:
            blow = waiting.pop(0)
            say(f"{now:6.1f} s  {blow.name}" + (f" {blow.worker + 1}" if "worker" in blow.name else ""))
            stack = ExitStack()
            stack.enter_context(struck.struck(blow))
            healing.append((time.monotonic() - began + struck.lasts(blow), stack, blow.target))
        struck.supervise()
        time.sleep(TICK_S)


def at_rest(plan: Plan, struck: System) -> bool:
    """Say whether everything was taken, run and told."""
    struck.supervise()
    return idle(struck) and struck.database.value("SELECT count(*) FROM market_analysis_jobs") >= len(plan.model.jobs)


def idle(struck: System) -> bool:
    """Say whether there is nothing to do for anybody; the question costs them something, so it is not asked often."""
    time.sleep(ASK_EVERY_S)
    database, bootstrap = struck.database, struck.kafka.bootstrap
    told = not database.value(UNFINISHED) and not database.value("SELECT count(*) FROM outbox")
    return told and not any(committed_lag(bootstrap, GROUP, topic) for topic in (REQUESTS, COMMANDS))
