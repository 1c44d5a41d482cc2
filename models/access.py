"""Who may do what: actions and the roles they need, the counties a role reaches over, the tokens that carry both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

Counties = frozenset[str] | None
"""The counties somebody may see; None is all of them."""


class Role(StrEnum):
    """What somebody may do; each role includes those before it."""

    VIEWER = "viewer"
    """Reads: jobs, results, events, dead letters, counties."""
    ANALYST = "analyst"
    """Asks, cancels and retries as well."""
    OPERATOR = "operator"
    """May do everything: pauses, dead letters, the audit log."""

    def includes(self, other: Role) -> bool:
        """Say whether this role may do what ``other`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Action(StrEnum):
    """What can be done."""

    READ = "read"
    WATCH = "watch"
    """Reads what tells of all counties at once: the metrics."""
    RUN = "run"
    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    REPLAY = "replay"
    DISCARD = "discard"
    AUDIT = "audit"
    LOGIN = "login"
    LOGOUT = "logout"
    CREATE_TOKEN = "create token"  # noqa: S105 - a name
    REVOKE_TOKEN = "revoke token"  # noqa: S105


NEEDS: Final[Mapping[Action, Role | None]] = {
    Action.READ: Role.VIEWER,
    Action.WATCH: Role.VIEWER,
    Action.RUN: Role.ANALYST,
    Action.CANCEL: Role.ANALYST,
    Action.RETRY: Role.ANALYST,
    Action.PAUSE: Role.OPERATOR,
    Action.RESUME: Role.OPERATOR,
    Action.REPLAY: Role.OPERATOR,
    Action.DISCARD: Role.OPERATOR,
    Action.AUDIT: Role.OPERATOR,
    Action.LOGIN: None,
    Action.LOGOUT: None,
}
"""The role that each action needs; None is open to all. Tokens are made and revoked at the database alone."""

OF_ALL: Final = frozenset({Action.WATCH})
"""What needs a token for all counties."""
TOLD: Final = frozenset(Action) - {Action.READ, Action.WATCH, Action.AUDIT}
"""What is written into the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks for something, what they may do, and of which counties."""

    name: str | None
    """None where nobody is known: access is off."""
    role: Role
    counties: Counties = None
    token_id: int | None = None

    def sees(self, county_id: str) -> bool:
        """Say whether a county is theirs."""
        return self.counties is None or county_id in self.counties

    def may(self, action: Action) -> bool:
        """Say whether their role is enough, and their counties."""
        needed = NEEDS.get(action, Role.OPERATOR)
        reaches = self.counties is None or action not in OF_ALL
        return needed is None or (self.role.includes(needed) and reaches)


ANYBODY: Final = Caller(name=None, role=Role.OPERATOR)
"""Whoever asks where access is off: they may do everything."""

STRANGER: Final = Caller(name=None, role=Role.VIEWER, counties=frozenset())
"""Who is not known where access is on: sees no county."""


def anybody() -> Caller:
    """Name who asks where nobody is told apart."""
    return ANYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token as it is kept: of the secret itself only its digest."""

    name: str
    role: Role
    counties: Counties
    digest: bytes
    days: float | None = None
    """Until it expires; None is never."""
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it may be shown."""

    id: int
    name: str
    role: Role
    counties: Counties
    created_at: datetime
    created_by: str | None = None
    expires_at: datetime | None = None
    """Found by a session, no later than that."""
    revoked_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def caller(self) -> Caller:
        """Who asks with it."""
        return Caller(name=self.name, role=self.role, counties=self.counties, token_id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did or tried, as it is written down."""

    action: Action
    outcome: str
    """`done`, or why not: the kind of error."""
    who: str | None = None
    token_id: int | None = None
    county_id: str | None = None
    job_id: UUID | None = None
    letter_id: int | None = None
    detail: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry(Deed):
    """An entry of the audit log."""

    id: int
    at: datetime
