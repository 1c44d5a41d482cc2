"""For whom something is done, and what the audit log is to tell of it.

It stands in a context variable for as long as it lasts, as a trace does. What reads or changes
anything is handed `caller` when it is put together, as it is handed a clock; where nobody was named, it raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final

from models.access import NEEDS, OF_ALL, STRANGER, Action, Caller, Deed, Role
from terrafusion.errors import NotAllowed
from terrafusion.usecases.token_holders import WELL_FORMED

MOST_TOLD: Final = 500
"""Characters of a text in an entry of the audit log."""


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
