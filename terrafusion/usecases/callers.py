"""Who asks: known by the secret they show, and to everything that is done for them.

Of whom something is done stands in a context variable for as long as it lasts, as a trace does. What reads or changes
anything is handed `caller` when it is put together, as it is handed a clock; where nobody was named, it raises.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Final

from models.access import NEEDS, OF_ALL, STRANGER, Action, Caller, Deed, Role, Token
from terrafusion.errors import NotAllowed, Unavailable
from terrafusion.ports.access import Holders

TOKEN: Final = "tfm_"  # noqa: S105 - the beginning of each
SESSION: Final = "tfs_"
RANDOM_BYTES: Final = 32
WELL_FORMED: Final = re.compile(r"tf[ms]_[A-Za-z0-9_-]{43}")
KNOWN_FOR_S: Final = 4.0
"""A token that is revoked works no longer than this."""
KNOWN_AT_MOST_S: Final = 600.0
"""While the store is away: nobody can revoke a token then, either."""
MOST_KNOWN: Final = 10_000
MOST_TOLD: Final = 500
"""Characters of a text in an entry of the audit log."""


def new_secret(kind: str) -> str:
    """Make a secret of 256 random bits."""
    return kind + token_urlsafe(RANDOM_BYTES)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret: at this much chance nobody can try all there are, so no slow hash is needed."""
    return sha256(secret.encode()).digest()


class KnownHolders:
    """Who holds which secret, as it stood seconds ago, so that a request costs no query."""

    def __init__(self, holders: Holders, *, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._holders = holders
        self._monotonic = monotonic
        self._now = now
        self._known: OrderedDict[bytes, tuple[Token, float]] = OrderedDict()

    async def find(self, secret: str) -> Caller | None:
        """Return whose secret this is; None where it is nobody's. Raises Unavailable."""
        return (await self.find_all([secret])).get(secret)

    async def find_all(self, secrets: Collection[str]) -> Mapping[str, Caller]:
        """Do so for many with one query; who is absent is nobody."""
        digests = {secret: digest_of(secret) for secret in secrets if WELL_FORMED.fullmatch(secret)}
        known = self._known_for(digests.values(), KNOWN_FOR_S)
        if missing := set(digests.values()) - known.keys():
            known |= await self._looked_up(missing)
        return {secret: known[digest].caller for secret, digest in digests.items() if digest in known}

    def has_known(self, secret: str) -> bool:
        """Say whether it was somebody's when it was last asked about."""
        return digest_of(secret) in self._known

    def forget(self, secret: str) -> None:
        """Ask again about a secret the next time."""
        self._known.pop(digest_of(secret), None)

    def _known_for(self, digests: Collection[bytes], seconds: float) -> dict[bytes, Token]:
        since = self._monotonic() - seconds
        found = ((digest, *self._known.get(digest, (None, 0.0))) for digest in digests)
        return {digest: token for digest, token, looked_at in found if token and looked_at > since}

    async def _looked_up(self, digests: Collection[bytes]) -> dict[bytes, Token]:
        try:
            found = await self._holders.holders(digests)
        except Unavailable:
            known = self._known_for(digests, KNOWN_AT_MOST_S)
            in_force = {digest: token for digest, token in known.items() if not token.has_expired(self._now())}
            if len(in_force) < len(digests):
                raise
            return in_force
        self._remember(digests, found)
        return dict(found)

    def _remember(self, digests: Collection[bytes], found: Mapping[bytes, Token]) -> None:
        for digest in digests:
            self._known.pop(digest, None)
        self._known |= {digest: (token, self._monotonic()) for digest, token in found.items()}
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


async def _always() -> bool:
    return True


@dataclass(slots=True)
class Call:
    """Something that is done for somebody: for whom, whether they may still, and what the audit log is to tell of it."""

    caller: Caller
    may_still: Callable[[], Awaitable[bool]] = _always
    deed: Deed | None = None
    """As it is known before it is done; None of what nobody is told."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What was learnt while it was done."""
    is_told: bool = False
    """Whether the audit log has it, written with the change itself."""


_CALL: Final[ContextVar[Call]] = ContextVar("call")


@contextmanager
def called(call: Call) -> Iterator[Call]:
    """Have everything in the block be done for somebody."""
    before = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(before)


def call() -> Call:
    """Return what is being done; raises LookupError where nobody was named."""
    return _CALL.get()


def caller() -> Caller:
    """Return for whom; raises LookupError where nobody was named: nothing is shown by mistake."""
    return _CALL.get().caller


def caller_shown() -> Caller:
    """Return for whom, as far as a page is to tell it."""
    made = _CALL.get(None)
    return made.caller if made else STRANGER


def note(**facts: Any) -> None:
    """Have the audit log tell this of what is being done."""
    made = _CALL.get(None)
    if made is not None:
        made.facts |= facts


def deed(**known: Any) -> Deed | None:
    """Return what the audit log is to tell of what is being done, with what is ``known`` of it; None where it is not told."""
    made = _CALL.get(None)
    return replace(made.deed, **known) if made and made.deed else None


def untold() -> Deed | None:
    """Return it unless it was told with an earlier change."""
    made = _CALL.get(None)
    return None if made and made.is_told else deed()


def told() -> None:
    """Say that a change was made, and its deed written with it."""
    made = _CALL.get(None)
    if made is not None:
        made.is_told = True


@contextmanager
def about_letter(letter_id: int) -> Iterator[None]:
    """Have the deed in the block be about a dead letter, and told by itself."""
    made = _CALL.get(None)
    if made is None or made.deed is None:
        yield
        return
    own = replace(made, deed=replace(made.deed, letter_id=letter_id), is_told=False)
    try:
        with called(own):
            yield
    finally:
        made.is_told |= own.is_told


def plain(text: str) -> str:
    """Make a text one that can be kept, whatever stands in it, and no longer than an entry needs."""
    return WELL_FORMED.sub("…", text).replace("\0", "\\0").encode(errors="replace").decode()[:MOST_TOLD]


def facts(*names: str) -> dict[str, Any]:
    """Return what was noted of what is being done, as far as it was."""
    made = _CALL.get(None)
    return {name: made.facts[name] for name in names if name in made.facts} if made else {}


def must(who: Caller, action: Action) -> None:
    """Raise NotAllowed unless somebody's role is enough."""
    if not who.may(action):
        needed = f"{NEEDS.get(action) or Role.OPERATOR}{' of all counties' if action in OF_ALL else ''}"
        msg = f"{action} needs the role {needed}; the token {who.name!r} has {who.role}"
        raise NotAllowed(msg, field="role", value=who.role, allowed=needed)
