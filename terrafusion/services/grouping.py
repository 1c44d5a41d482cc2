"""A worker's consumer beside what the broker says of the group: what stands still of either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from models.group import Dealt, Place
from models.troubles import Part, Trouble
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.services.taken import Taken

ASK_EVERY_S: Final = 4.0
STABLE: Final = "Stable"
PATIENCE_REBALANCE: Final = 3.0
"""Members may take their time; the group waits for each of them."""
STALLED_S: Final = 20.0
PROMPT_S: Final = 3 * ASK_EVERY_S
"""What is taken as it comes is known to be within two questions."""


class Group(Protocol):
    """The consumer group, seen from outside."""

    async def look(self) -> Dealt:
        """Ask the broker; raises Unavailable."""

    async def stop(self) -> None:
        """Disconnect; the next look connects anew."""


class OwnConsumer(Protocol):
    """The part of a worker in the group."""

    def error(self) -> str | None:
        """Say why it has silently stopped; None while it works."""

    @property
    def member_id(self) -> str:
        """By what the broker knows it; empty while it is none."""

    @property
    def rebalance(self) -> int | None:
        """The number of the rebalance that has not ended here; None while none is under way."""

    def positions(self) -> Mapping[Place, int]:
        """Return the next offset of each partition that it should be reading now; none that may wait and is paused."""


class GroupWatch:
    """Fulfils a watchdog's look."""

    def __init__(
        self,
        *,
        own: OwnConsumer,
        group: Group,
        metrics: Metrics,
        is_open: Callable[[], bool],
        monotonic: Callable[[], float],
        waits_for: Mapping[str, str],
    ) -> None:
        """Take what to look at; ``is_open`` says whether requests are let in at all.

        Records of a topic may wait until those of the topic that it ``waits_for`` have been taken.
        """
        self._waits_for = waits_for
        self._own = own
        self._group = group
        self._metrics = metrics
        self._is_open = is_open
        self._monotonic = monotonic
        self._ask_at = 0.0
        self._dealt: Dealt | None = None
        self._waiting: dict[tuple[str, int, int], float] = {}
        self.taken = Taken()
        """By the same clock."""

    @property
    def dealt(self) -> Dealt | None:
        """The group as the broker last told of it; None while it does not answer."""
        return self._dealt

    async def look(self) -> Sequence[Trouble]:
        """Say what may stand still; nothing of the group while the broker does not answer."""
        if error := self._own.error():
            return [Trouble(Part.CONSUMER, "error", error, patience=0)]
        if self._monotonic() >= self._ask_at:
            self._ask_at = self._monotonic() + ASK_EVERY_S
            self._dealt = await self._ask()
        return [] if self._dealt is None else [*self._mine(self._dealt), *self._ours(self._dealt)]

    async def _ask(self) -> Dealt | None:
        now = self._monotonic()
        try:
            dealt = await self._group.look()
        except Unavailable:
            self._metrics.lag.clear()
            self._metrics.stalled_partitions.set(0)
            return None
        self.taken.learn(now, dealt)
        self._tell(dealt)
        return dealt

    def _tell(self, dealt: Dealt) -> None:
        lag: Counter[str] = Counter({topic: 0 for topic, _ in dealt.ends})
        for (topic, _), records in dealt.lags.items():
            lag[topic] += records
        for topic, records in lag.items():
            self._metrics.lag.labels(topic).set(records)

    def _mine(self, dealt: Dealt) -> Iterator[Trouble]:
        member = self._own.member_id
        if dealt.state != STABLE:
            sign, reason = (dealt.state, dealt.members), f"the group is {dealt.state}"
            yield Trouble(Part.CONSUMER, sign, reason, patience=PATIENCE_REBALANCE)
        elif member not in dealt.members:
            yield Trouble(Part.CONSUMER, "no member", "the group goes on without this worker")
        elif (number := self._own.rebalance) is not None:
            reason = "a rebalance that is over for the group does not end here"
            yield Trouble(Part.CONSUMER, ("rebalancing", number), reason, patience=PATIENCE_REBALANCE)
        ends = {**dealt.ends, **dealt.told_ends}
        behind = {p: at for p, at in self._own.positions().items() if at < ends.get(p, at)}
        for (topic, number), at in behind.items():
            reason = f"nothing is read of {topic}, partition {number}, from offset {at} on"
            yield Trouble(Part.CONSUMER, (topic, number, at), reason)

    def _ours(self, dealt: Dealt) -> Iterator[Trouble]:
        now = self._monotonic()
        waits = {(*p, dealt.committed[p]) for p in self._behind(dealt, now)} if self._is_open() else set()
        self._waiting = {sign: self._waiting.get(sign, now) for sign in waits}
        self._metrics.stalled_partitions.set(sum(now - since >= STALLED_S for since in self._waiting.values()))
        for topic, number, first in sorted(self._waiting):
            owned = "its worker does not take them" if (topic, number) in dealt.owned else "no worker has it"
            reason = f"records of {topic}, partition {number}, wait: {owned}"
            yield Trouble(Part.PARTITION, (topic, number, first), reason, ends=False)

    def _behind(self, dealt: Dealt, now: float) -> Iterator[Place]:
        for place, lag in dealt.lags.items():
            first = self._waits_for.get(place[0])
            may_wait = first and place in dealt.owned and self.taken.until(first) < now - PROMPT_S
            if lag and not may_wait:
                yield place

    async def stop(self) -> None:
        """Disconnect."""
        await self._group.stop()
