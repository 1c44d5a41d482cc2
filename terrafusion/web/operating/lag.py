"""The page of lag: how far the consumer group is behind, where, since when, and who holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp.web import Request, Response

from models.group import Dealt
from models.workers import LagSample, SeenWorker
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.deps import WebDeps
from terrafusion.web.operating.series import Plot, Series, plot, sparkline
from terrafusion.web.operating.workers import owners
from terrafusion.web.query import read_query
from terrafusion.web.render import render
from terrafusion.web.renewing import RenewedQuery, renewal
from topics.catalogue import COMMANDS, REQUESTS, TopicSpec

TOLD: Final = timedelta(hours=1)
BEFORE: Final = timedelta(minutes=10)
READ: Final = (REQUESTS, COMMANDS)
"""What the group acknowledges; the status topic is read by everybody for himself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition as the group stands to it; None where nobody knows."""

    number: int
    lag: int | None
    before: int | None
    """The lag some minutes ago."""
    committed: int | None
    end: int | None
    owners: Sequence[SeenWorker]
    trend: Sequence[int | None]
    """By minute, the last one last."""

    @property
    def spark(self) -> str:
        """The trend as a path."""
        return sparkline(self.trend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic and its partitions."""

    name: str
    purpose: str
    partitions: Sequence[Partition]
    plot: Plot

    @property
    def lag(self) -> int | None:
        """The lag of all partitions; None where that of one is not known."""
        lags = [one.lag for one in self.partitions]
        return None if None in lags else sum(lag for lag in lags if lag is not None)


class LagPages:
    """What the broker says of the group now, and what was sampled within the last hour."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def lag(self, request: Request) -> Response:
        """Show the lag of each topic and partition."""
        read_query(request, RenewedQuery)
        samples = await self._deps.workers.samples(age=TOLD)
        held, dealt = owners(await self._deps.workers.all()), self._deps.group()
        topics = [_topic(spec, samples, dealt, held, self._deps.now()) for spec in READ]
        if wants_json(request):
            return json_response({"group": dealt and dealt.state, "topics": [_told(topic) for topic in topics]})
        return html(render("lag.html", now=self._deps.now(), topics=topics, dealt=dealt, **renewal(request)))


def _topic(
    spec: TopicSpec,
    samples: Sequence[LagSample],
    dealt: Dealt | None,
    held: Mapping[tuple[str, int], Sequence[SeenWorker]],
    now: datetime,
) -> Topic:
    mine = [one for one in samples if one.topic == spec.name]
    minutes = _minutes(mine, now)
    known = {(one.partition, one.at): one.lag for one in mine}
    trends = {n: [known.get((n, at)) for at in minutes] for n in range(spec.partitions)}
    totals = [_total([trend[place] for trend in trends.values()]) for place in range(len(minutes))]
    return Topic(
        name=spec.name,
        purpose=spec.purpose,
        partitions=[_partition((spec.name, n), trend, dealt, held) for n, trend in trends.items()],
        plot=plot(
            f"lag-{spec.name.split('.')[1]}",
            f"Records of {spec.name.split('.')[1]} behind",
            minutes,
            [Series("all partitions", "first", totals)],
        ),
    )


def _partition(
    place: tuple[str, int],
    trend: Sequence[int | None],
    dealt: Dealt | None,
    held: Mapping[tuple[str, int], Sequence[SeenWorker]],
) -> Partition:
    before = int(BEFORE.total_seconds() // 60)
    return Partition(
        number=place[1],
        lag=dealt.lags.get(place) if dealt else next((lag for lag in reversed(trend) if lag is not None), None),
        before=trend[-1 - before] if len(trend) > before else None,
        committed=dealt.committed.get(place) if dealt else None,
        end=dealt.ends.get(place) if dealt else None,
        owners=held.get(place, ()),
        trend=trend,
    )


def _minutes(samples: Sequence[LagSample], now: datetime) -> Sequence[datetime]:
    """Return every minute from the first sample to now; where nobody sampled there is a gap."""
    if not samples:
        return []
    first, last = samples[0].at, max(samples[-1].at, now.replace(second=0, microsecond=0))
    many = min((last - first) // timedelta(minutes=1), int(TOLD.total_seconds() // 60))
    return [last - timedelta(minutes=many - number) for number in range(many + 1)]


def _total(lags: Sequence[int | None]) -> int | None:
    return None if None in lags else sum(lag for lag in lags if lag is not None)


def _told(topic: Topic) -> dict[str, Any]:
    partitions = [
        {
            "partition": one.number,
            "lag": one.lag,
            "lag_10_minutes_ago": one.before,
            "committed": one.committed,
            "end": one.end,
            "owners": [owner.state.worker_id for owner in one.owners],
            "trend": list(one.trend),
        }
        for one in topic.partitions
    ]
    return {"topic": topic.name, "lag": topic.lag, "partitions": partitions}
