"""What access needs of the outside world: tokens and sessions by their digests, and the audit log."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from models.access import Action, AuditEntry, Counties, Deed, NewToken, Token


class Holders(Protocol):
    """Who holds what: the part of `Credentials` that is asked with every request."""

    async def holders(self, digests: Collection[bytes]) -> Mapping[bytes, Token]:
        """Return the tokens that these digests stand for, of a token or of a session, as far as they are in force."""


class Credentials(Holders, Protocol):
    """Tokens and sessions, by the store's clock. Raises Unavailable where the store cannot be reached."""

    async def create(self, new: NewToken) -> Token:
        """Keep a token."""

    async def tokens(self) -> Sequence[Token]:
        """Return every token, also those no longer in force, by id."""

    async def revoke(self, token_id: int) -> Token | None:
        """End a token and its sessions; one that was revoked before stays as it is. None where there is none."""

    async def open(self, digest: bytes, *, token_id: int, lasts: timedelta) -> None:
        """Keep a session, and forget those that have expired."""

    async def close(self, digest: bytes) -> None:
        """End a session; that there is none is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedFilter:
    """Which entries of the audit log are meant; None is no condition."""

    who: str | None = None
    action: Action | None = None
    outcome: str | None = None
    county_id: str | None = None
    job_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    counties: Counties = None
    """Of these counties; an entry without a county is of none."""


class AuditLog(Protocol):
    """Who did what: entries are added and read, never changed."""

    async def write(self, deed: Deed) -> None:
        """Add an entry, at the store's time."""

    async def page(self, wanted: DeedFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries newest first, those whose id is below ``before``."""
