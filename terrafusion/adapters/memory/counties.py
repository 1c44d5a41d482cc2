"""Loaded counties without a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from terrafusion.ports import DataVersion


class MemoryCounties:
    """Fulfils `terrafusion.ports.Counties`."""

    def __init__(self, versions: Iterable[DataVersion] = ()) -> None:
        self._versions: dict[tuple[str, str], DataVersion] = {}
        self._current: dict[str, DataVersion] = {}
        for version in versions:
            self.add(version)

    def add(self, version: DataVersion) -> None:
        """Make a version its county's current one."""
        self._versions[version.county_id, version.data_version] = version
        self._current[version.county_id] = version

    def current_of(self, county_id: str) -> str | None:
        """Name a county's current version; None for a county that is not loaded."""
        version = self._current.get(county_id)
        return version.data_version if version else None

    async def current(self) -> Sequence[DataVersion]:
        """Return each known county's current data version."""
        return [self._current[county_id] for county_id in sorted(self._current)]

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""
        return self._versions.get((county_id, data_version))
