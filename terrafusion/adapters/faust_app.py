"""Faust as it is used here: settings that lose nothing, a drain on stop, delivery without four tasks a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT
from mode.utils.queues import FlowControlEvent, ThrowableQueue
from yarl import URL

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.direct_consumer import DirectTransport
from terrafusion.adapters.kafka_records import read_any_header_name
from terrafusion.errors import StoodStill
from terrafusion.settings import Settings
from topics.catalogue import APP_ID, COMMANDS, REQUESTS, STATUS

POLL_RECORDS: Final = 1000
BUFFER: Final = 8 * POLL_RECORDS
"""A full stream buffer would block the one fetch loop, so one slow agent would starve all topics."""
MOST_AT_ONCE: Final = 500
NEVER_S: Final = 1e8
HEARTBEAT_S: Final = 0.3
"""A member hears by its heartbeat that the group is dealt anew, and all requests wait for the last that does."""
REBALANCE_S: Final = 15.0
"""The group waits so long for a member that is alive and does not answer."""
METADATA_MS: Final = 10_000
"""A broker that has just started may know no topics yet: a leader that it tells so deals none of them until it asks again."""


class Bytes(faust.Schema[Any, Any]):
    """Reads nothing into a message, so no message can be one that it fails at."""

    def loads_key(self, app: Any, message: Any, **_codec: Any) -> Any:  # noqa: ARG002
        """Return the key as it came."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_codec: Any) -> Any:  # noqa: ARG002
        """Return the value as it came."""
        return message.value


class StreamQueue(ThrowableQueue[Any]):
    """A stream's buffer, which forgets with its content that it was full: a partition dealt anew may fill it again."""

    def clear(self) -> None:
        """Empty it, as a rebalance does."""
        super().clear()
        self._pending_pressure_drop_callbacks.clear()


class MarketAnalysisApp(faust.App):
    """A Faust app that starts our services after its own and drains them before it stops."""

    prepare: Callable[[], Awaitable[None]]
    """Called before anything starts."""
    begin: Callable[[], Awaitable[None]]
    """Called once agents run and partitions are dealt."""
    drain: Callable[[], Awaitable[None]]
    """Called before anything stops."""
    stood_still: Callable[[StoodStill], None]
    """Called once, where that is what it crashes of."""
    make_web: Callable[[faust.App], Any] | None = None
    """Makes the HTTP server; else it is Faust's own."""

    def _new_transport(self) -> DirectTransport:
        return DirectTransport(self.conf.broker_consumer, self)

    def _new_web(self) -> Any:
        return self.make_web(self) if self.make_web else super()._new_web()

    def FlowControlQueue(  # noqa: N802 - Faust's own
        self, maxsize: int | None = None, *, clear_on_resume: bool = False
    ) -> ThrowableQueue[Any]:
        """Return the buffer of a stream."""
        return StreamQueue(maxsize or 0, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    async def batches(self, stream: Any) -> AsyncIterator[list[Any]]:
        """Yield the events that have arrived, in order and unacknowledged; never wait to fill a batch.

        Faust gives the event loop away before each event, so that a busy loop would deliver one event a turn.
        Here that price is paid once for all that has arrived. Events of an older generation are left out, as
        Faust leaves them out: their partitions were dealt anew, and they come again.
        """
        manual = stream.noack()
        async for event in manual.events():
            more = [event, *_arrived(manual.channel.queue)]
            yield [event for event in more if event.message.generation_id == self.consumer_generation_id]

    async def on_first_start(self) -> None:
        """Begin with what takes longest."""
        await self.prepare()
        await super().on_first_start()

    async def on_started_init_extra_services(self) -> None:
        """Start our services as the last ones."""
        await super().on_started_init_extra_services()
        await self.begin()

    async def on_stop(self) -> None:
        """Finish or hand back the jobs while the rest still runs; then stop as Faust does."""
        await self.drain()
        await super().on_stop()

    def _crash(self, reason: BaseException) -> None:
        """Take note of a crash, of whichever part."""
        if isinstance(reason, StoodStill) and not self.crashed:
            self.stood_still(reason)
        super()._crash(reason)


def _arrived(queue: Any) -> Iterator[Any]:
    """Take what stands in a stream's queue; an error stays there for the stream itself to raise."""
    for _ in range(MOST_AT_ONCE - 1):
        if not queue.qsize() or queue._errors:  # noqa: SLF001 - asked for nowhere else
            return
        yield queue.get_nowait()


class SteadyChannel(faust.Channel[Any]):
    """A channel in memory that a rebalance neither holds up nor empties: what it carries is no topic's."""

    @property
    def queue(self) -> ThrowableQueue[Any]:
        """Return its queue, made on first use."""
        if self._queue is None:
            flows = FlowControlEvent(initially_suspended=False)
            self._queue = ThrowableQueue(maxsize=self.maxsize or 0, flow_control=flows)
        return self._queue


def make_app(
    settings: Settings, *, web_options: dict[str, Any], web: Callable[[faust.App], Any] | None = None
) -> MarketAnalysisApp:
    """Make the app; what is set here and not said by a setting is needed for the promises."""
    read_any_header_name()
    heartbeat = min(HEARTBEAT_S, settings.session_timeout_seconds / 3)
    broker = Broker.of(settings)
    app = MarketAnalysisApp(
        APP_ID,
        broker=[URL(f"kafka://{address}") for address in broker.bootstrap.split(",")],
        broker_credentials=credentials(broker),
        datadir=Path(settings.data_dir) / "faust",
        autodiscover=False,
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        broker_max_poll_interval=NEVER_S,
        broker_max_poll_records=POLL_RECORDS,
        stream_buffer_maxsize=BUFFER,
        stream_processing_timeout=NEVER_S,
        broker_commit_livelock_soft_timeout=NEVER_S,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=heartbeat,
        broker_request_timeout=max(30.0, settings.session_timeout_seconds),
        broker_rebalance_timeout=REBALANCE_S,
        broker_commit_interval=1.0,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS,
        key_serializer="raw",
        value_serializer="raw",
        producer_request_timeout=30.0,
        worker_redirect_stdouts=False,
        web_host=settings.http_host,
        web_bind=settings.http_host,
        web_port=settings.http_port,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_metrics_enabled=False,
        web_application_options=web_options,
        loghandlers=[],
    )
    app.make_web = web
    return app


def credentials(broker: Broker) -> CredentialsT | None:
    """Say to Faust how to speak to the brokers; its consumer and its producer both do."""
    if broker.login is not None:
        return SASLCredentials(
            username=broker.login.username,
            password=broker.login.password.get_secret_value(),
            mechanism=broker.login.mechanism,
            ssl_context=broker.tls,
        )
    return SSLCredentials(broker.tls) if broker.tls else None


def request_topic(app: faust.App) -> Any:
    """Return the topic of requests, as bytes: the agent's use case reads them, so that nothing crashes it."""
    return _bytes_topic(app, REQUESTS.name, REQUESTS.partitions)


def commands_topic(app: faust.App) -> Any:
    """Return the topic of commands, as bytes."""
    return _bytes_topic(app, COMMANDS.name, COMMANDS.partitions)


def status_topic(app: faust.App) -> Any:
    """Return the topic of status events, as bytes."""
    return _bytes_topic(app, STATUS.name, STATUS.partitions)


def _bytes_topic(app: faust.App, name: str, partitions: int) -> Any:
    return app.topic(name, schema=Bytes(), partitions=partitions)
