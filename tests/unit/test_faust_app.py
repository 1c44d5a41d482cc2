"""Where Faust is changed: what is committed, and how messages are delivered."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from types import SimpleNamespace

import pytest
from faust.types import TP
from intervaltree import IntervalTree

from terrafusion.adapters.faust_app import DirectConsumer, SteadyChannel, make_app
from terrafusion.settings import Settings

HERE = TP("requests", 0)


class Consumer(DirectConsumer):
    """Only the bookkeeping of offsets and the delivery, without a broker."""

    def __init__(self, *, flows=True):
        self._committed_offset = {HERE: 10}
        self._gap = defaultdict(IntervalTree)
        self._acked = defaultdict(list)
        self._acked_index = defaultdict(set)
        self.suspend_flow = asyncio.Event()
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


def test_a_process_that_is_done_does_not_wait_for_its_consumer():
    """As where a rebalance began while it stopped: its thread waits for ever."""
    stuck = (
        "from threading import Event\n"
        "from types import SimpleNamespace\n"
        "from terrafusion.adapters.faust_app import DirectThread\n"
        "DirectThread.Worker(SimpleNamespace(_start_thread=Event().wait)).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", stuck], timeout=60, check=False)
    assert done.returncode == 0
