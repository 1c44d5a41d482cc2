"""Two results side by side: what differs of what was asked, of the records, of the figures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict

from models.jobs import Job, JobStatus
from terrafusion.errors import Rejected, Unavailable
from terrafusion.ports.jobs import JobFilter
from terrafusion.usecases.comparing import compare, most_changed, with_defaults
from terrafusion.web.answers import html, json_response, wants_html, wants_json
from terrafusion.web.api import results_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import find_job
from terrafusion.web.operating.series import Plot, Series, plot
from terrafusion.web.problems import problem_of
from terrafusion.web.query import job_id_of, read_query
from terrafusion.web.render import render
from terrafusion.web.results.read import headline_of
from terrafusion.wording import bounds, difference, dollars, figure, group_of, label, other_bases

PAGE: Final = "/compare"
OFFERED: Final = 30
MOST_FIGURES: Final = 200
MOST_ROWS: Final = 40
MOST_OF_A_ROW: Final = 4
FEWEST: Final = 2
PLACES: Final = ("first", "second")
CUT: Final = "trends_total"
"""What the summary has where the document holds some of the points only."""

Body = Mapping[str, Any]


class CompareQuery(BaseModel):
    """The query of the page: two jobs, chosen one after the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str | None = None
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: what it is about, both values, the difference, what the intervals say."""

    name: str
    first: str
    second: str
    difference: str
    percent: str
    intervals: str = ""


class Comparing:
    """Chooses two jobs, and compares them."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def compare(self, request: Request) -> Response:
        """Show what differs between two finished jobs, or what may be compared."""
        query = read_query(request, CompareQuery)
        try:
            told = await self._compared(query)
        except Rejected as error:
            if not wants_html(request):
                raise
            return await self._choice(query, error=str(error), status=problem_of(error).status)
        if wants_json(request):
            return json_response(told or {"jobs": [_named(job) for job in await self._offered(query)]})
        return await self._choice(query) if told is None else await asyncio.to_thread(self._page, query, told)

    async def _compared(self, query: CompareQuery) -> dict[str, Any] | None:
        """Compare as the command does, with the medians of both; None until two jobs are chosen."""
        if query.first is None or query.second is None:
            return None
        ids = (job_id_of(query.first, field="first"), job_id_of(query.second, field="second"))
        first, second = [await self._body(job_id) for job_id in ids]
        return await asyncio.to_thread(_told, first, second)

    async def _body(self, job_id: UUID) -> Body:
        body = await results_body(self._deps, await find_job(self._deps, job_id))
        return with_defaults(body, self._deps.catalogue)

    async def _offered(self, query: CompareQuery) -> Sequence[Job]:
        """Return finished jobs that can be compared: with the one that was chosen, where one was."""
        wanted = JobFilter(status=JobStatus.COMPLETED)
        chosen = await self._chosen(query)
        if chosen is not None:
            wanted = JobFilter(status=JobStatus.COMPLETED, analysis_type=chosen.analysis_type)
        page = await self._deps.store.page(wanted, after=None, limit=OFFERED)
        return [job for job in page.jobs if chosen is None or job.job_id != chosen.job_id]

    async def _chosen(self, query: CompareQuery) -> Job | None:
        if query.first is None:
            return None
        try:
            return await find_job(self._deps, job_id_of(query.first, field="first"))
        except (Rejected, Unavailable):
            return None

    async def _choice(self, query: CompareQuery, *, error: str = "", status: int = 200) -> Response:
        offered, chosen = await self._offered(query), await self._chosen(query)
        links = [
            (job, _link(query.first, str(job.job_id)) if chosen else _link(str(job.job_id), None)) for job in offered
        ]
        now = self._deps.now()
        text = render("compare.html", now=now, query=query, error=error, chosen=chosen, offered=links)
        return html(text, status=status)

    def _page(self, query: CompareQuery, told: Body) -> Response:
        headline = headline_of(self._deps.catalogue, told["jobs"][0]["analysis_type"])
        text = render(
            "compared.html",
            now=self._deps.now(),
            jobs=list(zip(("First", "Second"), told["jobs"], strict=True)),
            swap=_link(query.second, query.first),
            verdict=_verdict(told),
            parameters=[_row(change) for change in told["parameters"]],
            figures=_figures(told["figures"]),
            same=sum(change["first"] == change["second"] for change in told["figures"]),
            statements=told["statements"],
            quality=[_row(change) for change in told["data_quality"]],
            warnings=told["warnings"],
            parts=[part for part in (_part("Points", told["trends"]), _part("Rows", told["rows"], headline)) if part],
            plot=told["medians"] and _plot(told["medians"]),
            is_cut=told["trends_cut"],
        )
        return html(text)


def _told(first: Body, second: Body) -> dict[str, Any]:
    told = compare(first, second)
    results = (first["result"], second["result"])
    told["trends_cut"] = any(CUT in result["result_summary"] for result in results)
    told["medians"] = _common(*(result["trends"] for result in results))
    return told


def _link(first: str | None, second: str | None) -> str:
    given = {name: value for name, value in (("first", first), ("second", second)) if value}
    return f"{PAGE}?{urlencode(given)}" if given else PAGE


def _named(job: Job) -> Mapping[str, Any]:
    names = ("job_id", "analysis_type", "county_id", "parameters", "completed_at", "data_version")
    return {name: getattr(job, name) for name in names}


def _verdict(told: Body) -> str:
    """Say in a sentence or two what made the answers differ, as far as that can be told."""
    if told["same_answer"]:
        return "The answers are the same."
    county = len({job["county_id"] for job in told["jobs"]}) > 1
    asked = bool(told["parameters"])
    if county:
        return "The jobs are of different counties, so their records differ" + (
            ", and so do their parameters." if asked else "; the parameters are the same."
        )
    if told["same_data"] and not asked:
        return "Records and parameters are the same: what differs comes of the release that answered."
    if told["same_data"]:
        return "The records are the same: what differs comes of the parameters."
    if asked:
        return "Records and parameters both differ: the figures do not tell which of them made the difference."
    return "The parameters are the same: what differs comes of the records, which were loaded anew in between."


def _row(change: Body, name: str | None = None) -> Row:
    key = change["name"]
    percent = change["percent"]
    return Row(
        name or _words(key),
        figure(change["first"], _last(key)),
        figure(change["second"], _last(key)),
        "" if change["difference"] is None else difference(change["difference"], _last(key)),
        "" if percent is None else f"{percent:+.1f}%",
    )


def _figures(changes: Sequence[Body]) -> Sequence[Row]:
    """Return the figures that changed, each with its interval, whose ends have no line of their own."""
    by_name = {change["name"]: change for change in changes}
    pairs = {name: bounds(name, by_name) for name in by_name}
    ends = {end for pair in pairs.values() if pair for end in pair}
    changed = [one for one in changes if one["first"] != one["second"] and one["name"] not in ends]
    return [_with_intervals(one, pairs[one["name"]], by_name) for one in changed[:MOST_FIGURES]]


def _with_intervals(change: Body, pair: tuple[str, str] | None, by_name: Mapping[str, Body]) -> Row:
    row = _row(change)
    if pair is None:
        return row
    low, high = (by_name[end] for end in pair)
    sides = {side: (low[side], high[side]) for side in ("first", "second")}
    name = _last(change["name"])
    first, second = (_interval(ends, name) for ends in sides.values())
    return Row(
        row.name,
        f"{row.first}{first}",
        f"{row.second}{second}",
        row.difference,
        row.percent,
        _meeting(*sides.values()),
    )


def _interval(ends: tuple[Any, Any], name: str) -> str:
    return "" if None in ends else f" ({figure(ends[0], name)} to {figure(ends[1], name)})"


def _meeting(first: tuple[Any, Any], second: tuple[Any, Any]) -> str:
    """Say whether two intervals have a value in common."""
    if None in (*first, *second):
        return ""
    return "overlap" if first[0] <= second[1] and second[0] <= first[1] else "apart"


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _words(name: str) -> str:
    return ": ".join(label(part) for part in name.split("."))


@dataclass(frozen=True, slots=True)
class Part:
    """Points or rows that were found again in the other result."""

    title: str
    rows: Sequence[tuple[str, Sequence[Row]]]
    changed: int
    matched: int
    only_first: int
    only_second: int
    bases: str = ""
    """What to beware of where indices are 100 in different periods."""


def _part(title: str, told: Body, names: Sequence[str] = ()) -> Part | None:
    if not (told["matched"] or told["only_first"] or told["only_second"]):
        return None
    changed = most_changed(told["changed"])
    rows = [(_key(row), _figures(_chosen(row["figures"], [lead["name"], *names]))) for row, lead in changed[:MOST_ROWS]]
    return Part(
        title,
        rows,
        len(changed),
        told["matched"],
        len(told["only_first"]),
        len(told["only_second"]),
        other_bases(told["other_bases"]),
    )


def _chosen(figures: Sequence[Body], names: Sequence[str]) -> Sequence[Body]:
    """Return the figures of a row that are named, the first few, with the ends of their intervals."""
    by_name = {one["name"]: one for one in figures}
    wanted = [name for name in dict.fromkeys(names) if name in by_name][:MOST_OF_A_ROW]
    ends = [end for name in wanted for end in bounds(name, by_name) or ()]
    return [by_name[name] for name in (*wanted, *ends)]


def _key(row: Body) -> str:
    return " · ".join(str(value) for name, value in row.items() if name != "figures" and value is not None)


def _common(first: Sequence[Body], second: Sequence[Body]) -> dict[str, Any] | None:
    """Return the medians of the group with the most points of those that both tell of, by when each period begins."""
    sides = [_medians(rows) for rows in (first, second)]
    common = [name for name in sides[0] if name in sides[1]]
    if not common:
        return None
    name = max(common, key=lambda group: sum(len(side[group]) for side in sides))
    starts = sorted({start for side in sides for start in side[name]})
    told = {place: [side[name].get(at) for at in starts] for place, side in zip(PLACES, sides, strict=True)}
    return {"group": name, "period_start": starts, **told} if len(starts) >= FEWEST else None


def _plot(medians: Body) -> Plot:
    name = medians["group"]
    moments = [datetime.fromisoformat(f"{start}T00:00:00+00:00") for start in medians["period_start"]]
    series = [Series(place, place, medians[place]) for place in PLACES]
    title = "Median price of all sales" if name == "all" else f"Median price of {name}"
    return plot("medians", title, moments, series, words=dollars, from_zero=False)


def _medians(rows: Sequence[Body]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, at, price in _priced(rows):
        found.setdefault(name, {})[at] = price
    return found


def _priced(rows: Sequence[Body]) -> Iterator[tuple[str, str, float]]:
    for row in rows:
        start, price = row.get("period_start"), row.get("median_price")
        if isinstance(start, str) and isinstance(price, int | float):
            yield group_of(row), start[:10], float(price)
