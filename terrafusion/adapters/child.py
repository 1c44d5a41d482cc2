"""What a child process does: read the snapshot, run the analysis, store the result. One job after another."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
import polars as pl
import structlog

from models.jobs import FailureReason
from terrafusion.adapters.children import resident
from terrafusion.adapters.job_logs import ChildLines
from terrafusion.adapters.objects import Objects, document_location, result_path
from terrafusion.adapters.runs import Full
from terrafusion.analysis.api import Progress, Records
from terrafusion.analysis.document import Rendered, render
from terrafusion.analysis.facts import Facts
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import Catalogue, load_catalogue
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import InvalidParameters, NotFound, SimulatedFailure, Unavailable
from terrafusion.logs import about, configure
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.pool import Outcome, Task
from terrafusion.settings import Settings

PR_SET_PDEATHSIG: Final = 1
TELL_EVERY_S: Final = 0.2
LONGEST_MESSAGE: Final = 1000
SNAPSHOTS_OPEN: Final = 24
FULL: Final = 0.5
"""The share of its memory limit that the jobs before may have left."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Child:
    """What this process was given when it began."""

    catalogue: Catalogue
    objects: Objects
    cache: Path
    progress: Connection
    lines: ChildLines
    most_bytes: float
    """What it may have in memory as it begins a task."""


_child: _Child
_sending = threading.Lock()


def begin(settings: Settings, progress: Connection) -> None:
    """Prepare the process; runs once, before its first job."""
    global _child  # noqa: PLW0603 - a process pool hands nothing else to its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, also on Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler would wait for the library that computes
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    configure(settings)
    objects = Objects.of(settings)
    lines = ChildLines(_send)
    logging.getLogger().addHandler(lines)
    catalogue = load_catalogue(settings.modules)
    most_bytes = resident(os.getpid()) + FULL * (settings.child_memory_gib or inf) * 2**30
    _child = _Child(catalogue, objects, settings.data_dir / "cache", progress, lines, most_bytes)
    cross(Boundary.CHILD_UP)


def _send(told: Any) -> None:
    """Tell the parent something; an analysis may log from a thread of its own."""
    with _sending:
        _child.progress.send(told)


def run_all(tasks: Sequence[Task]) -> list[Outcome]:
    """Run jobs one after another; end the process where those before have left it too full, which is no fault of these."""
    if resident(os.getpid()) > _child.most_bytes:
        _send(Full(os.getpid()))  # by its exit code alone it could be any task that ended it
        os._exit(os.EX_TEMPFAIL)
    return [_run(task) for task in tasks]


def _run(task: Task) -> Outcome:
    cross(Boundary.BEGUN)
    began, began_ns = time.perf_counter(), time.time_ns()
    _child.lines.begin(task.job_id, task.attempt)
    with about(task):
        try:
            stored = _answer(task)
        except BaseException as error:  # noqa: BLE001 - whatever an analysis raises, `SystemExit` too, ends its own job only
            stored = _said(error)
        _child.lines.end()
    return Outcome(seconds=time.perf_counter() - began, began_ns=began_ns, **stored)


def _answer(task: Task) -> dict[str, Any]:
    analysis = _child.catalogue.get(task.analysis_type)
    parameters = _child.catalogue.check(task.analysis_type, task.parameters)
    copies = _copies(task.data, analysis.beside_sales)
    with _waiting_for(copies.values()):
        answer = analysis.answer(_records(task.data, copies), parameters, _teller(task.job_id))
    return _store(task, render(answer))


def _store(task: Task, rendered: Rendered) -> dict[str, Any]:
    told = {"message": "Completed", "result_summary": rendered.document["result_summary"]}
    if rendered.parquet is None:
        return told
    path = result_path(task.county_id, task.analysis_type, task.job_id)
    _child.objects.put_new(document_location(path), orjson.dumps(rendered.document))
    cross(Boundary.DOCUMENT_STORED)
    location = _child.objects.put_new(path, rendered.parquet)
    cross(Boundary.RESULT_STORED)
    return told | {"result_data_location": location, "result_sha256": rendered.sha256}


def _said(error: BaseException) -> dict[str, Any]:
    if isinstance(error, Unavailable):
        return {"message": _storable(f"Waits: {error}"), "retry": True}
    reason = _reason(error)
    if reason is FailureReason.PROCESSING_EXCEPTION:
        log.error("the analysis raised an error", exc_info=error)
    return {
        "message": _storable(f"{type(error).__name__}: {error}"),
        "failure_reason": reason,
    }


def _storable(text: str) -> str:
    """Write a text so that a database can hold it: without U+0000, and without halves of a pair."""
    return text.replace("\0", "\\0").encode(errors="replace").decode()[:LONGEST_MESSAGE]


def _reason(error: BaseException) -> FailureReason:
    if isinstance(error, SimulatedFailure):
        return FailureReason.SIMULATED_FAILURE
    if isinstance(error, InvalidParameters):
        return FailureReason.INVALID_PARAMETERS
    return FailureReason.OUT_OF_MEMORY if isinstance(error, MemoryError) else FailureReason.PROCESSING_EXCEPTION


def _copies(data: DataVersion, beside_sales: Collection[str]) -> Mapping[str, Path]:
    """Return where this machine has the snapshots, by kind."""
    uris = {kind: data.uri(kind) for kind in ("sales", *beside_sales)}
    try:
        return {kind: _child.objects.local_copy(uri, _child.cache) for kind, uri in uris.items() if uri}
    except NotFound as error:  # no fault of the job, which somebody accepted on this data version
        raise Unavailable(str(error)) from error


@contextmanager
def _waiting_for(copies: Collection[Path]) -> Iterator[None]:
    """Have a job wait where a snapshot goes while it is read, and is fetched anew for its next turn."""
    try:
        yield
    except OSError as error:
        if not any(copy.name in str(error) for copy in copies):  # polars shortens paths
            raise
        msg = f"a snapshot cannot be read: {error}"
        raise Unavailable(msg) from error


_scan = lru_cache(maxsize=SNAPSHOTS_OPEN)(pl.scan_parquet)


@lru_cache(maxsize=SNAPSHOTS_OPEN)
def _facts(sales: Path) -> Facts:
    return Facts(_scan(sales))


def _records(data: DataVersion, copies: Mapping[str, Path]) -> Records:
    opened = {kind: _scan(copy) for kind, copy in copies.items()}
    profile = CountyProfile.model_validate(data.profile)
    return Records(data.county_id, data.data_version, profile=profile, kept=_facts(copies["sales"]), **opened)


def _teller(job_id: UUID) -> Progress:
    """Tell the parent how far the job is, not more often than it can use it."""
    told = 0.0

    def tell(fraction: float, doing: str) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TELL_EVERY_S:
            told = now
            _send((job_id, float(fraction), _storable(f"{doing}")[:200]))
            cross(Boundary.ANALYSING)

    return tell


def ready() -> Mapping[str, Any]:
    """Answer that the process is up."""
    return {"analyses": len(_child.catalogue.names)}
