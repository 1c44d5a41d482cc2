"""Loaded counties without a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from models.access import Counties as Seen
from terrafusion.ports.counties import DataVersion


class MemoryCounties:
    """Fulfils `terrafusion.ports.counties.Counties`."""

    def __init__(self, versions: Iterable[DataVersion] = ()) -> None:
        self._versions: dict[tuple[str, str], DataVersion] = {}
        self._current: dict[str, DataVersion] = {}
        for version in versions:
            self.add(version)

    def add(self, version: DataVersion) -> None:
        """Make a version its county's current one."""
        self._versions[version.county_id, version.data_version] = version
        self._current[version.county_id] = version

    def all(self) -> Sequence[DataVersion]:
        """Return every version, those that came first before others."""
        return sorted(self._versions.values(), key=lambda version: version.created_at)

    def replaced(self, *, before: datetime) -> Sequence[DataVersion]:
        """Return the versions that others took the place of before that moment."""
        others = [version for version in self.all() if version is not self._current[version.county_id]]
        return [version for version in others if self._replaced_at(version) < before]

    def _replaced_at(self, version: DataVersion) -> datetime:
        of_county = (other for other in self._versions.values() if other.county_id == version.county_id)
        later = (other.created_at for other in of_county if other.created_at > version.created_at)
        return min(later, default=version.created_at)

    def forget(self, version: DataVersion) -> None:
        """Forget a version."""
        del self._versions[version.county_id, version.data_version]

    def current_of(self, county_id: str) -> str | None:
        """Name a county's current version; None for a county that is not loaded."""
        version = self._current.get(county_id)
        return version.data_version if version else None

    async def current(self, of: Seen = None) -> Sequence[DataVersion]:
        """Return each known county's current data version."""
        return [self._current[county_id] for county_id in sorted(self._current) if of is None or county_id in of]

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""
        return self._versions.get((county_id, data_version))

    async def history(self, county_id: str, *, limit: int) -> Sequence[DataVersion]:
        """Return a county's data versions, newest first."""
        found = [version for (county, _), version in self._versions.items() if county == county_id]
        return sorted(found, key=lambda version: version.created_at, reverse=True)[:limit]
