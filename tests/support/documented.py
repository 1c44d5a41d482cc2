"""The commands that the pages tell people to type, as they stand in their blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = {"", "sh", "bash"}
PROGRAM = re.compile(
    r"^(?:\.|\w+=\S*|\.venv/bin/\w+|aws|curl|docker|echo|export|kafka-[\w-]+\.sh|kubectl|make|pg_\w+|pip|rm|sh|terrafusion)(?: |$)"
)
OURS = re.compile(r"(?:^|\(|&& |^[A-Z_]+=\w+ |worker |-- )terrafusion ((?:[^|;&)<>\"']|\"[^\"]*\"|'[^']*')*)")


@dataclass(frozen=True)
class Documented:
    """One command of a page."""

    page: str
    line: str

    @property
    def ours(self) -> list[list[str]]:
        """What `terrafusion` is given by it."""
        return [shlex.split(words, comments=True) for words in OURS.findall(self.line)]


def documented() -> Iterator[Documented]:
    """Yield every command, page by page."""
    for page in PAGES:
        for language, text in _blocks(page.read_text()):
            if language in SHELL:
                yield from (Documented(page.name, line) for line in _lines(text) if PROGRAM.match(line))


def _blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield each fenced block with its language."""
    inside: list[str] | None = None
    language = ""
    for line in page.splitlines():
        fence = line.strip()
        if not fence.startswith("```"):
            if inside is not None:
                inside.append(line)
        elif inside is None:
            inside, language = [], fence.removeprefix("```")
        else:
            yield language, "\n".join(inside)
            inside = None


def _lines(block: str) -> Iterator[str]:
    """Yield whole lines: what is quoted or continued may go over several."""
    begun = ""
    for line in block.replace("\\\n", " ").splitlines():
        begun = f"{begun}\n{line}" if begun else line.strip()
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            continue
        if words:
            yield begun
        begun = ""
