"""Which counties are loaded, remembered so that a request costs no query."""

from __future__ import annotations

from typing import Final

from models.access import Counties as Seen
from terrafusion.errors import UnknownCounty
from terrafusion.metrics import Metrics
from terrafusion.ports.counties import Counties, DataVersion

VERSIONS_KEPT: Final = 64


class KnownCounties:
    """The names of loaded counties, and the data versions that jobs were pinned to."""

    def __init__(self, counties: Counties, metrics: Metrics) -> None:
        self._counties = counties
        self._metrics = metrics
        self._names: frozenset[str] = frozenset()
        self._versions: dict[tuple[str, str], DataVersion] = {}

    async def look(self, wanted: frozenset[str]) -> None:
        """Make sure that a county among ``wanted`` which is loaded is known, also one loaded a moment ago."""
        if wanted <= self._names:
            return
        self._know(frozenset(version.county_id for version in await self._counties.current()))

    def _know(self, names: frozenset[str]) -> None:
        self._names = names
        self._metrics.know_counties(names)

    def check(self, county_id: str, seen: Seen = None) -> None:
        """Raise UnknownCounty unless it is known, and among those that may be seen: of others nothing is told."""
        names = self._names if seen is None else self._names & seen
        if county_id not in names:
            allowed = ", ".join(sorted(names)) or "none is loaded yet"
            msg = f"county_id is {county_id!r}; loaded counties are: {allowed}"
            raise UnknownCounty(msg, field="county_id", value=county_id, allowed=allowed)

    async def version(self, county_id: str, data_version: str) -> DataVersion:
        """Return a data version; it never changes, so it is asked for once. Raises UnknownCounty."""
        key = (county_id, data_version)
        if key not in self._versions:
            found = await self._counties.version(county_id, data_version)
            if found is None:
                msg = f"county_id {county_id!r} has no data version {data_version!r}"
                raise UnknownCounty(msg, field="county_id", value=county_id)
            while len(self._versions) >= VERSIONS_KEPT:
                self._versions.pop(next(iter(self._versions)))
            self._versions[key] = found
            self._know(self._names | {county_id})
        return self._versions[key]
