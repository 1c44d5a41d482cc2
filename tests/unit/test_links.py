"""Every link of a page leads somewhere: the file is there, and so is the heading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "terrafusion", "tests") for page in (ROOT / folder).rglob("*.md")),
    ]
)
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)


def links(text: str) -> list[str]:
    """Return the targets of a page's links into this repository."""
    found: list[str] = LINK.findall(CODE.sub("", FENCED.sub("", text)))
    return [target for target in found if not re.match(r"\w+:", target)]


def anchors(text: str) -> Iterator[str]:
    """Yield what leads to each heading, as GitHub makes it."""
    seen: Counter[str] = Counter()
    for heading in HEADING.findall(FENCED.sub("", text)):
        shown = re.sub(r"\]\([^)]*\)", "", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        yield f"{slug}-{seen[slug]}" if seen[slug] else slug
        seen[slug] += 1


@cache
def anchors_of(page: Path) -> frozenset[str]:
    return frozenset(anchors(page.read_text()))


def leads(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    to = (page.parent / path).resolve() if path else page
    return to.exists() and (not anchor or anchor in anchors_of(to))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page.read_text()) if not leads(page, target)] == []


def test_there_are_links_to_look_at() -> None:
    found = [target for page in PAGES for target in links(page.read_text())]
    assert len(found) > 100
    assert sum("#" in target for target in found) > 20


def test_a_link_that_leads_nowhere_is_seen() -> None:
    page = ROOT / "docs" / "docker.md"
    assert [leads(page, target) for target in ("http.md", "#backup", "http.md#pages", "backup.md#restore")] == [
        True
    ] * 4
    assert [leads(page, target) for target in ("htp.md", "#bakup", "http.md#page")] == [False] * 3
    assert list(anchors("# A `b_c` & d!\n## Twice\n## Twice\n```\n# none\n```\n")) == ["a-b_c--d", "twice", "twice-1"]
