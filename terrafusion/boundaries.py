"""Where a process may die between two things that last: each place by name, in the order of a job's life.

Tests kill processes there (`tests/acceptance/test_crash_points.py`); nothing else ever asks to be told.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Boundary(Enum):
    """A boundary; its value says what is done there and what is not."""

    FETCHED = "records of a topic are in hand, nothing is written of them"
    KEEPING_LETTERS = "jobs are written, dead letters of the same records are not"
    LETTERS_KEPT = "dead letters are written, nobody knows"
    ACCEPTED = "a batch is committed, or the half of one that was refused whole, and not acknowledged"
    ACKNOWLEDGED = "records are acknowledged, and the broker not told"
    OFFSETS_COMMITTED = "the broker was told how far was read"
    SUBMITTED = "a request over HTTP is committed, and not answered"
    CARRIED_OUT = "a command is carried out or refused, and not acknowledged"
    CANCELLED = "jobs are cancelled, their workers not woken"
    PAUSED = "a name stands still, another that the command means may not"
    RESUMED = "a name goes on, another that the command means may not"
    CLAIMING = "jobs are given to a worker, uncommitted"
    CLAIMED = "jobs are given to a worker, no child has them"
    DISPATCHING = "jobs are about to be handed to a child"
    CHILD_UP = "a child has begun and has no job"
    BEGUN = "a child has a job and has done nothing"
    ANALYSING = "a child has told how far it is"
    FILE_WRITTEN = "a file lies under a name that nobody reads"
    FILE_NAMED = "a file has its name, its folder is not written through"
    DOCUMENT_STORED = "a result's document is stored, its rows are not"
    RESULT_STORED = "a result is stored, its job still runs"
    COPY_WRITTEN = "a copy for this machine lies under a name that nobody reads"
    ENDED = "how jobs ended is known, and not committed"
    FINISHED_PARTLY = "the completed of a batch are committed, the failed are not"
    FINISHED = "how jobs ended is committed, and not published"
    RENEWED = "leases are renewed, progress is not told"
    BEATEN = "a heartbeat is committed"
    RELEASED = "jobs are handed back, the worker still has them"
    COUNTING_CRASH = "jobs of the dead are moved on, uncommitted"
    CRASH_COUNTED = "a child's death is counted against its job, the worker still has it"
    TAKEN_OVER = "jobs of silent workers are moved on"
    EXPIRED = "waiting jobs are ended by their deadline"
    LEADING = "a worker is the relay, and has read nothing"
    ENTRIES_READ = "entries of the outbox are read, and not published"
    SENT = "events are with the broker, uncommitted"
    PUBLISHED_PARTLY = "the half of a batch that the broker took is published, the other is not"
    PUBLISHED = "events are published, their entries not forgotten"
    FORGOTTEN = "entries are published and forgotten"
    DRAINING = "a worker that stops claims no more"
    DRAINED = "a worker that stops has handed back all, its services still run"
    REPLAYED = "what a dead letter asks is done, the letter is open"
    SETTLED = "a dead letter is marked, nobody was answered"
    REPUBLISHED = "a record that the broker refused is in the outbox again, nobody was answered"
    SNAPSHOT_STORED = "a snapshot is stored, its data version is not there"
    VERSION_WRITTEN = "a county's records and data version are written, uncommitted"
    VERSION_COMMITTED = "a county's data version is there, nobody was told"
    FILES_REMOVED = "files of ended jobs or replaced data are removed, the rows that name them are not"
    JOBS_PURGED = "ended jobs are forgotten, their tombstones in the outbox"
    LETTERS_PURGED = "dead letters are forgotten"
    VERSIONS_PURGED = "replaced data versions are forgotten"
    MIGRATING = "a statement of a migration was run"


_tell: Callable[[Boundary], None] | None = None


def cross(boundary: Boundary) -> None:
    """Say that the process is at a boundary; does nothing unless `tell` was called."""
    if _tell is not None:
        _tell(boundary)


def tell(crossed: Callable[[Boundary], None] | None) -> None:
    """Have ``crossed`` called at each boundary from now on in this process; None ends it."""
    global _tell  # noqa: PLW0603 - one hook a process, and nothing to hand through every layer
    _tell = crossed
