"""Faults on demand in a worker under test, named in ``ANALYSIS_MODULES``: a signal has the parent do what it would never do."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError

FOR_EVER_S = 3600
STATUS = "market-analysis.status.v1"


class Fault(IntEnum):
    """The signal that brings each about."""

    LOOP_SLEEPS = signal.SIGRTMIN
    LOOP_HOLDS_ALL = signal.SIGRTMIN + 1
    """Within one call of a library that lets no other thread run."""
    COORDINATOR_GIVES_UP = signal.SIGRTMIN + 2
    COORDINATION_ENDS = signal.SIGRTMIN + 3
    CONSUMER_THREAD_SLEEPS = signal.SIGRTMIN + 4
    NOTHING_IS_FETCHED = signal.SIGRTMIN + 5
    RELAY_SLEEPS = signal.SIGRTMIN + 6
    REJOINS = signal.SIGRTMIN + 7
    """No fault: the group is dealt anew."""
    OFFSETS_ARE_NOT_TOLD = signal.SIGRTMIN + 8
    """While it is dealt anew."""
    EVENTS_ARE_PAUSED = signal.SIGRTMIN + 9
    NOTHING_IS_COMMITTED = signal.SIGRTMIN + 10
    """And who looks for that is in a hurry."""


def loop_sleeps() -> None:
    time.sleep(FOR_EVER_S)


def loop_holds_all() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def found(kind: type[Any]) -> Sequence[Any]:
    gc.unfreeze()  # a worker freezes what it began with
    return [each for each in gc.get_objects() if isinstance(each, kind)]


def consumer() -> AIOKafkaConsumer:
    return next(each for each in found(AIOKafkaConsumer) if each._group_id)


def coordinator_gives_up() -> None:
    consumer()._coordinator._pending_exception = GroupAuthorizationFailedError("not any more")


def coordination_ends() -> None:
    in_its_thread(consumer()._coordinator._coordination_task.cancel)


def consumer_thread_sleeps() -> None:
    in_its_thread(lambda: time.sleep(FOR_EVER_S))


def nothing_is_fetched() -> None:
    async def never(*_: Any, **__: Any) -> None:
        await asyncio.sleep(FOR_EVER_S)

    consumer()._fetcher.fetched_records = never  # type: ignore[method-assign]


def relay_sleeps() -> None:
    from terrafusion.services.relay import Relay  # noqa: PLC0415 - the child never needs it

    async def never(*_: Any) -> None:
        await asyncio.sleep(FOR_EVER_S)

    [relay] = found(Relay)
    relay.publish_oldest = never


def rejoins() -> None:
    in_its_thread(consumer()._coordinator.request_rejoin)


def offsets_are_not_told() -> None:
    from terrafusion.adapters import direct_consumer  # noqa: PLC0415 - the child never needs it

    async def never(*_: Any) -> None:
        await asyncio.sleep(FOR_EVER_S)

    direct_consumer.SEEK_S = 2.0  # type: ignore[misc]
    consumer().committed = never
    rejoins()


def events_are_paused() -> None:
    from terrafusion.adapters.direct_consumer import DirectConsumer  # noqa: PLC0415 - the child never needs it

    [reader] = found(DirectConsumer)
    reader.pause_partitions({tp for tp in reader.assignment() if tp.topic == STATUS})


def nothing_is_committed() -> None:
    from terrafusion.services import loops  # noqa: PLC0415 - the child never needs it
    from terrafusion.usecases.work import Workbench  # noqa: PLC0415

    async def never(*_: Any) -> None:
        await asyncio.sleep(FOR_EVER_S)

    loops.STILL_S = loops.PATIENCE_S  # type: ignore[misc]
    Workbench.commit = never  # type: ignore[method-assign]


def in_its_thread(work: Callable[[], Any]) -> None:
    consumer()._loop.call_soon_threadsafe(work)


CALLS: dict[Fault, Callable[[], None]] = {
    Fault.LOOP_SLEEPS: loop_sleeps,
    Fault.LOOP_HOLDS_ALL: loop_holds_all,
    Fault.COORDINATOR_GIVES_UP: coordinator_gives_up,
    Fault.COORDINATION_ENDS: coordination_ends,
    Fault.CONSUMER_THREAD_SLEEPS: consumer_thread_sleeps,
    Fault.NOTHING_IS_FETCHED: nothing_is_fetched,
    Fault.RELAY_SLEEPS: relay_sleeps,
    Fault.REJOINS: rejoins,
    Fault.OFFSETS_ARE_NOT_TOLD: offsets_are_not_told,
    Fault.EVENTS_ARE_PAUSED: events_are_paused,
    Fault.NOTHING_IS_COMMITTED: nothing_is_committed,
}
ANALYSES = ()

if sys.argv[1:] == ["worker"]:  # neither in its children nor in the test
    for number, call in CALLS.items():
        signal.signal(number, lambda *_, call=call: call())
