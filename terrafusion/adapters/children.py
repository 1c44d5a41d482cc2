"""The processes behind a pool of pebble's, and what it does not tell of them itself."""

from __future__ import annotations

import resource
import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any


def children(pool: Any) -> Sequence[Any]:
    """Return the processes that a pool has now."""
    manager: Any = getattr(pool, "_pool_manager", None)
    return () if manager is None else tuple(manager.worker_manager.workers.values())


def held_by_nobody(pool: Any) -> AbstractSet[Future[Any]]:
    """Return what was begun by a child that the pool has no longer.

    Where a child ends one task and takes the next as it is killed for the first, or dies before it is seen to have
    taken one, pebble learns who took the task after it has forgotten the child, and would wait for its answer for ever.
    """
    alive = {process.pid for process in children(pool)}
    manager: Any = getattr(pool, "_pool_manager", None)
    tasks = () if manager is None else tuple(manager.task_manager.tasks.copy().values())
    return {task.future for task in tasks if task.future.running() and task.worker_id not in alive}


def resident(pid: int | None) -> int:
    """Return how many bytes a process has in memory, where the system tells."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def is_stopped(pid: int | None) -> bool:
    """Say whether a process was stopped by a signal, where the system tells."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    return False


def leave(pool: Any) -> None:
    """End a pool without waiting for it."""
    pool.stop()
    for process in children(pool):
        process.kill()
    with suppress(RuntimeError):  # no thread to be had either: what it held is closed once it is collected
        threading.Thread(target=pool.join, daemon=True).start()


def end(pool: Any) -> None:
    """End a pool, and wait until its children have ended."""
    pool.stop()
    pool.join()
