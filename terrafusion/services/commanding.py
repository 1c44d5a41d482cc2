"""Commands in the order they came: each carried out once, acknowledged in the order of its partition."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from mode import Service

from terrafusion.boundaries import Boundary, cross
from terrafusion.services.intake import Arrival
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.retrying import until_available

PATIENCE_S: Final = 10.0
"""How long a cancel waits for a request that is sent after it."""
LONGEST_S: Final = 300.0
"""How long for one that was sent before it, where requests are not taken."""
AGAIN_S: Final = 0.5
MOST_PATIENT: Final = 100
"""So many wait; the oldest of more is given up before its time."""
MOST_WAITING: Final = 1000


@dataclass(slots=True)
class _Turn:
    """A command that was begun."""

    arrival: Arrival
    at: float
    again_at: float = 0.0
    done: bool = False

    def may_wait(self, now: float, taken_until: float) -> bool:
        """Say whether its request may still be on its way, or among those that have not been taken."""
        is_ahead = taken_until < self.at
        return now - self.at < (LONGEST_S if is_ahead else PATIENCE_S)

    def is_due(self, now: float) -> bool:
        """Say whether to try it again, which one that has waited long is not each time."""
        if now < self.again_at:
            return False
        self.again_at = now + (now - self.at) / 10
        return True


class Orders(Service):
    """Carries out commands one by one; one that has to wait holds up no other, only the acknowledgement of those behind it."""

    def __init__(self, commands: Commands, *, taken_until: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """Take what carries them out, and what says until when requests have been taken, of the same clock."""
        super().__init__()
        self._commands = commands
        self._taken_until = taken_until
        self._monotonic = monotonic
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(MOST_WAITING)
        self._turns: dict[int, deque[_Turn]] = {}
        self._again_at = 0.0

    async def put(self, arrival: Arrival) -> None:
        """Hand over a command; waits while too many wait already."""
        await self._queue.put(arrival)

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            arrival = await self._next()
            if arrival:
                await self.take(arrival)
            if self._monotonic() >= self._again_at:
                await self.again()

    async def _next(self) -> Arrival | None:
        try:
            async with asyncio.timeout(AGAIN_S):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def take(self, arrival: Arrival) -> None:
        """Begin a command."""
        turn = _Turn(arrival, self._monotonic())
        self._turns.setdefault(arrival.record.partition, deque()).append(turn)
        await self._try(turn, patient=True)

    async def again(self) -> None:
        """Try those that wait once more; for the last time where their time is up or too many wait."""
        waiting = self._waiting()
        for number, turn in enumerate(waiting):
            now = self._monotonic()
            patient = turn.may_wait(now, self._taken_until()) and len(waiting) - number <= MOST_PATIENT
            if not patient or turn.is_due(now):
                await self._try(turn, patient=patient)
        self._again_at = self._monotonic() + AGAIN_S

    def _waiting(self) -> Sequence[_Turn]:
        return sorted((t for t in chain(*self._turns.values()) if not t.done), key=lambda turn: turn.at)

    async def _try(self, turn: _Turn, *, patient: bool) -> None:
        turn.done = await until_available(self._carry_out, turn.arrival, patient=patient)
        if turn.done:
            cross(Boundary.CARRIED_OUT)
        begun = self._turns[turn.arrival.record.partition]
        while begun and begun[0].done:
            begun.popleft().arrival.acknowledge()
        cross(Boundary.ACKNOWLEDGED)

    async def _carry_out(self, arrival: Arrival, *, patient: bool) -> bool:
        """Try a command whose partition is ours; who has that by now reads it again, and has carried out what came after it."""
        return not arrival.is_ours() or await self._commands.take(arrival.record, patient=patient)
