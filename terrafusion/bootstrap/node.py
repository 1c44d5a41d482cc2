"""The way to the broker and to HTTP: the Faust app, the relay, what is followed and what is watched."""

from __future__ import annotations

import time
from dataclasses import dataclass

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.faust_app import MarketAnalysisApp, make_app
from terrafusion.adapters.followers import Followers
from terrafusion.adapters.health import WorkerHealth
from terrafusion.adapters.jobs_table import Live
from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.adapters.status_tail import StatusTail
from terrafusion.bootstrap.shared import Shared
from terrafusion.observing import Observing
from terrafusion.services.relay import Relay
from terrafusion.settings import Settings
from terrafusion.usecases.attempts import Attempts
from terrafusion.usecases.backpressure import Room
from terrafusion.web.door import Door, guarded
from terrafusion.web.middleware import application_options, everybody
from terrafusion.web.server import BoundedWeb
from topics.catalogue import STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What speaks to the outside."""

    app: MarketAnalysisApp
    door: Door | None
    health: WorkerHealth
    tail: StatusTail
    live: Live
    observing: Observing
    relay: Relay

    @classmethod
    def of(cls, shared: Shared, room: Room) -> Node:
        """Put it together; nothing is connected yet."""
        door = _door(shared) if shared.settings.access == "tokens" else None
        app = _app(shared.settings, door)
        consumer, followers = FaustConsumer(app, told={STATUS.name}), Followers()
        tail = StatusTail(Broker.of(shared.settings), followers.hear)
        return cls(
            app=app,
            door=door,
            health=WorkerHealth(app, consumer, shared.stores.engine),
            tail=tail,
            live=Live(app, shared.stores.jobs, shared.metrics, followers=followers, tail=tail.read),
            observing=_observing(shared, consumer, room),
            relay=_relay(shared),
        )


def _door(shared: Shared) -> Door:
    return Door(
        known=shared.holders,
        credentials=shared.stores.credentials,
        log=shared.stores.log,
        attempts=Attempts(time.monotonic),
        behind_tls=shared.settings.behind_tls,
    )


def _app(settings: Settings, door: Door | None) -> MarketAnalysisApp:
    options = application_options(settings.names, door=guarded(door) if door else everybody)
    return make_app(settings, web=BoundedWeb, web_options=options)


def _observing(shared: Shared, consumer: FaustConsumer, room: Room) -> Observing:
    return Observing(
        shared.name,
        shared.settings,
        shared.stores.engine,
        consumer,
        metrics=shared.metrics,
        is_open=lambda: room.is_open,
    )


def _relay(shared: Shared) -> Relay:
    return Relay(
        outbox=shared.stores.outbox,
        publisher=KafkaPublisher(Broker.of(shared.settings)),
        bell=shared.relay_bell,
        metrics=shared.metrics,
        monotonic=time.monotonic,
        tracer=shared.tracer,
    )
