"""The guarded UPDATE: made from the transition, so that no statement can make a move the table forbids."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ARRAY, Float, Update, Uuid, any_, bindparam, func, null, text, update
from sqlalchemy.sql.elements import ColumnElement

from models.jobs import TERMINAL, JobStatus, Transition
from models.tables import jobs

_SECOND: Final = text("interval '1 second'")
NOW: Final = func.statement_timestamp()
"""When the statement came: a claim may have waited for its turn since its transaction began."""
MOVED: Final = func.greatest(NOW, jobs.c.updated_at)
"""When a row moves: never before its last move, though the clock was set back or the statement waited for the row."""
NAMED: Final = jobs.c.job_id == any_(bindparam("ids", type_=ARRAY(Uuid)))
"""The jobs of ``ids``: one statement however many there are, so that it is planned once and kept."""


def seconds(parameter: str) -> ColumnElement[Any]:
    """Make an interval of a parameter given in seconds."""
    return bindparam(parameter, type_=Float) * _SECOND


def stands(*states: JobStatus) -> ColumnElement[bool]:
    """Guard a row that is found by its id: it stands in one of ``states``.

    Written so that no index on the status serves it: its statistics are always out of date, and the planner would
    walk all rows of a status for each id.
    """
    return jobs.c.status.concat("").in_(sorted(states))


def move(transition: Transition, **values: Any) -> Update:
    """Start an UPDATE that finds only rows the transition may start from, and counts the move in `sequence`."""
    changes = _of_target(transition.target) | values
    return (
        update(jobs)
        .where(stands(*transition.sources))
        .values(status=transition.target, sequence=jobs.c.sequence + 1, updated_at=MOVED, **changes)
    )


def _of_target(target: JobStatus) -> dict[str, Any]:
    if target is JobStatus.RUNNING:
        return {"lease_until": NOW + seconds("lease"), "run_after": null(), "progress": 0}
    gone = {"owner": null(), "lease_until": null()}
    if target in TERMINAL:
        return gone | {"completed_at": MOVED}
    return gone | {"progress": 0}
