"""Log lines that belong to a job: its child's, sent to the parent as they come, and the worker's own."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from models.attempts import LogLine, Said
from terrafusion.usecases.logbook import MOST_LINES

TELL_EVERY_S: Final = 0.5
MOST_BYTES: Final = 3_000
"""Of a text in one write: with what is around it no more than the 4,096 that the system writes as one."""
SAID_ALREADY: Final = frozenset(
    {"event", "level", "logger", "timestamp", "exception", "job_id", "county_id", "attempt"}
)

logger = logging.getLogger(__name__)


def line_of(record: logging.LogRecord) -> LogLine:
    """Write a record as a line: what is said, what is said with it, and the traceback where there is one.

    What is no Unicode, as half of a pair, is replaced: it could be neither sent nor kept.
    """
    at = datetime.fromtimestamp(record.created, UTC)
    return LogLine(at, record.levelname.lower(), _text(record).encode(errors="replace").decode())


def _text(record: logging.LogRecord) -> str:
    if not isinstance(record.msg, dict):
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        return "\n".join(filter(None, [record.getMessage(), trace]))
    said: dict[str, Any] = record.msg
    more = " ".join(f"{name}={value}" for name, value in said.items() if name not in SAID_ALREADY)
    return "\n".join(filter(None, [f"{said.get('event', '')} {more}".strip(), said.get("exception")]))


def pieces(text: str) -> Iterator[str]:
    """Cut a text so that each piece fits into one write to a pipe that several processes share."""
    content = text.encode()
    for at in range(0, max(len(content), 1), MOST_BYTES):
        yield content[at : at + MOST_BYTES].decode(errors="replace")


class ChildLines(logging.Handler):
    """Hands the lines of the job that this process runs to ``send``: some at a time, and only the last of too many."""

    def __init__(self, send: Callable[[Said], None]) -> None:
        super().__init__()
        self._send = send
        self._job: tuple[UUID, int] | None = None
        self._lines: deque[LogLine] = deque()
        self._left_out = 0
        self._told_at = float("-inf")

    def begin(self, job_id: UUID, attempt: int) -> None:
        """Put what comes down to this attempt."""
        self._job = job_id, attempt

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and tell it unless some were told just now."""
        if self._job is None:
            return
        line = line_of(record)
        self._lines += [LogLine(line.at, line.level, piece) for piece in pieces(line.text)]
        while len(self._lines) > MOST_LINES:
            self._lines.popleft()
            self._left_out += 1
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self.tell()

    def end(self) -> None:
        """Tell what was not told yet; what comes after it is no job's."""
        self.tell()
        self._job = None

    def tell(self) -> None:
        """Tell the lines that wait, each by itself."""
        if self._job is None or not self._lines:
            return
        for line in self._lines:
            self._send(Said(*self._job, line, self._left_out))
            self._left_out = 0
        self._lines.clear()
        self._told_at = time.monotonic()


class WorkerLines(logging.Handler):
    """Hands the lines in which this process names a job to ``put``, with the attempt where they name it."""

    def __init__(self, put: Callable[[Said], None]) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line that names a job."""
        if not isinstance(record.msg, dict) or "job_id" not in record.msg:
            return
        try:
            job_id = UUID(str(record.msg["job_id"]))
        except ValueError:
            return
        attempt = record.msg.get("attempt")
        self._put(Said(job_id, attempt if isinstance(attempt, int) else None, line_of(record)))
