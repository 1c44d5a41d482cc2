"""One worker, put together from its settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from agents import commands, jobs, requests, status
from models.records import IncomingRecord
from terrafusion.adapters.faust_app import (
    SteadyChannel,
    commands_topic,
    request_topic,
    status_topic,
)
from terrafusion.adapters.guard import Guard
from terrafusion.bootstrap.node import Node
from terrafusion.bootstrap.running import Running
from terrafusion.bootstrap.services import last_words, services
from terrafusion.bootstrap.shared import Shared
from terrafusion.bootstrap.usecases import UseCases
from terrafusion.bootstrap.views import web_deps
from terrafusion.lifecycle import Worker
from terrafusion.services.commanding import Orders
from terrafusion.services.intake import Arrival, Intake
from terrafusion.services.leases import Claimer
from terrafusion.settings import Settings
from terrafusion.web.routes import register
from topics.catalogue import REQUESTS

CHUNKS_A_SLOT: Final = 2


def make_guard(settings: Settings) -> Guard:
    """Make what watches over a worker from the first moment of its process, before it is put together."""
    return Guard(last_words(settings))


def create_worker(settings: Settings, guard: Guard) -> Worker:
    """Put a worker together from its settings. Raises Misconfigured."""
    shared = Shared.of(settings)
    cases, running = UseCases.of(shared), Running.of(shared)
    node = Node.of(shared, cases.room)
    intake, orders = Intake(cases.accept, room=cases.room), _orders(cases, node)
    claimed: Any = SteadyChannel(node.app)
    _follow_topics(node, intake, orders)
    jobs.register(node.app, claimed, running.bench.run, concurrency=CHUNKS_A_SLOT * settings.pool_size)
    register(node.app, web_deps(shared, cases, node))
    claimer = Claimer(bench=running.bench, bell=shared.jobs_bell, put=claimed.put)
    worker = Worker(
        settings=settings,
        app=node.app,
        engines=shared.stores.engines,
        guard=guard,
        tracer=shared.tracer,
        pool=running.pool,
        bench=running.bench,
        claimer=claimer,
        tail=node.tail,
        others=services(shared, running, node, claimer, fed=(intake, orders)),
    )
    node.app.drain, node.app.prepare, node.app.begin = worker.drain, worker.prepare, worker.start
    return worker


def _orders(cases: UseCases, node: Node) -> Orders:
    taken_until = partial(node.observing.group.taken.until, REQUESTS.name)
    return Orders(cases.commands, taken_until=taken_until, monotonic=time.monotonic)


def _follow_topics(node: Node, intake: Intake, orders: Orders) -> None:
    requests.register(node.app, request_topic(node.app), partial(_hand, intake))
    commands.register(node.app, commands_topic(node.app), partial(_hand, orders))
    status.register(node.app, status_topic(node.app), node.live.see, node.live.forget)


async def _hand(
    service: Intake | Orders, record: IncomingRecord, is_ours: Callable[[], bool], acknowledge: Callable[[], None]
) -> None:
    await service.put(Arrival(record, is_ours, acknowledge))
