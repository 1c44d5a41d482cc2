"""What one request caused, as spans of one trace. Nothing here needs OpenTelemetry; an adapter hands them to it.

A span's parent is a W3C ``traceparent``, so it may come from another process or another service. Times are nanoseconds
since 1970, as `Tracer.now` tells them.
"""

from __future__ import annotations

from typing import Final, Protocol

Attribute = str | int | float | None


class Span(Protocol):
    """A piece of work that was begun."""

    @property
    def traceparent(self) -> str | None:
        """What the work that it causes names as its parent."""

    def end(self, *, at: int | None = None, error: str | None = None) -> None:
        """Say that it is done, by default now; with ``error`` that it went wrong."""


class Tracer(Protocol):
    """Makes spans."""

    is_on: bool
    """Where it is not, callers spare themselves the work of telling."""

    def now(self) -> int:
        """Return the time by which spans begin and end."""

    def begin(self, name: str, parent: str | None, *, at: int | None = None, **attributes: Attribute) -> Span:
        """Begin a span below ``parent``, or a trace of its own; attributes that are None are left out."""

    def close(self) -> None:
        """Hand over what is still here; it may take seconds."""


class _NoSpan:
    traceparent: str | None = None

    def end(self, *, at: int | None = None, error: str | None = None) -> None:
        pass


class _Untraced:
    is_on = False

    def now(self) -> int:
        return 0

    def begin(self, name: str, parent: str | None, *, at: int | None = None, **attributes: Attribute) -> Span:  # noqa: ARG002
        return _NO_SPAN

    def close(self) -> None:
        pass


_NO_SPAN: Final = _NoSpan()
UNTRACED: Final[Tracer] = _Untraced()
"""Does nothing."""


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace that a ``traceparent`` belongs to, 32 hexadecimal digits."""
    return None if traceparent is None else traceparent.split("-")[1]
