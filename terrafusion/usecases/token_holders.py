"""Who holds which secret: what it looks like, what is kept of it, and whose it is, without a query for each request."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from models.access import Caller, Token
from terrafusion.errors import Unavailable
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
