"""Tokens, sessions and the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Action, AuditEntry, Deed, NewToken, Role, Token
from models.tables import access_sessions as sessions
from models.tables import access_tokens, audit_log
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.telling import AnyRow
from terrafusion.ports.access import DeedFilter

EXACT: Final = ("who", "action", "outcome", "county_id", "job_id")
"""Conditions of a `DeedFilter` that a column must equal."""

_SHOWN: Final = [column for column in access_tokens.c if column is not access_tokens.c.digest]
_IN_FORCE: Final = access_tokens.c.revoked_at.is_(None) & or_(
    access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > func.now()
)


def _held() -> Select[Any]:
    """Look for digests among tokens, and among sessions with their tokens."""
    asked = any_(bindparam("digests", type_=ARRAY(LargeBinary)))
    by_token = select(access_tokens.c.digest.label("found"), *_SHOWN).where(access_tokens.c.digest == asked)
    sooner = func.least(access_tokens.c.expires_at, sessions.c.expires_at).label("expires_at")
    of_session = [sooner if column is access_tokens.c.expires_at else column for column in _SHOWN]
    by_session = (
        select(sessions.c.digest.label("found"), *of_session)
        .join(access_tokens)
        .where(sessions.c.digest == asked, sessions.c.expires_at > func.now())
    )
    both = union_all(by_token.where(_IN_FORCE), by_session.where(_IN_FORCE)).subquery()
    return select(both)


_HELD: Final = _held()
_EXPIRED: Final = delete(sessions).where(sessions.c.expires_at <= func.now())


class PostgresCredentials:
    """Fulfils `terrafusion.ports.access.Credentials`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    async def holders(self, digests: Collection[bytes]) -> Mapping[bytes, Token]:
        """Return the tokens that these digests stand for."""
        async with connected(self._engine) as connection:
            rows = await connection.execute(_HELD, {"digests": list(digests)})
            return {bytes(row.found): _token(row) for row in rows}

    async def create(self, new: NewToken) -> Token:
        """Keep a token."""
        expires = None if new.days is None else func.now() + literal(timedelta(days=new.days))
        write = insert(access_tokens).values(
            name=new.name,
            role=new.role,
            counties=None if new.counties is None else sorted(new.counties),
            digest=new.digest,
            created_by=new.created_by,
            expires_at=expires,
        )
        async with connected(self._engine) as connection:
            return _token((await connection.execute(write.returning(*_SHOWN))).one())

    async def tokens(self) -> Sequence[Token]:
        """Return every token, by id."""
        async with connected(self._engine) as connection:
            return [_token(row) for row in await connection.execute(select(*_SHOWN).order_by(access_tokens.c.id))]

    async def revoke(self, token_id: int) -> Token | None:
        """End a token; its sessions hold no longer than it does."""
        since = func.coalesce(access_tokens.c.revoked_at, func.now())
        end = update(access_tokens).where(access_tokens.c.id == token_id).values(revoked_at=since)
        async with connected(self._engine) as connection:
            row = (await connection.execute(end.returning(*_SHOWN))).one_or_none()
        return _token(row) if row else None

    async def open(self, digest: bytes, *, token_id: int, lasts: timedelta) -> None:
        """Keep a session, and forget those that have expired."""
        until = func.now() + literal(lasts)
        async with connected(self._engine) as connection:
            await connection.execute(_EXPIRED)
            await connection.execute(insert(sessions).values(digest=digest, token_id=token_id, expires_at=until))

    async def close(self, digest: bytes) -> None:
        """End a session."""
        async with connected(self._engine) as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == digest))


class PostgresAuditLog:
    """Fulfils `terrafusion.ports.access.AuditLog`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    async def write(self, deed: Deed) -> None:
        """Add an entry."""
        async with connected(self._engine) as connection:
            await connection.execute(insert(audit_log).values(asdict(deed)))

    async def page(self, wanted: DeedFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries newest first."""
        query = select(audit_log).where(*_conditions(wanted)).order_by(audit_log.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_log.c.id < before)
        async with connected(self._engine) as connection:
            rows = await connection.execute(query)
            return [AuditEntry(**row._asdict() | {"action": Action(row.action)}) for row in rows]


def _conditions(wanted: DeedFilter) -> Iterator[ColumnElement[bool]]:
    for name in EXACT:
        if (value := getattr(wanted, name)) is not None:
            yield audit_log.c[name] == value
    if wanted.counties is not None:
        yield audit_log.c.county_id.in_(sorted(wanted.counties))
    if wanted.since is not None:
        yield audit_log.c.at >= wanted.since
    if wanted.until is not None:
        yield audit_log.c.at < wanted.until


def _token(row: AnyRow) -> Token:
    values = {column.name: getattr(row, column.name) for column in _SHOWN}
    counties = None if row.counties is None else frozenset(row.counties)
    return Token(**values | {"role": Role(row.role), "counties": counties})
