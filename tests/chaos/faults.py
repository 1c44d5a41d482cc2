"""Imported into workers under test, named in ``ANALYSIS_MODULES``: analyses that hurt their process, and a clock that lies."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from support.analyses import Asked, Marked, Seconds, _named, _run_number, tabled

from chaos.traps import set_traps
from terrafusion.adapters import child
from terrafusion.analysis.api import Answer, Progress, Records

CLOCK = "CHAOS_CLOCK"
"""Names a file with the seconds by which the process' clock is wrong."""
TRAPS = "CHAOS_TRAPS"
"""Names a folder of traps."""
MUCH = 1 << 30
SEEN_WITHIN_S = 60


class Counted(Marked):
    seconds: float = 0.0
    """How long every run but the first takes."""


def counted(_records: Records, asked: Counted, _progress: Progress) -> Answer:
    """Tell which of its runs this is: where a run came after it, its answer must not stand."""
    run = _run_number(asked)
    time.sleep(asked.seconds if run > 1 else 0.0)
    return Answer(summary={"run": run})


def full(records: Records, asked: Marked, progress: Progress) -> Answer:
    """Have this process' disk full while it stores its answer, the first time."""
    if _run_number(asked) == 1:
        _full.set()
    return tabled(records, Seconds(), progress)


_full = threading.Event()


def _store_where_there_is_room(store: Any) -> Any:
    def stored(task: Any, rendered: Any) -> Any:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            if _full.is_set():
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
            return store(task, rendered)
        finally:
            _full.clear()
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return stored


def glutton(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    """Take more memory than the process may have, and wait until somebody sees it."""
    hoard = b"x" * MUCH
    time.sleep(SEEN_WITHIN_S)
    return Answer(summary={"bytes": len(hoard)})


ANALYSES = (
    _named("counted", Counted, counted),
    _named("full", Marked, full),
    _named("glutton", Asked, glutton),
)


def _bend_the_clock(file: Path) -> None:
    """Have `time.time` and `datetime.now` wrong by what the file says: all by which this program reads the wall clock."""
    right = time.time

    def wrong() -> float:
        try:
            return right() + float(file.read_text() or 0)
        except FileNotFoundError:
            return right()

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(wrong(), tz)

        @classmethod
        def fromtimestamp(cls, timestamp: float, tz: Any = None) -> datetime:  # else it would be one of these
            return datetime.fromtimestamp(timestamp, tz)

    time.time = wrong
    for name, module in list(sys.modules.items()):
        if name.startswith("terrafusion.") and getattr(module, "datetime", None) is datetime:
            module.datetime = Wrong


faulthandler.register(signal.SIGUSR1)  # a worker that will not stop is asked what it does
child._store = _store_where_there_is_room(child._store)
if CLOCK in os.environ:
    _bend_the_clock(Path(os.environ[CLOCK]))
if TRAPS in os.environ:
    set_traps(Path(os.environ[TRAPS]))
