"""The page of workers: who works, who is silent, what nobody holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from aiohttp.web import Request, Response

from models.workers import Presence, SeenWorker
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.deps import WebDeps
from terrafusion.web.query import read_query
from terrafusion.web.render import render
from terrafusion.web.renewing import RenewedQuery, renewal
from topics.catalogue import COMMANDS, REQUESTS, STATUS

SILENT_AFTER: Final = timedelta(seconds=20)
"""A worker speaks every five seconds; one that missed four times is no more taken for alive."""
READ: Final = (REQUESTS, COMMANDS, STATUS)
BADGES: Final[Mapping[str, str]] = {
    "working": "completed",
    "draining": "pending",
    "stopped": "cancelled",
    "silent": "failed",
}


class WorkerPages:
    """What every worker last said of itself, told by any of them."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def workers(self, request: Request) -> Response:
        """Show every worker."""
        read_query(request, RenewedQuery)
        seen = await self._deps.workers.all()
        if wants_json(request):
            return json_response({"workers": [_told(one) for one in seen], "unheld": unheld(seen)})
        text = render(
            "workers.html",
            now=self._deps.now(),
            workers=[(one, standing(one), spans(one.state.partitions)) for one in seen],
            badges=BADGES,
            alive=alive(seen),
            unheld=spans(unheld(seen)),
            **renewal(request),
            versions={one.state.version for one in alive(seen)},
        )
        return html(text)


def standing(one: SeenWorker) -> str:
    """Say how a worker stands: what it said last counts only while it speaks."""
    if one.state.presence is not Presence.STOPPED and one.silent >= SILENT_AFTER:
        return "silent"
    return str(one.state.presence)


def alive(seen: Sequence[SeenWorker]) -> Sequence[SeenWorker]:
    """Return those who speak and have not stopped."""
    return [one for one in seen if standing(one) in (Presence.WORKING, Presence.DRAINING)]


def owners(seen: Sequence[SeenWorker]) -> Mapping[tuple[str, int], Sequence[SeenWorker]]:
    """Return by partition who holds it; during a rebalance that may be two."""
    found: dict[tuple[str, int], list[SeenWorker]] = {}
    for one in alive(seen):
        for topic, numbers in one.state.partitions.items():
            for number in numbers:
                found.setdefault((topic, number), []).append(one)
    return found


def unheld(seen: Sequence[SeenWorker]) -> Mapping[str, Sequence[int]]:
    """Return by topic the partitions that no living worker says it holds."""
    held = owners(seen)
    found = {spec.name: [n for n in range(spec.partitions) if (spec.name, n) not in held] for spec in READ}
    return {topic: numbers for topic, numbers in found.items() if numbers}


def spans(partitions: Mapping[str, Sequence[int]]) -> Sequence[tuple[str, str]]:
    """Write partitions of the topics that are read: 0 to 3, 7."""
    return [(spec.name, numbers_of(partitions[spec.name])) for spec in READ if partitions.get(spec.name)]


def numbers_of(numbers: Sequence[int]) -> str:
    """Write numbers, those in a row as one."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}\N{EN DASH}{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _told(one: SeenWorker) -> dict[str, Any]:
    state = asdict(one.state)
    return state | {
        "standing": standing(one),
        "started_at": one.started_at,
        "seen_at": one.seen_at,
        "silent_seconds": round(one.silent.total_seconds(), 1),
    }
