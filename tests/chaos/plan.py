"""What is asked and what is broken, as data: the same seed makes the same plan."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from support.model import CANCELLED, COMPLETED, Asked, Model, Order, failed
from support.tape import PARTITIONS, REQUESTS

COMMANDS = "market-analysis.commands.v1"
COUNTIES = ("king_wa", "lucas_oh")
LAST_WORDS_S = 3.0
"""A second copy of a request, or the command that cancels it, comes this much later at most."""

WEIGHTS: Mapping[str, float] = {
    "noop": 55,
    "tabled": 10,
    "counted": 6,
    "sleepy": 7,
    "slow": 1.5,
    "cancelled": 4,
    "duplicated": 4,
    "conflicting": 3,
    "poison": 3,
    "raising": 1,
    "drill": 1,
    "unstorable": 1,
    "hungry": 1,
    "glutton": 0.5,
    "full": 0.5,
    "flaky": 0.5,
    "away": 0.5,
    "late": 1,
    "unknown": 1,
    "misasked": 1,
    "crashing": 0.1,
    "endless": 0.1,
}
"""How often each kind of message is sent; each at least once."""

HARMLESS: Mapping[str, float] = {
    "noop": 900,
    "tabled": 30,
    "sleepy": 2,
    "counted": 10,
    "duplicated": 10,
    "conflicting": 10,
    "poison": 10,
    "drill": 10,
    "raising": 5,
    "misasked": 5,
    "late": 5,
}
"""Mostly nothing to compute, so that what is left is the pipeline; no kind that kills a process or is cancelled."""

BLOWS: Mapping[str, float] = {
    "kill_worker": 5,
    "freeze_worker": 5,
    "drain_worker": 3,
    "third_worker": 3,
    "kill_child": 4,
    "cut_connections": 4,
    "kill_postgres": 2,
    "restart_postgres": 1,
    "freeze_postgres": 2,
    "silence_postgres": 2,
    "kill_kafka": 2,
    "restart_kafka": 1,
    "refuse_results": 2,
    "step_clock": 2,
}
"""How often each kind of blow falls; each at least once where there are as many blows as kinds."""
DEADLY = {"kill_worker", "freeze_worker", "kill_child", "drain_worker", "third_worker"}
"""Those that may cost a job its worker or its child; one that stops amid other blows may not get to hand its jobs back."""
ALWAYS = 1000

POISON: Sequence[bytes | None] = (
    b"{",
    b"\xff\xfe\x00",
    b"",
    None,
    b"[]",
    b'{"analysis_type": "noop", "analysis_type": "noop", "county_id": "king_wa"}',
    b'{"analysis_type": "noop", "county_id": "king_wa", "parameters": {"n": NaN}}',
    b"[" * 5000,
    b'{"analysis_type": "noop"}',
)


@dataclass(frozen=True, slots=True)
class Message:
    """One record, and when it is sent: seconds after the first."""

    at: float
    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    """None: by its key."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What is broken, when, which worker it strikes, and for how long."""

    at: float
    name: str
    worker: int
    seconds: float

    @property
    def target(self) -> str:
        """What it strikes: two blows at a time never strike the same."""
        thing = self.name.partition("_")[2]
        return f"{thing} {self.worker}" if thing in {"worker", "child"} else thing


@dataclass(frozen=True, slots=True)
class Plan:
    """All that happens in a run, in order, and what must come of it."""

    messages: Sequence[Message]
    blows: Sequence[Blow]
    model: Model


@dataclass(slots=True)
class _Draft:
    dice: random.Random
    folder: Path
    messages: list[Message] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    poison: list[tuple[bytes | None, bytes | None]] = field(default_factory=list)

    def job(self, analysis_type: str, *ends: str, at: float, kills: int = 0, **more: Any) -> Asked:
        """Ask for a job, once."""
        request = {
            "job_id": str(UUID(int=self.dice.getrandbits(128), version=4)),
            "analysis_type": analysis_type,
            "county_id": self.dice.choice(COUNTIES),
            "parameters": more.pop("parameters", {}),
            "priority": self.dice.randrange(10),
            **more,
        }
        asked = Asked(request["job_id"], frozenset(ends), _written(request), kills=kills)
        self.asked.append(asked)
        self.send(asked, at)
        return asked

    def send(self, asked: Asked, at: float, *, value: bytes | None = None, partition: int | None = None) -> None:
        self.messages.append(Message(at, REQUESTS, asked.job_id.encode(), value or asked.value, partition))

    def marker(self) -> str:
        return str(self.folder / f"{self.dice.getrandbits(64):016x}")

    def later(self) -> float:
        return self.dice.uniform(0, LAST_WORDS_S)

    def sometime(self) -> int:
        return self.dice.randrange(PARTITIONS)


def _written(request: Mapping[str, Any]) -> bytes:
    return json.dumps(request).encode()


def make_plan(
    seed: int,
    *,
    jobs: int,
    a_second: float,
    blows: int,
    folder: Path,
    weights: Mapping[str, float] = WEIGHTS,
    workers: int = 2,
) -> Plan:
    """Plan ``jobs`` messages of these kinds at a steady rate, and blows at any of ``workers`` over the same time.

    ``folder`` is where analyses keep their marks.
    """
    dice = random.Random(seed)
    draft = _Draft(dice, folder)
    for number, kind in enumerate(_all_of(dice, weights, jobs)):
        KINDS[kind](draft, number / a_second)
    falling = _blows(dice, blows, jobs / a_second, workers)
    deaths = sum(blow.name in DEADLY for blow in falling)
    model = Model(tuple(draft.asked), tuple(draft.orders), tuple(draft.poison), deaths)
    messages = tuple(sorted(draft.messages, key=lambda message: message.at))
    return Plan(messages, falling, model)


def _all_of(dice: random.Random, weights: Mapping[str, float], count: int) -> Sequence[str]:
    """Choose by weight, each at least once where there is room, in any order."""
    chosen = dice.sample(list(weights), min(count, len(weights)))
    chosen += dice.choices(list(weights), weights=list(weights.values()), k=count - len(chosen))
    dice.shuffle(chosen)
    return chosen


def _blows(dice: random.Random, count: int, within_s: float, workers: int) -> Sequence[Blow]:
    apart = within_s / (count + 1)
    return tuple(
        Blow(apart * (number + dice.uniform(0.6, 1.4)), name, dice.randrange(workers), dice.uniform(0.5, 2.0))
        for number, name in enumerate(_all_of(dice, BLOWS, count))
    )


def _plain(analysis_type: str, *ends: str, **more: Any) -> Callable[[_Draft, float], None]:
    def ask(draft: _Draft, at: float) -> None:
        draft.job(analysis_type, *ends, at=at, **more)

    return ask


def _marked(analysis_type: str, *ends: str, kills: int = 0) -> Callable[[_Draft, float], None]:
    def ask(draft: _Draft, at: float) -> None:
        draft.job(analysis_type, *ends, at=at, kills=kills, parameters={"marker": draft.marker()})

    return ask


def _sleepy(shortest: float, longest: float) -> Callable[[_Draft, float], None]:
    def ask(draft: _Draft, at: float) -> None:
        seconds = round(draft.dice.uniform(shortest, longest), 2)
        draft.job("sleepy", COMPLETED, at=at, parameters={"seconds": seconds})

    return ask


def _cancelled(draft: _Draft, at: float) -> None:
    """Cancel it by a command that comes before it, while it waits or runs, or after its end."""
    kind, parameters = draft.dice.choice([("sleepy", {"seconds": 2.0}), ("noop", {}), ("tabled", {"seconds": 0.5})])
    asked = draft.job(kind, COMPLETED, CANCELLED, at=at, parameters=parameters)
    order = Order(asked.job_id, _written({"command": "cancel", "job_id": asked.job_id, "reason": "chaos"}))
    draft.orders.append(order)
    draft.messages.append(Message(max(0, at + draft.later() - 0.5), COMMANDS, asked.job_id.encode(), order.value))


def _duplicated(draft: _Draft, at: float) -> None:
    """Send it again, also to other partitions, so that two workers take it at a time."""
    asked = draft.job("counted", COMPLETED, at=at, parameters={"marker": draft.marker()})
    for _ in range(draft.dice.randrange(1, 4)):
        later = at if draft.dice.random() < 0.5 else at + draft.later()
        draft.send(asked, later, partition=draft.sometime())


def _conflicting(draft: _Draft, at: float) -> None:
    """Ask for something else under the same id: one stands, each other is a dead letter."""
    asked = draft.job("sleepy", COMPLETED, at=at, parameters={"seconds": 0.05})
    other = _written({**json.loads(asked.value), "parameters": {"seconds": 0.06}})
    draft.asked[-1] = Asked(asked.job_id, asked.ends, asked.value, rivals=(other,))
    draft.send(asked, at + draft.later() / 3, value=other, partition=draft.sometime())


def _poison(draft: _Draft, at: float) -> None:
    key, value = draft.dice.randbytes(8), draft.dice.choice(POISON)
    draft.poison.append((key, value))
    draft.messages.append(Message(at, REQUESTS, key, value))


def _refused(analysis_type: str, reason: str, **more: Any) -> Callable[[_Draft, float], None]:
    """Ask for what cannot be had: a job that is FAILED from the start, and a dead letter."""

    def ask(draft: _Draft, at: float) -> None:
        asked = draft.job(analysis_type, failed(reason), at=at, **more)
        draft.asked[-1] = Asked(asked.job_id, asked.ends, asked.value, is_refused=True)

    return ask


KINDS: Mapping[str, Callable[[_Draft, float], None]] = {
    "noop": _plain("noop", COMPLETED),
    "tabled": _plain("tabled", COMPLETED, parameters={"seconds": 0.0}),
    "counted": _marked("counted", COMPLETED),
    "sleepy": _sleepy(0.02, 0.3),
    "slow": _sleepy(1.0, 3.0),
    "cancelled": _cancelled,
    "duplicated": _duplicated,
    "conflicting": _conflicting,
    "poison": _poison,
    "raising": _plain("raising", failed("processing_exception")),
    "drill": _plain("FAILING_ANALYSIS_SIM", failed("simulated_failure")),
    "unstorable": _plain("unstorable", failed("processing_exception")),
    "hungry": _plain("hungry", failed("out_of_memory")),
    "glutton": _plain("glutton", failed("out_of_memory")),
    "full": _marked("full", COMPLETED),
    "flaky": _marked("flaky", COMPLETED, kills=1),
    "away": _marked("away", COMPLETED),
    "late": _plain("noop", failed("deadline_passed"), deadline="2020-01-01T00:00:00Z"),
    "unknown": _refused("horoscope", "unknown_analysis_type"),
    "misasked": _refused("sleepy", "invalid_parameters", parameters={"sprocket": 1}),
    "crashing": _plain(
        "crashing", failed("attempts_exhausted"), failed("timeout"), kills=ALWAYS
    ),  # a frozen worker wakes too late to tell
    "endless": _plain("sleepy", failed("timeout"), parameters={"seconds": 600.0}),
}
