"""Analyses that behave badly on purpose, for workers under test: named in ``ANALYSIS_MODULES``."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
from pydantic import BaseModel, ConfigDict

from terrafusion.analysis.api import Analysis, Answer, Progress, Records
from terrafusion.errors import Unavailable

STEPS_A_SECOND = 50
CRASH_CODE = 7
KNOWN_S = 0.3
"""By then the pool knows who has a job: of a child that dies before, it knows no job to blame, and another child takes it."""


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Seconds(Asked):
    seconds: float = 0.0


class Marked(Asked):
    marker: str
    """A file that holds one byte for each time it was run."""


def sleepy(_records: Records, asked: Seconds, progress: Progress) -> Answer:
    steps = max(1, int(asked.seconds * STEPS_A_SECOND))
    for step in range(1, steps + 1):
        time.sleep(asked.seconds / steps)
        progress(step / steps, f"Slept {step} of {steps}")
    return Answer(summary={"slept_s": asked.seconds, "child": os.getpid()})


def _crash() -> NoReturn:
    time.sleep(KNOWN_S)
    os._exit(CRASH_CODE)


def crashing(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    _crash()


def flaky(_records: Records, asked: Marked, _progress: Progress) -> Answer:
    """Take its process along the first time, answer the second."""
    if _run_number(asked) == 1:
        _crash()
    return Answer(summary={"survived": True})


def away(_records: Records, asked: Marked, _progress: Progress) -> Answer:
    """Find a service away the first time, answer the second."""
    if _run_number(asked) == 1:
        raise Unavailable("the object store does not answer")
    return Answer(summary={"came_back": True})


def _run_number(asked: Marked) -> int:
    with Path(asked.marker).open("ab") as file:
        file.write(b"x")
        return file.tell()


def hungry(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    return Answer(summary={"bytes": len(bytearray(1 << 62))})


def raising(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    raise ZeroDivisionError("a mistake in an analysis, with a \0 in it")


def quitting(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    sys.exit("an analysis that wants to end its process")


def unstorable(_records: Records, _asked: Asked, _progress: Progress) -> Answer:
    return Answer(summary={"text": "a \0 that Postgres does not take"})


def tabled(records: Records, asked: Seconds, _progress: Progress) -> Answer:
    """Answer with a small file, so that there is one to check."""
    time.sleep(asked.seconds)
    table = records.sales.select("sale_id", "sale_price").sort("sale_id").head(20).collect()
    total = table.select(pl.col("sale_price").sum()).item()
    return Answer(summary={"total": total}, trends=table, table=table)


def beside(records: Records, _asked: Asked, _progress: Progress) -> Answer:
    """Tell how many records of each kind are at hand; None where there is no frame."""
    frames = {"sales": records.sales, "properties": records.properties, "listings": records.listings}
    counts = {kind: None if frame is None else frame.collect().height for kind, frame in frames.items()}
    return Answer(summary=counts)


def _named(name: str, parameters: type[BaseModel], compute: Any) -> Analysis[Any]:
    return Analysis(name=name, question=f"Is a {name} analysis borne?", parameters=parameters, compute=compute)


ANALYSES = (
    _named("sleepy", Seconds, sleepy),
    _named("crashing", Asked, crashing),
    _named("flaky", Marked, flaky),
    _named("away", Marked, away),
    _named("hungry", Asked, hungry),
    _named("raising", Asked, raising),
    _named("quitting", Asked, quitting),
    _named("unstorable", Asked, unstorable),
    _named("tabled", Seconds, tabled),
    _named("only_sales", Asked, beside),
    replace(_named("beside", Asked, beside), needs=("sale_price", "properties.land_value"), uses=("listings",)),
)
