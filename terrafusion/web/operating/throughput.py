"""The page of throughput: how many jobs end, how long they waited and ran, how many fail, by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

from aiohttp.web import Request, Response

from models.messages import Name
from models.rates import EVERY_TYPE, Rate, Width
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.deps import WebDeps
from terrafusion.web.operating.series import Plot, Series, plot
from terrafusion.web.query import read_query
from terrafusion.web.render import render
from terrafusion.web.renewing import RenewedQuery, renewal
from terrafusion.wording import duration

PAGE: Final = "/throughput"
SPANS: Final[Mapping[str, tuple[timedelta, Width]]] = {
    "hour": (timedelta(hours=1), Width.MINUTE),
    "day": (timedelta(days=1), Width.QUARTER),
}
LATE: Final = 4
"""So many stretches behind, figures are told to be late."""


class ThroughputQuery(RenewedQuery):
    """The query of the page."""

    span: Literal["hour", "day"] = "hour"
    analysis_type: Name | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of a type's jobs in all."""

    analysis_type: str
    completed: int
    failed: int
    cancelled: int

    @property
    def ended(self) -> int:
        """How many there were."""
        return self.completed + self.failed + self.cancelled

    @property
    def failure_rate(self) -> float | None:
        """Which part of those that were not cancelled failed; None where there are none."""
        tried = self.completed + self.failed
        return self.failed / tried if tried else None


class ThroughputPages:
    """What was put together of the jobs that ended."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def throughput(self, request: Request) -> Response:
        """Show the last hour or day."""
        query = read_query(request, ThroughputQuery)
        age, width = SPANS[query.span]
        rates = await self._deps.rates.since(width, age=age)
        chosen = query.analysis_type or EVERY_TYPE
        told = [rate for rate in rates if rate.analysis_type == chosen]
        until = max((rate.at + width.length for rate in rates), default=None)
        if wants_json(request):
            seconds = int(width.length.total_seconds())
            return json_response({"span": query.span, "width_seconds": seconds, "until": until} | _told(rates, chosen))
        now = self._deps.now()
        text = render(
            "throughput.html",
            now=now,
            query=query,
            until=until,
            is_late=until is None or now - until > LATE * width.length,
            spans=[(name, _link(query, span=name), name == query.span) for name in SPANS],
            every=query.analysis_type and _link(query, analysis_type=None),
            types=[(one, _link(query, analysis_type=one.analysis_type)) for one in _by_type(rates)],
            totals=_totals(chosen, told),
            plots=_plots(_grid(told, until, age, width), width),
            hours=age.total_seconds() / 3600,
            **renewal(request),
        )
        return html(text)


def _link(query: ThroughputQuery, **changes: Any) -> str:
    wanted = {name: value for name, value in (query.model_dump(exclude_defaults=True) | changes).items() if value}
    return f"{PAGE}?{urlencode(wanted)}" if wanted else PAGE


def _grid(rates: Sequence[Rate], until: datetime | None, age: timedelta, width: Width) -> Sequence[Rate]:
    """Return a rate for each stretch; one in which no job of the type ended has none of any kind."""
    if until is None:
        return []
    known = {rate.at: rate for rate in rates}
    starts = [until - age + number * width.length for number in range(age // width.length)]
    return [known.get(at, Rate(at=at, analysis_type="")) for at in starts]


def _plots(grid: Sequence[Rate], width: Width) -> Sequence[Plot]:
    each = "a minute" if width is Width.MINUTE else "in 15 minutes"
    return [
        _plot("ended", f"Jobs {each}", grid, {"completed": ("first", _completed), "failed": ("bad", _failed)}),
        _plot("failure-rate", "Failed, of those that were not cancelled", grid, {"failed": ("bad", _rate)}, _per_cent),
        _plot(
            "wait",
            "From accept to the first claim",
            grid,
            {"half": ("first", lambda rate: rate.wait_p50), "95 in 100": ("second", lambda rate: rate.wait_p95)},
            _seconds,
        ),
        _plot(
            "run",
            "From the first claim to the end",
            grid,
            {"half": ("first", lambda rate: rate.run_p50), "95 in 100": ("second", lambda rate: rate.run_p95)},
            _seconds,
        ),
    ]


def _plot(
    name: str,
    title: str,
    grid: Sequence[Rate],
    lines: Mapping[str, tuple[str, Callable[[Rate], float | None]]],
    words: Callable[[float], str] | None = None,
) -> Plot:
    series = [Series(line, kind, [take(rate) for rate in grid]) for line, (kind, take) in lines.items()]
    return plot(name, title, [rate.at for rate in grid], series, words=words)


def _completed(rate: Rate) -> float:
    return float(rate.completed)


def _failed(rate: Rate) -> float:
    return float(rate.failed)


def _rate(rate: Rate) -> float | None:
    return _totals("", [rate]).failure_rate


def _per_cent(value: float) -> str:
    return f"{100 * value:.3g}%"


def _seconds(value: float) -> str:
    return duration(timedelta(seconds=value)) if value else "0"


def _totals(name: str, rates: Sequence[Rate]) -> Totals:
    return Totals(
        name,
        sum(rate.completed for rate in rates),
        sum(rate.failed for rate in rates),
        sum(rate.cancelled for rate in rates),
    )


def _by_type(rates: Sequence[Rate]) -> Sequence[Totals]:
    """Return each type's totals, those with the most failures first."""
    names = {rate.analysis_type for rate in rates} - {EVERY_TYPE}
    found = [_totals(name, [rate for rate in rates if rate.analysis_type == name]) for name in names]
    return sorted(found, key=lambda one: (-one.failed, -one.ended, one.analysis_type))


def _told(rates: Sequence[Rate], chosen: str) -> dict[str, Any]:
    types = [asdict(one) | {"failure_rate": one.failure_rate} for one in _by_type(rates)]
    told = [asdict(rate) for rate in rates if rate.analysis_type == chosen]
    return {"analysis_type": chosen or None, "types": types, "rates": told}
