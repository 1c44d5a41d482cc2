"""Tokens, sessions and the audit log without a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from models.access import AuditEntry, Deed, NewToken, Token
from terrafusion.errors import UnstorableData
from terrafusion.ports.access import DeedFilter


class MemoryCredentials:
    """Fulfils `terrafusion.ports.access.Credentials`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tokens: dict[int, Token] = {}
        self._digests: dict[bytes, int] = {}
        self._sessions: dict[bytes, tuple[int, datetime]] = {}

    async def holders(self, digests: Collection[bytes]) -> Mapping[bytes, Token]:
        """Return the tokens that these digests stand for."""
        found = {digest: self._holder(digest) for digest in digests}
        return {digest: token for digest, token in found.items() if token}

    async def create(self, new: NewToken) -> Token:
        """Keep a token."""
        now = self._clock()
        token = Token(
            id=len(self._tokens) + 1,
            name=new.name,
            role=new.role,
            counties=new.counties,
            created_at=now,
            created_by=new.created_by,
            expires_at=None if new.days is None else now + timedelta(days=new.days),
        )
        self._tokens[token.id] = token
        self._digests[new.digest] = token.id
        return token

    async def tokens(self) -> Sequence[Token]:
        """Return every token, by id."""
        return list(self._tokens.values())

    async def revoke(self, token_id: int) -> Token | None:
        """End a token."""
        token = self._tokens.get(token_id)
        if token and token.revoked_at is None:
            self._tokens[token_id] = replace(token, revoked_at=self._clock())
        return self._tokens.get(token_id)

    async def open(self, digest: bytes, *, token_id: int, lasts: timedelta) -> None:
        """Keep a session, and forget those that have expired."""
        now = self._clock()
        self._sessions = {key: kept for key, kept in self._sessions.items() if kept[1] > now}
        self._sessions[digest] = (token_id, now + lasts)

    async def close(self, digest: bytes) -> None:
        """End a session."""
        self._sessions.pop(digest, None)

    def _holder(self, digest: bytes) -> Token | None:
        now = self._clock()
        token_id, until = self._sessions.get(digest, (self._digests.get(digest), None))
        token = self._tokens.get(token_id or 0)
        if token is None or token.revoked_at:
            return None
        ends = [at for at in (token.expires_at, until) if at]
        held = replace(token, expires_at=min(ends, default=None))
        return None if held.has_expired(now) else held


class MemoryAuditLog:
    """Fulfils `terrafusion.ports.access.AuditLog`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._ids = count(1)
        self.entries: list[AuditEntry] = []

    async def write(self, deed: Deed) -> None:
        """Add an entry."""
        self.check(deed)
        self.tell(deed)

    def check(self, deed: Deed | None) -> None:
        """Raise UnstorableData for what a database refuses, before anything is done."""
        if deed and any("\0" in value for value in asdict(deed).values() if isinstance(value, str)):
            msg = f"the entry of {deed.action} holds the character U+0000"
            raise UnstorableData(msg)

    def tell(self, deed: Deed | None, **found: Any) -> None:
        """Add an entry where there is a deed; what it does not name itself is told as it was found."""
        if deed is not None:
            told = asdict(deed)
            told |= {name: value for name, value in found.items() if told[name] is None}
            self.entries.append(AuditEntry(**told, id=next(self._ids), at=self._clock()))

    def forget(self, before: datetime, *, limit: int) -> int:
        """Forget the oldest entries of before that moment; says how many."""
        gone = [entry for entry in self.entries if entry.at < before][:limit]
        self.entries = [entry for entry in self.entries if entry not in gone]
        return len(gone)

    async def page(self, wanted: DeedFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries newest first."""
        found = [e for e in reversed(self.entries) if _matches(e, wanted) and (before is None or e.id < before)]
        return found[:limit]


def _matches(entry: AuditEntry, wanted: DeedFilter) -> bool:
    exact = ("who", "action", "outcome", "county_id", "job_id")
    if any(getattr(wanted, name) not in (None, getattr(entry, name)) for name in exact):
        return False
    if wanted.counties is not None and entry.county_id not in wanted.counties:
        return False
    since, until = wanted.since, wanted.until
    return (since is None or since <= entry.at) and (until is None or entry.at < until)
