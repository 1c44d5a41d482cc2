"""What a drawing is made of. A shape's ``kind`` is its class in the style sheet, its ``text`` what it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Path:
    """A line, or an area."""

    tag: ClassVar[str] = "path"
    kind: str
    d: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A bar or a zone."""

    tag: ClassVar[str] = "rect"
    kind: str
    x: float
    y: float
    width: float
    height: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point."""

    tag: ClassVar[str] = "circle"
    kind: str
    x: float
    y: float
    radius: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line from one point to another."""

    tag: ClassVar[str] = "line"
    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """Words; ``kind`` says how they are aligned: ``start``, ``middle`` or ``end``, or ``panel`` for a heading."""

    tag: ClassVar[str] = "text"
    kind: str
    x: float
    y: float
    text: str


Shape = Path | Box | Dot | Rule | Label


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the legend: the kind of the shapes, and what they are."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A whole picture."""

    title: str
    about: str
    """What is seen, for who does not see it."""
    width: float
    height: float
    shapes: Sequence[Shape]
    legend: Sequence[Key] = ()
    is_map: bool = False
    narrow: Drawing | None = None
    """The same for a narrow screen."""
