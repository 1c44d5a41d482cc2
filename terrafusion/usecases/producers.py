"""Who puts records on the topics, by the token that each record carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.access import ANYBODY, Caller
from models.records import TOKEN_HEADER, IncomingRecord
from terrafusion.errors import NotAllowed
from terrafusion.usecases.token_holders import KnownHolders


class Producers:
    """Tells producers apart where that is asked for; else a record may ask for anything."""

    def __init__(self, known: KnownHolders | None = None) -> None:
        self._known = known

    async def all(self, records: Sequence[IncomingRecord]) -> Sequence[Caller | NotAllowed]:
        """Return who sent each, or why that does not count. Raises Unavailable."""
        if self._known is None:
            return [ANYBODY] * len(records)
        found = await self._known.find_all({record.token for record in records if record.token})
        return [_sender(record, found.get(record.token or "")) for record in records]

    async def one(self, record: IncomingRecord) -> Caller | NotAllowed:
        """Return who sent a record, or why that does not count. Raises Unavailable."""
        (sender,) = await self.all([record])
        return sender


EVERY_PRODUCER: Final = Producers()
"""Nobody is told apart."""


def _sender(record: IncomingRecord, found: Caller | None) -> Caller | NotAllowed:
    if found is not None:
        return found
    why = "is not known, has expired or was revoked" if record.token else "is missing"
    msg = f"the token in the header {TOKEN_HEADER} {why}; a record must carry one that is in force"
    return NotAllowed(msg, field=TOKEN_HEADER, allowed="a token in force")
