"""A machine that can start no child: time limits hold, no job is blamed, and the pool comes back by itself."""

from __future__ import annotations

import asyncio
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any

import pytest
from pebble import ProcessExpired, ProcessFuture

from models.troubles import Part
from terrafusion.adapters import child
from terrafusion.adapters import pool as pools
from terrafusion.adapters.pool import PebblePool
from terrafusion.adapters.runs import Full, NotBegun, Runs
from terrafusion.errors import ChildDied, ChildTimedOut, PoolUnavailable
from terrafusion.settings import Settings


class Machine:
    """Where pools are built, and what it says to the next; tasks other than `child.ready` stay as they are."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.built: list[FakePool] = []
        self.answers: Any = True
        self.is_quick = True

    def pool(self, *_: Any, **__: Any) -> FakePool:
        self.built.append(FakePool(self))
        return self.built[-1]


class Process:
    pid, killed = 2**22 + 1, False

    def kill(self) -> None:
        self.killed = True


class FakePool:
    """Pebble's, as far as it is asked."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.active, self.ended = machine, True, False
        self.process = Process()
        self.scheduled: list[ProcessFuture] = []
        self.tasks: dict[int, Any] = {}
        self._pool_manager = SimpleNamespace(
            worker_manager=SimpleNamespace(workers={1: self.process}), task_manager=SimpleNamespace(tasks=self.tasks)
        )

    def schedule(self, call: Any, args: Any = ()) -> ProcessFuture:
        if self.machine.refusal:
            raise self.machine.refusal
        future = ProcessFuture()
        self.scheduled.append(future)
        if call is child.ready and self.machine.is_quick:
            future.set_result(self.machine.answers)
        return future

    def stop(self) -> None:
        self.active = False

    def join(self) -> None:
        self.ended = True


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(pools, "ProcessPool", made.pool)
    monkeypatch.setattr(pools, "MEND_EVERY_S", 0.01)
    monkeypatch.setattr(pools, "TIME_EVERY_S", 0.01)
    return made


@pytest.fixture
async def pool(machine, tmp_path):
    made = PebblePool(Settings(data_dir=tmp_path, pool_size=1), lambda *_: None)
    made.start()
    yield made
    await made.stop()


async def until(look):
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - a thread's call
            await asyncio.sleep(0.01)


async def test_it_says_when_its_first_child_is_there_and_again_after_it_was_built_anew(machine, tmp_path):
    told, machine.is_quick = [], False
    pool = PebblePool(
        Settings(data_dir=tmp_path, pool_size=2), lambda *_: None, on_child=lambda: told.append("a child")
    )
    pool.start()
    await asyncio.sleep(0.05)
    assert (pool.has_child, told) == (False, [])
    machine.built[0].scheduled[1].set_result(None)
    await until(lambda: pool.has_child)
    pool._rebuild()
    assert (pool.has_child, told) == (False, ["a child"])
    machine.built[1].scheduled[0].set_result(None)
    await until(lambda: pool.has_child)
    assert told == ["a child", "a child"]
    await pool.stop()


async def test_where_all_children_die_while_they_begin_it_waits_for_the_next(machine, tmp_path):
    machine.is_quick = False
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=2), lambda *_: None)
    pool.start()
    [built] = machine.built
    for ready in list(built.scheduled):
        ready.set_exception(ProcessExpired("killed"))
    await until(lambda: len(built.scheduled) == 3)
    assert not pool.has_child
    built.scheduled[2].set_result(None)
    await until(lambda: pool.has_child)
    await pool.stop()


async def test_a_child_that_died_unseen_as_it_began_is_waited_for_no_longer(machine, tmp_path):
    machine.is_quick = False
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=1), lambda *_: None)
    pool.start()
    [built] = machine.built
    [ready] = built.scheduled
    ready.set_running_or_notify_cancel()
    built.tasks[0] = SimpleNamespace(future=ready, worker_id=built.process.pid)
    await asyncio.sleep(0.1)
    assert len(built.scheduled) == 1
    built.tasks[0].worker_id += 1
    await until(lambda: len(built.scheduled) == 2)
    assert ready.cancelled()
    await pool.stop()


async def begun(pool, *, seconds=60.0):
    """Have a task begin, and be seen to."""
    task = asyncio.ensure_future(pool._result(len, seconds=seconds))
    await asyncio.sleep(0)
    [run] = pool._runs
    run.future.set_running_or_notify_cancel()
    async with asyncio.timeout(5):
        while not run.began:  # noqa: ASYNC110 - a poll is what is waited for
            await asyncio.sleep(0.01)
    return task, run


REFUSALS = [BrokenProcessPool(), OSError(24, "Too many open files"), RuntimeError("can't start new thread")]


@pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
async def test_a_machine_that_starts_no_child_blames_no_job(machine, pool, refusal):
    machine.refusal, machine.built[0].active = refusal, False
    async with asyncio.timeout(5):
        with pytest.raises(PoolUnavailable, match="No child"):
            await pool.run([], seconds=60)
    assert all(built.process.killed for built in machine.built)
    [trouble] = await pool.look()
    assert (trouble.part, trouble.ends) == (Part.CHILD, False)


async def test_it_goes_on_once_the_machine_can_again(machine, pool):
    machine.refusal, machine.built[0].active = OSError(11, "Resource temporarily unavailable"), False
    waiting = asyncio.ensure_future(pool._result(child.ready))
    await asyncio.sleep(0)
    assert not waiting.done()
    machine.refusal = None
    async with asyncio.timeout(5):
        assert await waiting is True
    assert await pool.look() == []


async def test_a_pool_that_breaks_between_the_question_and_the_task_is_asked_again(machine, pool):
    machine.refusal = RuntimeError("The Pool is not active")
    waiting = asyncio.ensure_future(pool._result(child.ready))
    await asyncio.sleep(0)
    machine.refusal = None
    async with asyncio.timeout(5):
        assert await waiting is True


async def test_time_limits_hold_again_after_no_pool_could_be_built(machine, pool):
    machine.refusal, machine.built[0].active = OSError(11, "Resource temporarily unavailable"), False
    async with asyncio.timeout(5):
        while len(machine.built) < 4:  # noqa: ASYNC110 - the clock of time limits tries
            await asyncio.sleep(0.01)
        machine.refusal = None
        while not pool._is_up():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
    task, _ = await begun(pool, seconds=0.1)
    async with asyncio.timeout(5):
        with pytest.raises(ChildTimedOut):
            await task


async def test_a_clock_of_time_limits_that_ended_ends_the_worker(pool):
    pool._timing.cancel()
    await asyncio.sleep(0)
    [trouble] = await pool.look()
    assert (trouble.part, trouble.ends) == (Part.CHILD, True)


async def test_what_had_begun_in_a_pool_that_is_given_up_is_not_blamed_and_the_old_pool_is_ended(machine, pool):
    task, _ = await begun(pool)
    machine.refusal = OSError(11, "Resource temporarily unavailable")
    pool._rebuild()
    with pytest.raises(PoolUnavailable):
        await task
    async with asyncio.timeout(5):
        while not machine.built[0].ended:  # noqa: ASYNC110 - a thread
            await asyncio.sleep(0.01)
    assert machine.built[0].process.killed


@pytest.mark.parametrize(("cause", "kind"), [(OSError(11, "again"), PoolUnavailable), (TypeError("odd"), ChildDied)])
async def test_who_is_blamed_where_the_pool_breaks_under_a_task(pool, cause, kind):
    task, run = await begun(pool)
    error = BrokenProcessPool("broken")
    error.__cause__ = cause
    run.future.set_exception(error)
    with pytest.raises(kind):
        await task


async def test_however_often_it_was_built_a_look_tells(machine, pool):
    pool._rebuilt = 5000
    waiting = asyncio.ensure_future(pool._result(len))
    await asyncio.sleep(0)
    [trouble] = await pool.look()
    assert trouble.patience == 2.0**pools.MOST_DOUBLINGS
    waiting.cancel()


async def test_time_in_which_the_worker_stood_still_is_no_jobs_time(pool):
    task, run = await begun(pool, seconds=5.0)
    pool._runs.look(pool._pool, 3600.0)
    assert 1.0 <= run.ran_s < 2.0
    for _ in range(4):
        pool._runs.look(pool._pool, 1.0)
    async with asyncio.timeout(5):
        with pytest.raises(ChildTimedOut):
            await task


def test_what_a_child_said_before_it_was_first_seen_holds_until_its_pid_is_anothers(machine):
    runs, pool = Runs(None), FakePool(machine)
    runs.hear(Full(Process.pid))
    runs.look(pool, 0.1)
    assert isinstance(runs.death(Process.pid, 75), NotBegun)
    pool._pool_manager.worker_manager.workers[1] = Process()
    runs.look(pool, 0.1)
    assert isinstance(runs.death(Process.pid, 75), ChildDied)
