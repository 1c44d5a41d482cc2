"""How often an address may show what is nobody's: bounded in number, in time and in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

MOST: Final = 10
WITHIN_S: Final = 60.0
MOST_ADDRESSES: Final = 10_000
NETWORK_BITS: Final = 64
"""Of an IPv6 address: what one household or office has is a network, not an address."""


class Attempts:
    """Counts failures by address; the address that failed longest ago is forgotten where there are too many."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str | None) -> float:
        """Return for how long the address may try nothing new; 0 where it may."""
        many, since = self._of(_place(address))
        return max(0.0, since + WITHIN_S - self._monotonic()) if many >= MOST else 0.0

    def failed(self, address: str | None) -> None:
        """Count a failure."""
        place = _place(address)
        many, since = self._of(place)
        self._failed[place] = (many + 1, since)
        self._failed.move_to_end(place)
        while len(self._failed) > MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def _of(self, place: str) -> tuple[int, float]:
        """Return how many failures there were since when; a minute after the first they are counted anew."""
        now = self._monotonic()
        many, since = self._failed.get(place, (0, now))
        return (0, now) if now - since >= WITHIN_S else (many, since)


def _place(address: str | None) -> str:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{int(parsed) >> (128 - NETWORK_BITS):x}/{NETWORK_BITS}"
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
