"""The processes behind a pool of pebble's, and what it does not tell of them itself."""

from __future__ import annotations

import resource
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any


def children(pool: Any) -> Sequence[Any]:
    """Return the processes that a pool has now."""
    manager: Any = getattr(pool, "_pool_manager", None)
    return () if manager is None else tuple(manager.worker_manager.workers.values())


def holders(pool: Any) -> Mapping[Future[Any], int]:
    """Return which process has begun what; pebble may have that process no longer.

    Where a child ends one task and takes the next as it is killed for the first, or dies before it is seen to have
    taken one, pebble learns who took the task after it has forgotten the child, and would wait for its answer for ever.
    So it would for that of a child which ended with code 0.
    """
    manager: Any = getattr(pool, "_pool_manager", None)
    tasks = () if manager is None else tuple(manager.task_manager.tasks.copy().values())
    return {task.future: task.worker_id for task in tasks if task.future.running()}


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
