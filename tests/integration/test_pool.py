"""Children that hang, are stopped, or never begin: their jobs are told, the pool goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from models.troubles import Part
from terrafusion.adapters import child
from terrafusion.adapters.pool import PebblePool
from terrafusion.errors import ChildDied, ChildTimedOut, ChildTooLarge, PoolUnavailable
from terrafusion.ports.pool import Task
from terrafusion.settings import Settings

LIMIT_S = 60.0


def deaf(seconds: float) -> None:
    """Hear no SIGTERM."""
    import time  # noqa: PLC0415 - in the child

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)


def mark(file: Path) -> None:
    """Tell that a child has it, and go on for a moment."""
    import time  # noqa: PLC0415 - in the child

    file.touch()
    time.sleep(0.3)


def end(code: int) -> None:
    """End the process."""
    os._exit(code)


HELD: list[bytes] = []


def keep() -> None:
    """Take three eighths of a GiB, and leave them in the process."""
    HELD.append(b"x" * (3 << 27))


def hoard() -> None:
    """Take three quarters of a GiB, and hold them."""
    import time  # noqa: PLC0415 - in the child

    held = b"x" * (3 << 28)
    time.sleep(LIMIT_S)
    assert held


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[PebblePool]:
    """A pool of one child, which is up."""
    made = PebblePool(Settings(data_dir=tmp_path, pool_size=1), lambda *_: None)
    made.start()
    async with asyncio.timeout(LIMIT_S):
        await made._result(child.ready)
    yield made
    await made.stop()


class Held:
    """What children tell pebble's pool, held back between two moments."""

    def __init__(self, pool: PebblePool, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self._open.set()
        manager: Any = pool._running()._pool_manager
        read = manager.process_next_message
        monkeypatch.setattr(manager, "process_next_message", lambda timeout: self._open.wait() and read(timeout))

    async def hold(self) -> None:
        self._open.clear()
        await asyncio.sleep(0.3)  # what is being waited for may still come

    def let_go(self) -> None:
        self._open.set()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def troubled(pool: PebblePool) -> Any:
    """Look until a trouble is seen."""
    async with asyncio.timeout(LIMIT_S):
        while not (seen := await pool.look()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return seen


async def test_a_child_that_hears_no_sigterm_is_killed_at_its_time_limit(pool: PebblePool) -> None:
    [process] = pool._children()
    with pytest.raises(ChildTimedOut, match=r"longer than 0\.5 s"):
        await pool._result(deaf, LIMIT_S, seconds=0.5)
    async with asyncio.timeout(LIMIT_S):
        while is_there(process.pid):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        assert await pool._result(child.ready)


async def test_what_a_child_took_as_it_was_killed_for_the_task_before_is_done_by_another(
    pool: PebblePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, [process] = Held(pool, monkeypatch), pool._children()
    first = asyncio.ensure_future(pool._result(deaf, 0.5))
    second = asyncio.ensure_future(pool._result(mark, tmp_path / "taken"))
    async with asyncio.timeout(LIMIT_S):
        while not any(run.began for run in pool._runs):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        await held.hold()
        while not (tmp_path / "taken").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        first.cancel()
        while is_there(process.pid):  # noqa: ASYNC110 - pebble kills it
            await asyncio.sleep(0.01)
        held.let_go()
        assert await second is None


async def test_a_child_that_takes_more_memory_than_it_may_is_killed_and_its_job_told(tmp_path: Path) -> None:
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=1, child_memory_gib=0.5), lambda *_: None)
    pool.start()
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(ChildTooLarge, match=r"more than 0\.5 GiB"):
            await pool._result(hoard)
        assert await pool._result(child.ready)
    await pool.stop()


async def test_what_one_task_left_in_a_childs_memory_is_not_the_fault_of_the_next(tmp_path: Path) -> None:
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=1, child_memory_gib=0.7), lambda *_: None)
    pool.start()
    async with asyncio.timeout(LIMIT_S):
        await pool._result(keep)
        [full] = pool._children()
        assert await pool.run([], seconds=LIMIT_S) == []
        [other] = pool._children()
    await pool.stop()
    assert other is not full


@pytest.mark.parametrize("code", [0, os.EX_TEMPFAIL])
async def test_a_child_that_ends_with_a_task_has_died_whatever_its_code(pool: PebblePool, code: int) -> None:
    """With 0 as if all were well, with the other as one that is full."""
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(ChildDied, match=f"code {code}"):
            await pool._result(end, code)
        assert await pool._result(child.ready)


async def test_a_line_that_a_child_writes_says_whose_job_it_is_about(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=1, log_format="json"), lambda *_: None)
    pool.start()
    jobs = [uuid4(), uuid4()]
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    asked = [(jobs[0], "king_wa", "roll", f"00-{trace}-00f067aa0ba902b7-01"), (jobs[1], "lucas_oh", None, None)]
    tasks = [Task(job, "no_such_type", county, {}, None, mark, parent) for job, county, mark, parent in asked]
    try:
        async with asyncio.timeout(LIMIT_S):
            outcomes = await pool.run(tasks, seconds=LIMIT_S)
    finally:
        await pool.stop()
    assert all(outcome.failure_reason and outcome.began_ns for outcome in outcomes)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "raised an error" in line]
    names = ("job_id", "county_id", "analysis_type", "correlation_id", "trace_id")
    assert [tuple(line.get(name) for name in names) for line in lines] == [
        (str(jobs[0]), "king_wa", "no_such_type", "roll", trace),
        (str(jobs[1]), "lucas_oh", "no_such_type", None, None),
    ]


async def test_an_idle_child_that_was_stopped_is_seen_and_replaced(pool: PebblePool) -> None:
    [process] = pool._children()
    os.kill(process.pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(pool._result(child.ready))
    stopped = next(t for t in await troubled(pool) if t.sign == process.pid)
    assert (stopped.part, stopped.ends) == (Part.CHILD, False)
    assert stopped.cure
    stopped.cure()
    async with asyncio.timeout(LIMIT_S):
        assert await waiting
    assert pool._children()[0].pid != process.pid


async def test_a_pool_that_begins_nothing_is_given_up_and_what_waited_runs_in_the_next(pool: PebblePool) -> None:
    [process] = pool._children()
    os.kill(process.pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(pool._result(child.ready))
    await asyncio.sleep(0)
    trouble = next(t for t in await troubled(pool) if t.sign != process.pid)
    assert (trouble.reason, trouble.patience) == ("no child takes what waits", 1.0)
    assert trouble.cure
    trouble.cure()
    async with asyncio.timeout(LIMIT_S):
        assert await waiting


async def test_what_had_begun_in_a_pool_that_is_given_up_is_not_blamed(pool: PebblePool) -> None:
    running = asyncio.ensure_future(pool._result(deaf, LIMIT_S))
    async with asyncio.timeout(LIMIT_S):
        while not any(run.began for run in pool._runs):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    pool._rebuild()
    with pytest.raises(PoolUnavailable, match="given up"):
        await running


async def test_a_busy_pool_is_no_trouble(pool: PebblePool) -> None:
    works = [asyncio.ensure_future(pool._result(deaf, 0.5)) for _ in range(3)]
    async with asyncio.timeout(LIMIT_S):
        while not any(run.began for run in pool._runs):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert await pool.look() == []
    await asyncio.gather(*works)


async def test_a_child_that_dies_idle_leaves_no_other_behind_and_nothing_waiting(tmp_path: Path) -> None:
    pool = PebblePool(Settings(data_dir=tmp_path, pool_size=2), lambda *_: None)
    pool.start()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(pool._result(child.ready) for _ in range(4)))
        first, second = pool._children()
        first.kill()
        while is_there(second.pid):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        assert await pool._result(child.ready)
    assert len(pool._children()) == 2
    await pool.stop()


async def test_a_clock_that_is_set_ends_no_job(pool: PebblePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at it shows two hours more."""
    looks, right = iter(range(1_000_000)), time.time
    work = asyncio.ensure_future(pool._result(deaf, 1.0, seconds=LIMIT_S))
    await asyncio.sleep(0)
    monkeypatch.setattr(time, "time", lambda: right() + 7200 * next(looks))
    assert await work is None
