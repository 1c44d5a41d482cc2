"""A thread that ends the process where its event loop stands still, or where it comes neither to its work nor to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

import structlog

from models.troubles import Part
from terrafusion.adapters.last_words import LastWords

LOOK_EVERY_S: Final = 0.5
PATIENCE_S: Final = 20.0
HOLDS_ALL_S: Final = 25.0
"""Processor time that the loop may spend within one step: a library that keeps all threads from running stops the guard too.

More than the guard takes to end a process: it tells why, and is counted.
"""
SAY_S: Final = 2.0
EXIT_STOOD_STILL: Final = 4
EXIT_LOOP: Final = 5
OVERDUE: Final = {
    Part.START: "it was started and has not begun to work",
    Part.SHUTDOWN: "it was told to stop and did not",
}

log = structlog.get_logger(__name__)


class Guard:
    """Counts its own looks between two beats of the loop, so that a process which was frozen as a whole is not blamed."""

    def __init__(self, words: LastWords, *, end: Callable[[int], None] = os._exit) -> None:
        self._words = words
        self._end = end
        self._beats = self._seen = self._still = self._looks = 0
        self._due: tuple[Part, int] | None = None
        """What has to be over, and at which look."""

    def begin_within(self, seconds: float) -> None:
        """Begin to look; end the process if it has not `begun` until then."""
        self._wait_for(Part.START, seconds)
        threading.Thread(target=self._run, name="guard", daemon=True).start()

    def watch(self) -> None:
        """Watch the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._beat()

    def begun(self) -> None:
        """Wait for the end of the start no longer."""
        if self._due is not None and self._due[0] is Part.START:
            self._due = None

    def finish_within(self, seconds: float) -> None:
        """End the process if it has not ended by itself until then."""
        self._wait_for(Part.SHUTDOWN, seconds)

    def _wait_for(self, part: Part, seconds: float) -> None:
        self._due = (part, self._looks + int(seconds / LOOK_EVERY_S))

    def _beat(self) -> None:
        self._beats += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, HOLDS_ALL_S)
        if not self._loop.is_closed():
            self._loop.call_later(LOOK_EVERY_S, self._beat)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Look once."""
        self._looks += 1
        self._still = self._still + 1 if self._beats == self._seen else 0
        self._seen = self._beats
        if self._beats and self._still * LOOK_EVERY_S >= PATIENCE_S:
            self._end_for(Part.LOOP, f"the event loop has stood still for {PATIENCE_S:g} s", EXIT_LOOP)
        elif (due := self._due) is not None and self._looks > due[1]:
            self._end_for(due[0], OVERDUE[due[0]], EXIT_STOOD_STILL)

    def _end_for(self, part: Part, reason: str, code: int) -> None:
        """Say so, but not for long: what the loop waits for may be the very pipe of the log."""
        saying = threading.Thread(target=self._say, args=(part, reason, code), daemon=True)
        saying.start()
        saying.join(SAY_S)
        self._end(code)

    def _say(self, part: Part, reason: str, code: int) -> None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented
        stack = "".join(traceback.format_stack(frame))
        log.critical("worker ends itself", part=part, reason=reason, exit_code=code, main_thread=stack)
        self._words.add(part)
