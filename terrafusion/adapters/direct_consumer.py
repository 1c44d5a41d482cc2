"""Faust's consumer as it is used here: delivery without four tasks a message, and nothing lost where it is dealt anew."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from faust.transport.drivers import aiokafka as driver
from mode.threads import WorkerThread

from models.troubles import Part
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import StoodStill

FETCH_S: Final = 0.25
"""How long a fetch that finds nothing lasts, here and at the broker; a rebalance waits for it.

A broker answers the requests of a connection one after the other, and Faust would have it wait 1.5 s for records.
"""
NOTHING_S: Final = 1.0
"""How often it is looked for partitions to be read where nobody said that there are any."""
SEEK_S: Final = 25.0
"""Faust waits for 30 s, and then never again ends a rebalance, without a word."""


class UnawaitedThread(WorkerThread):
    """The consumer's thread, which ends with the process.

    A rebalance that begins while a worker stops waits for parts of Faust that have stopped already, for ever: so waits
    the thread, and so would a process that is done, with all its jobs handed back.
    """

    def __init__(self, service: Any, **options: Any) -> None:
        super().__init__(service, **options)
        self.daemon = True


class DirectThread(driver.AIOKafkaConsumerThread):
    """Faust's Kafka client, in such a thread."""

    Worker = UnawaitedThread

    def _create_worker_consumer(self, transport: Any) -> Any:
        client = super()._create_worker_consumer(transport)
        client._fetch_max_wait_ms = int(1000 * FETCH_S)  # noqa: SLF001 - Faust has no setting for it
        client._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it only where it writes in transactions
        return client

    async def on_start(self) -> None:
        """Start the client."""
        await super().on_start()
        heed_refusals(self._ensure_consumer()._coordinator)  # noqa: SLF001 - aiokafka offers no other place


class DirectConsumer(driver.Consumer):
    """Faust's consumer, with six of its ways changed; its client reads nothing of transactions that were aborted.

    It delivers a message by calling, not by a task each for the delivery and for its interruption: Faust makes
    four tasks a message so that a rebalance can interrupt a delivery that waits. Here a delivery can only wait
    while flow is suspended, and then this does as Faust does.

    It never counts a message among the offsets that hold none, such as the markers of transactions: Faust counts
    the first message behind such a gap, so that its offset may be committed before anybody worked on it. And it overlooks
    a gap behind the offset 0.

    Where a stream's buffer fills it fetches no more of the whole topic. Faust stops the partition of the message that
    came last, and the others may fill what room is left: then nothing is fetched any more, of no topic.

    After a rebalance it reads a topic only once all its positions are set. Faust fetches while it sets them, and then
    empties the buffers: what was delivered in between is gone, and its offset is committed with the next.

    It fetches as soon as there is a partition to be read; Faust looks for one each second.

    In a rebalance it asks the broker for nothing that is known: no changelog is ever written, so each ends where it begins.
    """

    _held: frozenset[Any] = frozenset()
    """Partitions to be read once the flow goes on."""
    _fetching: asyncio.Future[Any] | None = None

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._readable = asyncio.Event()

    def _new_consumer_thread(self) -> DirectThread:
        return DirectThread(self, loop=self.loop, beacon=self.beacon)

    def pause_partitions(self, tps: Any) -> None:
        """Read them no more."""
        self._held -= frozenset(tps)
        super().pause_partitions(tps)

    def resume_partitions(self, tps: Any) -> None:
        """Read a changelog at once, a topic as soon as the flow goes on: before, positions are not set."""
        changelogs = frozenset(tp for tp in tps if self._is_changelog_tp(tp))
        self._held |= frozenset(tps) - changelogs
        super().resume_partitions(changelogs)
        self._readable.set()

    def resume_flow(self) -> None:
        """Go on, with all that was held back."""
        super().resume_flow()
        held, self._held = self._held, frozenset()
        super().resume_partitions(held)
        self._readable.set()

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        """Wait for a partition to be read, then for records of it."""
        while not (self.should_stop or (self.flow_active and self._get_active_partitions())):
            self._readable.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._readable.wait(), NOTHING_S)
        return await super()._wait_next_records(timeout)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        """Fetch of the partitions that are read now: Faust's own set changes while the fetch lasts."""
        asked = set(active_partitions)
        self._fetching = asyncio.ensure_future(super()._getmany(asked, min(timeout, FETCH_S)))
        fetched = await self._fetching
        for tp, records in fetched.items():
            await self._note_gap_behind_the_first(tp, [record.offset for record in records[:2]])
        return fetched

    async def _note_gap_behind_the_first(self, tp: Any, fetched: list[int]) -> None:
        """Take note of it: Faust takes the offset 0 for none, and would never commit what comes behind such a gap."""
        offsets: list[Any] = [self._read_offset[tp], *fetched]
        for first, second in pairwise(offsets):
            if first == 0:
                await self._add_gap(tp, 1, second)

    async def perform_seek(self) -> None:
        """Set positions once no fetch is under way: it would move one that was set, and what it brings is dropped.

        Raises StoodStill while the broker does not tell of them.
        """
        try:
            async with asyncio.timeout(SEEK_S):
                if self._fetching is not None:
                    await asyncio.wait([self._fetching])
                await super().perform_seek()
        except TimeoutError as error:
            msg = f"the broker has not told the offsets of its partitions within {SEEK_S:g} s"
            raise StoodStill(msg, part=Part.CONSUMER) from error

    async def highwaters(self, *partitions: Any) -> Any:
        """Say where changelogs end."""
        return dict.fromkeys(partitions, 0)

    async def earliest_offsets(self, *partitions: Any) -> Any:
        """Say where changelogs begin."""
        return dict.fromkeys(partitions, 0)

    async def seek_to_committed(self) -> Any:
        """Set all positions in one step; Faust asks for one after the other, and leaves those never committed."""
        return await self._thread.call_thread(_seek, self._thread._ensure_consumer())  # noqa: SLF001

    def on_buffer_full(self, tp: Any) -> None:
        """Fetch no more of a topic whose reader does not keep up, or stands still."""
        for one in self._of_topic(tp):
            super().on_buffer_full(one)

    def on_buffer_drop(self, tp: Any) -> None:
        """Fetch of it again."""
        for one in self._of_topic(tp):
            super().on_buffer_drop(one)
        self._readable.set()

    def _of_topic(self, tp: Any) -> list[Any]:
        return [one for one in self.assignment() if one.topic == tp.topic]

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Take note of offsets without a message; ``offset_to`` is the message that arrived behind them."""
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def _commit(self, offsets: Any) -> bool:
        """Tell the broker how far was read."""
        committed: bool = await super()._commit(offsets)
        cross(Boundary.OFFSETS_COMMITTED)
        return committed

    async def wait_first(self, *coros: Any, **timeout: Any) -> Any:
        """Await the delivery itself where nothing can hold it up."""
        if len(coros) != 2 or self.suspend_flow.is_set() or not self.app.flow_control.is_active():  # noqa: PLR2004
            return await super().wait_first(*coros, **timeout)
        deliver, suspended = coros
        suspended.close()
        await deliver
        return None


class DirectTransport(driver.Transport):
    """Kafka, with that consumer."""

    Consumer = DirectConsumer


def heed_refusals(coordinator: Any) -> None:
    """Have a client ask again where the broker refuses to tell what is committed.

    aiokafka 0.14 looks at the errors of partitions alone. A broker that stops or has just started answers with one error
    and no partition, which it takes for nothing committed: all topics would be read again from their beginning.
    """
    send = coordinator._send_req  # noqa: SLF001 - all its requests pass here

    async def heeding(request: Any) -> Any:
        answer = await send(request)
        code = getattr(answer, "error_code", 0) if isinstance(request, OffsetFetchRequest) else 0
        if code:
            coordinator.coordinator_dead()
            raise for_code(code)
        return answer

    coordinator._send_req = heeding  # noqa: SLF001 - see above


async def _seek(client: Any) -> dict[Any, int | None]:
    """Seek to what is committed, and where nothing is to 0; returns what is.

    Where 0 is not there any more the client goes on from the earliest, as it is told to, and until then nobody waits.
    """
    places = tuple(client.assignment())
    committed = dict(zip(places, await asyncio.gather(*map(client.committed, places)), strict=True))
    for place, offset in committed.items():
        client.seek(place, offset or 0)
    return committed
