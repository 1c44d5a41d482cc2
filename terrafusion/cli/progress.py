"""How a command shows that it is at work: on a terminal as a picture that moves, elsewhere a plain line a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from uuid import UUID

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from terrafusion.cli.output import note, stderr

if TYPE_CHECKING:
    from models.messages import JobStatusChanged

Step = Callable[[str], None]


@contextmanager
def working(first: str) -> Iterator[Step]:
    """Show a step of work and yield what shows the next one; the same step twice is told once."""
    if stderr.is_terminal:
        with stderr.status(first) as status:
            yield status.update
    else:
        yield _line_by_line(first)


def _line_by_line(first: str) -> Step:
    last = ""

    def tell(doing: str) -> None:
        nonlocal last
        if doing != last:
            note(doing)
        last = doing

    tell(first)
    return tell


class Board:
    """Where each job stands: a bar each on a terminal, elsewhere a line for each event."""

    def __init__(self, jobs: Mapping[UUID, str]) -> None:
        self._jobs = jobs
        columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[state]}"))
        self._progress = Progress(*columns, console=stderr) if stderr.is_terminal else None
        self._tasks: dict[UUID, TaskID] = {}

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._tasks = {
                job: self._progress.add_task(label, total=1.0, state="sent") for job, label in self._jobs.items()
            }
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def see(self, event: JobStatusChanged) -> None:
        """Show what a status event tells."""
        state = f"{event.status:<9} {event.progress:4.0%}  {event.message}"
        if self._progress is not None:
            self._progress.update(self._tasks[event.job_id], completed=event.progress, state=state)
        else:
            note(f"{self._jobs[event.job_id]:<28} {state}")
