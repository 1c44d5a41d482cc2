"""What is logged for attempts, bounded, and kept with the job; no statement for a job of which nothing is said."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from models.attempts import AttemptLog, LogLine, Said
from terrafusion.errors import UnstorableData
from terrafusion.ports.history import JobHistory

MOST_LINES: Final = 200
MOST_CHARACTERS: Final = 64_000
"""Of one attempt."""
MOST_ATTEMPTS: Final = 200
"""That are known at a time; those that were not heard of for longest go."""
MOST_AT_ONCE: Final = 20

Key = tuple[UUID, int]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tail:
    """The last lines of an attempt."""

    lines: deque[LogLine] = field(default_factory=deque)
    characters: int = 0
    left_out: int = 0

    def put(self, said: Said) -> None:
        """Take a line; the oldest go where there are too many."""
        self.left_out += said.left_out
        self.lines.append(said.line)
        self.characters += len(said.line.text)
        while len(self.lines) > MOST_LINES or (self.characters > MOST_CHARACTERS and len(self.lines) > 1):
            self.characters -= len(self.lines.popleft().text)
            self.left_out += 1

    def drop(self, refused: Sequence[LogLine]) -> None:
        """Let lines go that nobody can keep."""
        for line in refused:
            if line in self.lines:
                self.lines.remove(line)
                self.characters -= len(line.text)
                self.left_out += 1


class Logbook:
    """Gathers lines and keeps them when asked to."""

    def __init__(self, history: JobHistory, attempt_of: Callable[[UUID], int | None]) -> None:
        """Take what knows the attempt of a job that this process holds."""
        self._history = history
        self._attempt_of = attempt_of
        self._tails: OrderedDict[Key, _Tail] = OrderedDict()
        self._news: set[Key] = set()

    def put(self, said: Said) -> None:
        """Take a line; one that names no attempt is of the job that this process holds, or of none."""
        attempt = said.attempt or self._attempt_of(said.job_id)
        if attempt is None:
            return
        key = said.job_id, attempt
        self._tails.setdefault(key, _Tail()).put(said)
        self._tails.move_to_end(key)
        self._news.add(key)
        if len(self._tails) > MOST_ATTEMPTS:
            oldest, _ = self._tails.popitem(last=False)
            self._news.discard(oldest)

    async def keep(self) -> None:
        """Keep what is new, but for lines that the store refuses. Raises Unavailable; then it stays to be kept."""
        while self._news:
            some = sorted(self._news)[:MOST_AT_ONCE]
            self._news -= set(some)
            try:
                await self._keep(some)
            except BaseException:
                self._news |= {key for key in some if key in self._tails}
                raise

    async def _keep(self, keys: Sequence[Key]) -> None:
        """Halve what the store refuses until an attempt stands alone."""
        try:
            await self._history.keep_logs([_log(key, self._tails[key]) for key in keys if key in self._tails])
        except UnstorableData as error:
            if len(keys) == 1:
                await self._sift(keys[0], error)
                return
            middle = len(keys) // 2
            await self._keep(keys[:middle])
            await self._keep(keys[middle:])

    async def _sift(self, key: Key, error: UnstorableData) -> None:
        """Leave out the lines at fault, or the attempt where it is that; nothing is said of its job, whose line it would be."""
        tail = self._tails.get(key, _Tail())
        refused = await self._refused(key, list(tail.lines))
        log.warning("lines about a job cannot be kept", about=str(key[0]), lines=len(refused), reason=str(error)[:200])
        tail.drop(refused)
        if refused and tail.lines:
            self._news.add(key)
        else:
            self._tails.pop(key, None)

    async def _refused(self, key: Key, lines: Sequence[LogLine]) -> Sequence[LogLine]:
        try:
            await self._history.keep_logs([_log(key, _Tail(deque(lines)))])
        except UnstorableData:
            middle = len(lines) // 2
            halves = (lines[:middle], lines[middle:])
            return lines if middle == 0 else [line for half in halves for line in await self._refused(key, half)]
        return []


def _log(key: Key, tail: _Tail) -> AttemptLog:
    job_id, attempt = key
    lines = sorted(tail.lines, key=lambda line: line.at)
    return AttemptLog(job_id=job_id, attempt=attempt, lines=lines, left_out=tail.left_out)
