"""An address: what answers there, what that does, and what it takes and answers where machines are told."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiohttp.web import Request, StreamResponse
from pydantic import BaseModel

from models.access import Action
from terrafusion.web.query import NoQuery

View = Callable[[Any, Request], Awaitable[StreamResponse]]
"""A method of one of the classes of views, not bound to any of its objects."""

OPEN: Final = None
"""The action of what is asked by machines before anybody is known, or by who is not known yet."""
JOB_PATH: Final = "{job_id:[^/]+}"
LETTER_PATH: Final = "{letter_id:(?!(?:replay|discard)$)[^/]+}"
"""All but the two that stand for many letters: whoever gets those is told that they take POST."""
PLACE: Final = re.compile(r"\{(\w+)(?::[^}]*)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path; nothing is served that is none."""

    method: Literal["get", "post"]
    path: str
    view: View
    action: Action | None
    """What whoever asks must be allowed to do, by `models.access.NEEDS`; `OPEN` where that is nothing."""

    @property
    def canonical(self) -> str:
        """The path, with the names alone of its places."""
        return PLACE.sub(r"{\1}", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Route):
    """A route that machines are told of, with the names of the schemas of what it takes and answers."""

    name: str
    answers: str = ""
    example: Any = None
    status: int = 200
    media: str = "application/json"
    query: type[BaseModel] = NoQuery
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    """A body that has no required member may be left out."""
    sends: Any = None
    problems: tuple[int, ...] = (400, 503)
