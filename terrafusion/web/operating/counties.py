"""The pages of counties: what is loaded of each, since when, and whether it stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from aiohttp.web import Request, Response

from models.pauses import Pause, Scope
from terrafusion.errors import NotFound, Unavailable
from terrafusion.ports.counties import Coverage, DataVersion
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.bodies import county_body, pause_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.query import NoQuery, read_query
from terrafusion.web.render import render
from terrafusion.wording import facts, indented

VERSIONS: Final = 20
KINDS: Final = ("sales", "properties", "listings")
LARGE: Final = ("sale_overrides", "market_areas", "validity_codes", "deed_types")
"""Parts of a profile that are told by how many entries they have."""


class CountyPages:
    """Counties, one and all."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def counties(self, request: Request) -> Response:
        """Show every county that is loaded."""
        read_query(request, NoQuery)
        versions = await self._deps.counties.current()
        paused = await self._paused()
        if wants_json(request):
            return json_response({"counties": [_told(version, paused) for version in versions]})
        unloaded = paused.keys() - {version.county_id for version in versions}
        text = render(
            "counties.html", now=self._deps.now(), counties=versions, paused=paused, unloaded=sorted(unloaded)
        )
        return html(text)

    async def county(self, request: Request) -> Response:
        """Show one county: its records by column, its profile, its data versions."""
        read_query(request, NoQuery)
        county_id = request.match_info["county_id"]
        versions = await self._deps.counties.history(county_id, limit=VERSIONS)
        current = next((one for one in await self._deps.counties.current() if one.county_id == county_id), None)
        if current is None:
            name = county_id[:100]
            raise NotFound(f"no records of a county {name!r} are loaded", field="county_id", value=name)
        paused = await self._paused()
        coverage = await self._coverage(current)
        if wants_json(request):
            return json_response(_told(current, paused) | _more(current, versions, coverage))
        text = render(
            "county.html",
            now=self._deps.now(),
            county=current,
            pause=paused.get(county_id),
            versions=versions,
            coverage=coverage,
            profile=_profile(current.profile),
            whole_profile=indented(current.profile),
        )
        return html(text)

    async def _paused(self) -> Mapping[str, Pause]:
        return {pause.name: pause for pause in await self._deps.pauses.look() if pause.scope is Scope.COUNTY}

    async def _coverage(self, version: DataVersion) -> Mapping[str, Coverage | None]:
        """Look through the county's snapshots; None where one cannot be read now."""
        return {kind: await self._look(uri) for kind in KINDS if (uri := version.uri(kind))}

    async def _look(self, location: str) -> Coverage | None:
        try:
            return await self._deps.columns.of(location)
        except Unavailable:
            return None


def _told(version: DataVersion, paused: Mapping[str, Pause]) -> dict[str, Any]:
    pause = paused.get(version.county_id)
    return county_body(version) | {"paused": pause and pause_body(pause)}


def _more(
    version: DataVersion, versions: Sequence[DataVersion], coverage: Mapping[str, Coverage | None]
) -> dict[str, Any]:
    return {
        "profile": version.profile,
        "columns": {kind: found and asdict(found) for kind, found in coverage.items()},
        "data_versions": [county_body(one) for one in versions],
    }


def _profile(profile: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return facts({name: len(value) if name in LARGE else value for name, value in profile.items()})
