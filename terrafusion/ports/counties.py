"""Which counties are loaded, and what their snapshots hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from models.access import Counties as Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """One state of a county's records: where its snapshots lie and how the county writes its records."""

    county_id: str
    data_version: str
    snapshot_uri: str
    """Where its sales lie."""
    profile: Mapping[str, Any]
    sales: int
    first_sale: date | None
    last_sale: date | None
    created_at: datetime
    """When it became the current one, the last time that it did."""
    properties: int = 0
    properties_uri: str | None = None
    """None where it has none; likewise of listings."""
    listings: int = 0
    listings_uri: str | None = None

    def uri(self, kind: str) -> str | None:
        """Return where its records of a kind lie."""
        return {"sales": self.snapshot_uri, "properties": self.properties_uri, "listings": self.listings_uri}[kind]

    @property
    def uris(self) -> Sequence[str]:
        """Where all of it lies."""
        return [uri for uri in (self.snapshot_uri, self.properties_uri, self.listings_uri) if uri]


class Counties(Protocol):
    """Which counties are loaded."""

    async def current(self, of: Seen = None) -> Sequence[DataVersion]:
        """Return each known county's current data version, by county_id; of other counties than ``of`` none."""

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""

    async def history(self, county_id: str, *, limit: int) -> Sequence[DataVersion]:
        """Return a county's data versions, newest first."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a snapshot, and in how many of its rows something stands."""

    name: str
    filled: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a snapshot holds."""

    rows: int
    columns: Sequence[Column]


class Columns(Protocol):
    """What snapshots hold, column by column. Raises Unavailable where one cannot be read."""

    async def of(self, location: str) -> Coverage:
        """Look through the snapshot at a location; one that was looked through before costs nothing."""
