"""A job whose snapshot cannot be read now waits; it is not failed for what the machine lacks."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from models.jobs import FailureReason
from terrafusion.adapters import child
from terrafusion.adapters.objects import Objects
from terrafusion.analysis.api import Answer, Progress, Records
from terrafusion.analysis.facts import Facts
from terrafusion.errors import Unavailable
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.pool import Outcome, Task

Compute = Callable[[Records], int]
SALES = 3


def count(records: Records) -> int:
    found: int = records.sales.select(pl.len()).collect().item()
    return found


class Nursery:
    """This process as a child, whose one analysis is a function of the test's."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.objects = Objects("memory:///")
        self.compute: Compute = count
        self.told: list[Any] = []
        written = BytesIO()
        pl.DataFrame({"price": range(SALES)}).write_parquet(written)
        self.uri = self.objects.put_new("snapshots/sales.parquet", written.getvalue())

    def begin(self) -> Any:
        analysis = SimpleNamespace(beside_sales=(), answer=self._answer)
        catalogue = SimpleNamespace(get=lambda _: analysis, check=lambda *_: None)
        lines = SimpleNamespace(begin=lambda *_: None, end=lambda: None)
        progress = SimpleNamespace(send=self.told.append)
        return SimpleNamespace(
            catalogue=catalogue, objects=self.objects, cache=self.cache, lines=lines, progress=progress, most_bytes=inf
        )

    def _answer(self, data: Records, _: Any, tell: Progress) -> Answer:
        self.tell = tell
        return Answer({"n": self.compute(data)})

    def run(self) -> Outcome:
        """Run one job."""
        data = DataVersion(
            county_id="king_wa",
            data_version="v1",
            snapshot_uri=self.uri,
            profile={},
            sales=SALES,
            first_sale=None,
            last_sale=None,
            created_at=datetime.now(UTC),
        )
        [outcome] = child.run_all([Task(uuid4(), "counted", "king_wa", {}, data)])
        return outcome

    def copies(self) -> list[Path]:
        """Return what lies in the cache."""
        return list(self.cache.iterdir())


@pytest.fixture
def nursery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nursery:
    made = Nursery(tmp_path)
    monkeypatch.setattr(child, "_child", made.begin(), raising=False)
    child._scan.cache_clear()
    child._facts.cache_clear()
    return made


def waits(outcome: Outcome, why: str) -> bool:
    return outcome.retry and outcome.failure_reason is None and why in outcome.message


def test_a_cache_that_was_cleared_is_filled_again(nursery: Nursery) -> None:
    assert nursery.run().result_summary == {"n": SALES}
    shutil.rmtree(nursery.cache)
    assert nursery.run().result_summary == {"n": SALES}


def test_a_snapshot_that_each_job_uses_is_not_the_longest_unused(nursery: Nursery) -> None:
    nursery.run()
    [copy] = nursery.copies()
    os.utime(copy, (1, 1))
    nursery.run()
    assert copy.stat().st_mtime > 1


def test_jobs_on_one_snapshot_share_its_facts(nursery: Nursery) -> None:
    seen: list[Facts | None] = []

    def look(records: Records) -> int:
        seen.append(records.kept)
        return 0

    nursery.compute = look
    nursery.run()
    nursery.run()
    assert seen[0] is not None
    assert seen[0] is seen[1]


def test_a_copy_that_goes_while_it_is_read_has_its_job_wait(nursery: Nursery) -> None:
    def cleared(records: Records) -> int:
        shutil.rmtree(nursery.cache)
        return count(records)

    nursery.compute = cleared
    assert waits(nursery.run(), "a snapshot cannot be read")


@pytest.mark.parametrize("text", ["half\0way", "half \ud800 way", b"half way"])
def test_whatever_an_analysis_says_of_itself_can_be_stored(nursery: Nursery, text: Any) -> None:
    def says(_: Records) -> int:
        nursery.tell(0.5, text)
        raise Unavailable(text)

    nursery.compute = says
    outcome = nursery.run()
    [(_, fraction, doing)] = nursery.told
    assert (fraction, outcome.retry) == (0.5, True)
    for stored in (doing, outcome.message):
        assert "half" in stored.encode().decode()
        assert "\0" not in stored


def test_another_file_that_an_analysis_misses_fails_its_job(nursery: Nursery) -> None:
    nursery.compute = lambda _: len(Path("/nowhere/at/all").read_bytes())
    assert nursery.run().failure_reason is FailureReason.PROCESSING_EXCEPTION


def test_a_snapshot_that_is_not_where_it_was_stored_has_its_job_wait(nursery: Nursery) -> None:
    nursery.objects.delete(nursery.uri)
    assert waits(nursery.run(), "There is no file")


def test_a_full_disk_has_its_job_wait_and_keeps_no_half_of_a_copy(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as machine:
        machine.setattr("terrafusion.adapters.objects.cross", full)
        assert waits(nursery.run(), "No space left on device")
    assert nursery.copies() == []
    assert nursery.run().result_summary == {"n": SALES}
