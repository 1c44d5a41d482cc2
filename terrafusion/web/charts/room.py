"""How much room a chart has: each is drawn for a desk and for a telephone, and the style sheet shows the one that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from terrafusion.web.charts.shapes import Drawing

A_LETTER: Final = 6.6
MOST_NAMES: Final = 200.0

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A width, and the margins at both sides of an axis across."""

    width: float
    left: float
    right: float = 14.0
    top: float = 24.0
    """Above a panel, for its heading."""
    row: float = 22.0
    """The height of a line that has a name."""
    above: float = 0.0
    """Of it, what its name takes where it stands above the line; 0 where it stands at its left."""

    @property
    def end(self) -> float:
        """Where an axis across ends."""
        return self.width - self.right

    def beside(self, names: list[str]) -> float:
        """Return where an axis begins of whose lines these are the names."""
        longest = max(map(len, names), default=0)
        return 8.0 if self.above else min(MOST_NAMES, 24 + A_LETTER * longest)


WIDE: Final = Room(width=760.0, left=64.0)
NARROW: Final = Room(width=300.0, left=50.0, right=12.0, top=38.0, row=36.0, above=14.0)


def in_both(
    draw: Callable[Concatenate[Room, P], Drawing | None],
) -> Callable[P, Drawing | None]:
    """Have a chart drawn for both rooms."""

    @wraps(draw)
    def drawn(*told: P.args, **named: P.kwargs) -> Drawing | None:
        wide = draw(WIDE, *told, **named)
        return wide and replace(wide, narrow=draw(NARROW, *told, **named))

    return drawn
