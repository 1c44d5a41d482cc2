"""The composition root: the only file that knows every part."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

from mode import Service
from prometheus_client import CollectorRegistry

from agents import commands, jobs, requests, status
from models.jobs import Claim
from models.queue import Limits, QueueRules
from models.records import IncomingRecord
from models.troubles import Part
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.columns import SnapshotColumns
from terrafusion.adapters.faust_app import (
    SteadyChannel,
    commands_topic,
    make_app,
    request_topic,
    status_topic,
)
from terrafusion.adapters.guard import Guard
from terrafusion.adapters.health import WorkerHealth
from terrafusion.adapters.job_logs import WorkerLines
from terrafusion.adapters.jobs_table import Live
from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.last_words import LastWords
from terrafusion.adapters.objects import Objects, ResultDocuments
from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.adapters.pool import PebblePool
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.credentials import PostgresAuditLog, PostgresCredentials
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.adapters.postgres.listening import listen
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.adapters.postgres.retention import PostgresRetention
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.spans import make_tracer
from terrafusion.adapters.status_tail import StatusTail
from terrafusion.adapters.stored_files import StoredFiles
from terrafusion.analysis.registry import Catalogue, load_catalogue
from terrafusion.lifecycle import Worker
from terrafusion.metrics import Metrics
from terrafusion.observing import Observing
from terrafusion.services.commanding import Orders
from terrafusion.services.holding import Claimer, Committer, Heart, Takeover
from terrafusion.services.intake import Arrival, Intake
from terrafusion.services.listener import Listener
from terrafusion.services.log_keeper import LogKeeper
from terrafusion.services.purger import Purger
from terrafusion.services.relay import Relay
from terrafusion.settings import Settings
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.attempts import Attempts
from terrafusion.usecases.bulk import Bulk
from terrafusion.usecases.callers import KnownHolders, caller
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.dead_letters import DeadLetterOffice
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LeaseKeeper
from terrafusion.usecases.logbook import Logbook
from terrafusion.usecases.pauses import KnownPauses
from terrafusion.usecases.producers import EVERY_PRODUCER, Producers
from terrafusion.usecases.purge import Purge, Terms
from terrafusion.usecases.room import Room
from terrafusion.usecases.seen import SeenJobs
from terrafusion.usecases.traces import Traces
from terrafusion.usecases.waiting import Waiting
from terrafusion.usecases.work import Workbench
from terrafusion.web.deps import WebDeps, utc_now
from terrafusion.web.door import Door, guarded
from terrafusion.web.middleware import application_options, everybody
from terrafusion.web.routes import register
from terrafusion.web.server import BoundedWeb

CONNECTIONS: Final = 6
"""For accepts, claims, commits and what the view asks; heartbeats, the relay and purging have their own."""
CHUNKS_A_SLOT: Final = 2
RELAY_STATEMENT_S: Final = 10.0
"""Whatever the relay waits for ends before the watchdog calls it stalled."""


def make_guard(settings: Settings) -> Guard:
    """Make what watches over a worker from the first moment of its process, before it is put together."""
    return Guard(_last_words(settings))


def _last_words(settings: Settings) -> LastWords:
    return LastWords(settings.data_dir / f"last-words-{settings.http_port}.json")


def create_worker(settings: Settings, guard: Guard) -> Worker:
    """Put a worker together from its settings. Raises Misconfigured."""
    return _Assembly(settings, load_catalogue(settings.modules), guard).worker()


class _Assembly:
    """The parts that several others need, made once."""

    def __init__(self, settings: Settings, catalogue: Catalogue, guard: Guard) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.guard = guard
        self.metrics = Metrics(CollectorRegistry(), catalogue.names)
        self.work, self.own_heart, self.own_purge = (
            make_engine(settings.database, connections=n) for n in (CONNECTIONS, 1, 1)
        )
        self.own_relay = make_engine(settings.database, connections=1, statement_s=RELAY_STATEMENT_S)
        self.engines = (self.work, self.own_heart, self.own_purge, self.own_relay)
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.rules = QueueRules(
            ageing=timedelta(seconds=settings.ageing_seconds), max_running_per_county=settings.max_running_per_county
        )
        self.jobs = PostgresJobStore(self.work, sender=self.name, queue=self.rules)
        self.letters = PostgresDeadLetters(self.work, sender=self.name)
        self.stored_counties = PostgresCounties(self.work)
        self.counties = KnownCounties(self.stored_counties, self.metrics)
        self.pauses = KnownPauses(PostgresPauses(self.work), self.metrics, time.monotonic)
        self.tracer = make_tracer(settings, instance=self.name)
        self.traces = Traces(self.tracer)
        self.jobs_bell, self.relay_bell = AsyncBell(), AsyncBell()
        self.objects = Objects.of(settings)
        self.log = PostgresAuditLog(self.work)
        self.credentials = PostgresCredentials(self.work)
        self.known = KnownHolders(self.credentials, monotonic=time.monotonic, now=utc_now)
        self.door = self._door() if settings.access == "tokens" else None
        self.producers = Producers(self.known) if settings.topic_access == "tokens" else EVERY_PRODUCER
        options = application_options(settings.names, door=guarded(self.door) if self.door else everybody)
        self.app = make_app(settings, web=BoundedWeb, web_options=options)
        self.consumer = FaustConsumer(self.app)
        self.health = WorkerHealth(self.app, self.consumer, self.work)
        self.words = _last_words(settings)
        self._count_stalls()
        self.tail = StatusTail(Broker.of(settings), lambda *record: self.live.hear(*record))  # noqa: PLW0108 - it is made next
        self.live = Live(self.app, self.jobs, self.metrics, self.tail.read)
        self.held = HeldJobs(self.metrics, self.jobs_bell)
        self.book = Logbook(self.jobs, self.held.attempt_of)
        self.pool = PebblePool(settings, self.held.progressed, self.book.put, self.jobs_bell.ring)
        self.metrics.has_child.set_function(lambda: float(self.pool.has_child))
        self.bench = self._bench()
        self.room = Room(self.jobs, settings.max_pending, pauses=self.pauses, monotonic=time.monotonic)
        self.observing = Observing(
            self.name, settings, self.work, self.consumer, metrics=self.metrics, is_open=lambda: self.room.is_open
        )
        self.relay = Relay(
            outbox=PostgresOutbox(self.own_relay),
            publisher=KafkaPublisher(Broker.of(settings)),
            bell=self.relay_bell,
            metrics=self.metrics,
            monotonic=time.monotonic,
            tracer=self.tracer,
        )
        self.accept = Accept(
            jobs=self.jobs,
            counties=self.counties,
            catalogue=catalogue,
            metrics=self.metrics,
            on_accepted=self._wake,
            caller=caller,
            producers=self.producers,
            traces=self.traces,
        )
        self.commands = Commands(
            jobs=self.jobs,
            accept=self.accept,
            pauses=self.pauses,
            counties=self.counties,
            catalogue=catalogue,
            metrics=self.metrics,
            on_moved=self._wake,
            now=utc_now,
            caller=caller,
            producers=self.producers,
        )

    def _door(self) -> Door:
        return Door(
            known=self.known,
            credentials=self.credentials,
            log=self.log,
            attempts=Attempts(time.monotonic),
            behind_tls=self.settings.behind_tls,
        )

    def _count_stalls(self) -> None:
        """Count also what the workers before ended themselves for."""
        before = self.words.read()
        for part in Part:
            self.metrics.stalls.labels(part).inc(before.get(part, 0))

    def _wake(self) -> None:
        self.jobs_bell.ring()
        self.relay_bell.ring()

    def _bench(self) -> Workbench:
        limits = Limits(
            owner=self.name,
            slots=self.settings.pool_size,
            lease=timedelta(seconds=self.settings.lease_seconds),
            job_timeout_s=self.settings.job_timeout_seconds,
            max_crashes=self.settings.max_attempts,
        )
        return Workbench(
            limits=limits,
            jobs=self.jobs,
            held=self.held,
            pool=self.pool,
            counties=self.counties,
            metrics=self.metrics,
            relay_bell=self.relay_bell,
            monotonic=time.monotonic,
            traces=self.traces,
        )

    def _leases(self) -> LeaseKeeper:
        return LeaseKeeper(
            limits=self.bench.limits,
            jobs=PostgresJobStore(self.own_heart, sender=self.name),
            held=self.held,
            relay_bell=self.relay_bell,
            monotonic=time.monotonic,
        )

    def worker(self) -> Worker:
        """Register agents and views, and tie starting and draining to the app."""
        channel: Any = SteadyChannel(self.app)
        intake = Intake(self.accept, room=self.room)
        orders = Orders(self.commands, monotonic=time.monotonic)
        self._register(channel, intake, orders)

        async def put(chunk: Sequence[Claim]) -> None:
            await channel.put(chunk)

        claimer = Claimer(bench=self.bench, bell=self.jobs_bell, put=put)
        worker = Worker(
            settings=self.settings,
            app=self.app,
            engines=self.engines,
            guard=self.guard,
            tracer=self.tracer,
            pool=self.pool,
            bench=self.bench,
            claimer=claimer,
            tail=self.tail,
            others=(*self._observers(claimer), *self._services(), intake, orders),
        )
        self.app.drain = worker.drain
        self.app.prepare = worker.prepare
        self.app.begin = worker.start
        return worker

    def _register(self, channel: Any, intake: Intake, orders: Orders) -> None:
        requests.register(self.app, request_topic(self.app), partial(_hand, intake))
        commands.register(self.app, commands_topic(self.app), partial(_hand, orders))
        status.register(self.app, status_topic(self.app), self.live.see, self.live.forget)
        jobs.register(self.app, channel, self.bench.run, concurrency=CHUNKS_A_SLOT * self.settings.pool_size)
        register(
            self.app,
            WebDeps(
                store=self.jobs,
                history=self.jobs,
                counties=self.stored_counties,
                columns=SnapshotColumns(self.objects, self.settings.data_dir / "cache"),
                workers=self.observing.workers,
                rates=self.observing.rates,
                group=self.observing.dealt,
                live=self.live,
                documents=ResultDocuments(self.objects, self.settings.data_dir / "cache"),
                catalogue=self.catalogue,
                submit=self.accept.submit,
                commands=self.commands,
                bulk=Bulk(
                    jobs=SeenJobs(self.jobs),
                    history=self.jobs,
                    orders=self.commands,
                    room=self.room,
                    now=utc_now,
                    monotonic=time.monotonic,
                ),
                pauses=self.pauses,
                room=self.room,
                waiting=Waiting(
                    jobs=self.jobs,
                    pauses=self.pauses,
                    max_running_per_county=self.settings.max_running_per_county,
                    now=utc_now,
                    monotonic=time.monotonic,
                ),
                health=self.health,
                registry=self.metrics.registry,
                log=self.log,
                door=self.door,
                letters=self.letters,
                office=DeadLetterOffice(
                    letters=self.letters,
                    jobs=self.jobs,
                    submit=self.accept.submit,
                    execute=self.commands.execute,
                    metrics=self.metrics,
                    on_told=self.relay_bell.ring,
                    now=utc_now,
                    caller=caller,
                ),
            ),
        )

    def _observers(self, claimer: Claimer) -> Sequence[Service]:
        return self.observing.services(
            self.pool,
            in_flight=lambda: len(self.held),
            leads=lambda: self.relay.leads,
            drains=lambda: claimer.should_stop,
        )

    def _services(self) -> Sequence[Service]:
        cancelled = AsyncBell()
        hear = partial(
            listen,
            self.settings.database,
            sender=self.name,
            on_jobs=self.jobs_bell.ring,
            on_entries=self.relay_bell.ring,
            on_cancelled=cancelled.ring,
        )
        takeover = Takeover(
            jobs=self.jobs,
            lease=self.bench.limits.lease,
            max_crashes=self.bench.limits.max_crashes,
            metrics=self.metrics,
            bell=self.jobs_bell,
            monotonic=time.monotonic,
        )
        purge = Purge(
            retention=PostgresRetention(self.own_purge, sender=self.name),
            files=StoredFiles(self.objects),
            terms=Terms.of_days(
                jobs=self.settings.job_retention_days,
                letters=self.settings.dead_letter_retention_days,
                versions=self.settings.data_version_retention_days,
                deeds=self.settings.audit_retention_days,
            ),
            metrics=self.metrics,
        )
        looks = (self.relay.look, self.pool.look)
        watchdog = self.observing.watchdog(*looks, end=self.app.crash, remember=self.words.add)
        self.app.stood_still = watchdog.tell_end
        return (
            self.relay,
            Listener(hear),
            watchdog,
            Heart(self._leases(), cancelled=cancelled),
            Committer(self.bench),
            LogKeeper(self.book, WorkerLines(self.book.put)),
            takeover,
            Purger(purge, is_leader=lambda: self.relay.leads),
        )


async def _hand(service: Intake | Orders, record: IncomingRecord, acknowledge: Callable[[], None]) -> None:
    await service.put(Arrival(record, acknowledge))
