"""Kills the process that comes to an armed boundary, once: named in ``ANALYSIS_MODULES`` of workers under test.

``CRASH_FOLDER`` says where a file lies for each boundary that is armed, named after it, with who is to die in it. Who
renames the file fires, so that of many processes one does, and the one that is started in its place does not.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from multiprocessing import parent_process
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from support.analyses import ANALYSES as BAD

from terrafusion.analysis.api import Analysis, Answer, Progress, Records
from terrafusion.boundaries import Boundary, tell

FOLDER = "CRASH_FOLDER"
LARGE = 5_000_000


class Victim(StrEnum):
    """Who dies at a boundary."""

    SELF = "self"
    PARENT = "parent"


def arm(folder: Path, boundary: Boundary, victim: Victim, *, after: int = 0) -> None:
    """Have the next process that comes to a boundary die there, or have its parent; ``after`` so many that do not."""
    staged = folder / f".{boundary.name}"
    staged.write_text(f"{victim} {after}")
    staged.rename(folder / boundary.name)


def disarm(folder: Path, boundary: Boundary) -> None:
    (folder / boundary.name).unlink(missing_ok=True)


def has_fired(folder: Path, boundary: Boundary) -> bool:
    """Say whether somebody died there since `arm`."""
    return (folder / f"{boundary.name}.fired").exists()


def forget(folder: Path, boundary: Boundary) -> None:
    """Take the mark away, so that it can be armed again."""
    (folder / f"{boundary.name}.fired").unlink(missing_ok=True)


def _fire(boundary: Boundary) -> None:
    armed = Path(os.environ[FOLDER]) / boundary.name
    if not armed.exists() or _is_orphan():
        return
    taken = armed.with_name(f"{boundary.name}.{os.getpid()}")
    try:
        armed.rename(taken)
    except FileNotFoundError:
        return
    victim, after = taken.read_text().split()
    if int(after):
        taken.unlink()
        arm(armed.parent, boundary, Victim(victim), after=int(after) - 1)
        return
    taken.rename(armed.with_name(f"{boundary.name}.fired"))
    os.kill(os.getpid() if victim == Victim.SELF else os.getppid(), signal.SIGKILL)


def _is_orphan() -> bool:
    """Say whether a child's worker died while it began: what is armed now is meant for others."""
    parent = parent_process()
    return parent is not None and parent.pid != os.getppid()


if FOLDER in os.environ:
    tell(_fire)


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def bulky(_records: Records, _asked: Nothing, _progress: Progress) -> Answer:
    """Answer with more than the broker takes in one record."""
    return Answer(summary={"text": "x" * LARGE})


ANALYSES = (*BAD, Analysis(name="bulky", question="Is a bulky answer borne?", parameters=Nothing, compute=bulky))
