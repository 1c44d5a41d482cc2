"""Where Faust is changed: what is committed, and how messages are delivered."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from types import SimpleNamespace

import pytest
from faust.types import TP
from intervaltree import IntervalTree

from terrafusion.adapters import direct_consumer
from terrafusion.adapters.direct_consumer import DirectConsumer, _seek
from terrafusion.adapters.faust_app import SteadyChannel, make_app
from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.errors import StoodStill
from terrafusion.settings import Settings

HERE = TP("requests", 0)
CHANGELOG = TP("changelog", 0)


class Consumer(DirectConsumer):
    """Only the bookkeeping of offsets and the delivery, without a broker."""

    def __init__(self, *, flows=True):
        self._committed_offset = {HERE: 10}
        self._gap = defaultdict(IntervalTree)
        self._acked = defaultdict(list)
        self._acked_index = defaultdict(set)
        self.suspend_flow, self._readable = asyncio.Event(), asyncio.Event()
        self.app = SimpleNamespace(flow_control=SimpleNamespace(is_active=lambda: flows))

    @property
    def loop(self):
        return asyncio.get_running_loop()

    def acknowledge(self, *offsets):
        self._acked[HERE].extend(offsets)

    def fetching_of(self, *tps):
        """Have these partitions dealt and fetched."""
        self.assignment = lambda: set(tps)
        self._active_partitions, self._paused_partitions, self._buffered_partitions = set(tps), set(), set()
        self.app.in_recovery = False
        self.app.tables = SimpleNamespace(changelog_topics={CHANGELOG.topic})
        self.can_resume_flow = asyncio.Event()
        return self._active_partitions


async def test_a_message_behind_a_marker_is_not_committed_before_it_is_acknowledged():
    consumer = Consumer()
    consumer.acknowledge(10)
    await consumer._add_gap(HERE, 11, 12)
    assert consumer._new_offset(HERE) == 11


async def test_a_marker_is_committed_with_the_message_behind_it():
    consumer = Consumer()
    await consumer._add_gap(HERE, 11, 12)
    consumer.acknowledge(10, 12, 13)
    assert consumer._new_offset(HERE) == 14
    assert consumer._acked[HERE] == []


@pytest.mark.parametrize("fetches", [[[0, 4, 5]], [[0], [4, 5]]], ids=["at once", "one after the other"])
async def test_what_lies_behind_a_gap_behind_the_offset_0_is_committed(fetches):
    """Such as an aborted transaction."""
    consumer = Consumer()
    consumer._committed_offset[HERE], consumer._read_offset = None, defaultdict(lambda: None)
    fetch = consumer.fetching_of(HERE)
    for offsets in fetches:
        records = {HERE: [SimpleNamespace(offset=offset) for offset in offsets]}
        consumer._thread = SimpleNamespace(getmany=lambda *_, records=records: asyncio.sleep(0, records))
        assert await consumer._getmany(fetch, 1.0) == records
        consumer._read_offset[HERE] = offsets[-1]
        consumer.acknowledge(*offsets[:1])
        consumer._committed_offset[HERE] = consumer._new_offset(HERE)
        consumer.acknowledge(*offsets[1:])
    assert consumer._new_offset(HERE) == 6


async def test_a_delivery_is_called_where_nothing_holds_it_up():
    consumer, tasks = Consumer(), []

    async def deliver():
        tasks.append(asyncio.current_task())

    await consumer.wait_first(deliver(), consumer.suspend_flow.wait())
    assert tasks == [asyncio.current_task()]


async def test_what_a_delivery_raises_is_raised():
    consumer = Consumer()

    async def deliver():
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        await consumer.wait_first(deliver(), consumer.suspend_flow.wait())


async def test_a_channel_of_our_own_is_neither_held_up_nor_emptied_by_a_rebalance(tmp_path):
    app = make_app(Settings(kafka_bootstrap="127.0.0.1:1", data_dir=tmp_path), web_options={})
    channel = SteadyChannel(app)
    app.flow_control.suspend()
    await channel.queue.put("chunk")
    app.flow_control.resume()
    assert await channel.queue.get() == "chunk"


def test_a_full_buffer_stops_its_whole_topic_and_no_other():
    beside, other = TP("requests", 5), TP("commands", 0)
    consumer = Consumer()
    active = consumer.fetching_of(HERE, beside, other)
    consumer.on_buffer_full(HERE)
    assert active == {other}
    consumer.on_buffer_drop(HERE)
    assert active == {HERE, beside, other}


async def test_a_buffer_that_a_rebalance_empties_may_be_full_again(tmp_path):
    app = make_app(Settings(kafka_bootstrap="127.0.0.1:1", data_dir=tmp_path), web_options={})
    app.flow_control.resume()
    buffer, full = app.FlowControlQueue(maxsize=10, clear_on_resume=True), []

    def dropped():
        pass

    for _ in range(2):
        for n in range(9):
            buffer.put_nowait_enhanced(
                n, on_pressure_high=lambda: full.append(buffer.qsize()), on_pressure_drop=dropped
            )
        app.flow_control.suspend()
        app.flow_control.resume()
        assert buffer.empty()
    assert full == [8, 8]


def test_a_topic_is_read_only_once_the_flow_goes_on_and_a_changelog_at_once():
    consumer = Consumer()
    active = consumer.fetching_of()
    consumer.resume_flow()  # as Faust does while positions are not set
    consumer.resume_partitions({HERE, CHANGELOG})
    assert active == {CHANGELOG}
    consumer.resume_flow()
    assert active == {HERE, CHANGELOG}


def test_what_is_taken_away_before_the_flow_goes_on_is_not_read():
    consumer = Consumer()
    active = consumer.fetching_of()
    consumer.resume_partitions({HERE})
    consumer.pause_partitions({HERE})
    consumer.resume_flow()
    assert active == set()


async def test_it_fetches_as_soon_as_there_is_something_to_be_read(monkeypatch):
    """As after a rebalance: the flow goes on before positions are set, and partitions come with them."""
    monkeypatch.setattr(direct_consumer, "NOTHING_S", 60.0)
    consumer = Consumer()
    consumer.fetching_of()
    consumer._stopped, consumer._crashed = asyncio.Event(), asyncio.Event()
    consumer.app.client_only, consumer.not_waiting_next_records = False, asyncio.Event()
    consumer._thread = Thread()
    consumer._thread.fetched.set()
    consumer.flow_active, consumer.sleep = False, None  # as Faust would for a second
    fetching = asyncio.create_task(consumer._wait_next_records(1.0))
    for go_on in (consumer.resume_flow, lambda: consumer.resume_partitions({HERE})):
        go_on()
        await asyncio.sleep(0.01)
        assert consumer._thread.asked is None
    consumer.resume_flow()
    async with asyncio.timeout(5):
        await fetching
    assert consumer._thread.asked == {HERE}


class Thread:
    """Aiokafka's side: a fetch that ends when it is told to."""

    def __init__(self):
        self.fetched = asyncio.Event()
        self.asked = None

    async def getmany(self, partitions, _timeout):
        self.asked = partitions
        await self.fetched.wait()
        return {}

    async def call_thread(self, *_):
        return {HERE: 7} if self.fetched.is_set() else {HERE: "too early"}

    def _ensure_consumer(self):
        return None


async def test_positions_are_set_once_no_fetch_is_under_way():
    consumer = Consumer()
    consumer._thread, consumer._read_offset = Thread(), {}
    partitions = {HERE}
    fetch = asyncio.create_task(consumer._getmany(partitions, 1.0))
    await asyncio.sleep(0)
    seek = asyncio.create_task(consumer.perform_seek())
    await asyncio.sleep(0.01)
    partitions.clear()
    assert not seek.done()
    assert consumer._thread.asked == {HERE}
    consumer._thread.fetched.set()
    await asyncio.gather(fetch, seek)
    assert (consumer._read_offset, consumer._committed_offset) == ({HERE: 7}, {HERE: 7})


async def test_positions_that_cannot_be_set_end_the_worker_before_faust_gives_up_without_a_word(monkeypatch):
    monkeypatch.setattr(direct_consumer, "SEEK_S", 0.01)
    consumer = Consumer()
    consumer._thread, consumer._read_offset = Thread(), {}
    consumer._thread.call_thread = lambda *_: asyncio.Event().wait()
    with pytest.raises(StoodStill, match="offsets of its partitions"):
        await consumer.perform_seek()


async def test_they_are_waited_for_less_long_than_by_faust(tmp_path):
    app = make_app(Settings(kafka_bootstrap="127.0.0.1:1", data_dir=tmp_path), web_options={})
    assert app.conf.broker_request_timeout > direct_consumer.SEEK_S


class Client:
    """Aiokafka's consumer: positions that were moved, and what is committed."""

    def __init__(self, committed):
        self._committed, self.positions = committed, {}

    def assignment(self):
        return frozenset(self._committed)

    async def committed(self, place):
        return self._committed[place]

    def seek(self, place, offset):
        self.positions[place] = offset


async def test_a_partition_that_was_never_committed_is_read_from_its_beginning():
    committed = {HERE: 5, TP("requests", 1): None, TP("requests", 2): 0}
    client = Client(committed)
    assert await _seek(client) == committed
    assert client.positions == {HERE: 5, TP("requests", 1): 0, TP("requests", 2): 0}


def test_a_process_that_is_done_does_not_wait_for_its_consumer():
    """As where a rebalance began while it stopped: its thread waits for ever."""
    stuck = (
        "from threading import Event\n"
        "from types import SimpleNamespace\n"
        "from terrafusion.adapters.direct_consumer import DirectThread\n"
        "DirectThread.Worker(SimpleNamespace(_start_thread=Event().wait)).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", stuck], timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("rebalancing", "stops", "told"), [(True, False, 4), (False, False, None), (True, True, None)])
def test_a_rebalance_that_has_not_ended_here_is_told_with_its_number(rebalancing, stops, told):
    app = SimpleNamespace(rebalancing=rebalancing, rebalancing_count=4, should_stop=stops)
    assert FaustConsumer(app).rebalance == told


def test_what_is_told_should_be_read_also_where_its_partition_is_paused():
    places = {tp: SimpleNamespace(position=n, has_valid_position=True) for n, tp in enumerate(TOLD_AND_ASKED)}
    assignment = SimpleNamespace(tps=set(places), state_value=places.get)
    subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    thread = SimpleNamespace(_consumer=SimpleNamespace(_subscription=subscription))
    consumer = SimpleNamespace(_thread=thread, _active_partitions={TP("requests", 0)})
    app = SimpleNamespace(rebalancing=False, consumer=consumer)
    assert FaustConsumer(app).positions() == {("requests", 0): 0}
    assert FaustConsumer(app, told={"status"}).positions() == {("requests", 0): 0, ("status", 0): 2}
    app.rebalancing = True
    assert FaustConsumer(app, told={"status"}).positions() == {}


TOLD_AND_ASKED = (TP("requests", 0), TP("requests", 1), TP("status", 0))
