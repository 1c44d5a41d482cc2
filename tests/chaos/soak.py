"""`make soak`: a steady load for as long as it is told, and what grows under it; then the checker, metrics among it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from threading import Event, Thread
from typing import Self

import psutil
from support.checker import metrics_agree
from support.world import World

from chaos.plan import HARMLESS, make_plan
from chaos.run import carry_out, stage, system
from chaos.system import System

WARM = 0.25
"""So much of the run is left out of the slopes: caches fill."""
FLAT = 0.05
"""By so much of itself a figure may rise in the last half."""
HELD = {
    "MB": 0,
    "fds": 0,
    "threads": 0,
    "connections": 2,
    "bytes a job": 0,
    "outbox rows": 200,
    "outbox kB": 1024,
    "county_turns kB": 1024,
}
"""Endings of the figures that must be flat, and by how much each may rise whatever it is: a batch of entries more, a vacuum late,
the last connection of each worker's heart, which it opens when two of its statements first meet."""
MINUTE = 60.0
SIZE = "SELECT pg_total_relation_size($1)"
TABLES = ("outbox", "dead_letters", "county_turns")

Sample = Mapping[str, float]


def sample(watched: System) -> Sample:
    """Measure everything that must not grow."""
    taken: dict[str, float] = {}
    for worker in watched.running:
        process = psutil.Process(worker.pid)
        taken[f"{worker.name} MB"] = process.memory_info().rss / 2**20
        taken[f"{worker.name} children MB"] = sum(child.memory_info().rss for child in worker.children()) / 2**20
        taken[f"{worker.name} fds"] = process.num_fds()
        taken[f"{worker.name} threads"] = process.num_threads()
        taken[f"{worker.name} children"] = len(worker.children())
    value = watched.database.value
    taken["connections"] = value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'terrafusion'")
    taken["outbox rows"] = value("SELECT count(*) FROM outbox")
    taken["unfinished"] = value("SELECT count(*) FROM market_analysis_jobs WHERE completed_at IS NULL")
    taken |= {f"{table} kB": value(SIZE, table) / 2**10 for table in TABLES}
    jobs = value("SELECT count(*) FROM market_analysis_jobs")
    taken["jobs"] = jobs
    taken["bytes a job"] = value(SIZE, "market_analysis_jobs") / max(jobs, 1)
    return taken


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return the rise per minute, by least squares."""
    minutes = [at / 60 for at, _ in samples]
    middle, mean = sum(minutes) / len(minutes), sum(value for _, value in samples) / len(samples)
    spread = sum((at - middle) ** 2 for at in minutes)
    return sum((at - middle) * (value - mean) for at, (_, value) in zip(minutes, samples, strict=True)) / (spread or 1)


def low_water(samples: Sequence[tuple[float, Sample]]) -> list[tuple[float, Sample]]:
    """Return the lowest of every figure in each minute: what was deleted piles up until Postgres' vacuum of each minute.

    One look a minute sees it at a height that moves slowly up and down with the distance of the two.
    """
    minutes = [list(taken) for _, taken in groupby(samples, key=lambda one: one[0] // MINUTE)]
    return [
        (taken[0][0], {name: min(values[name] for _, values in taken) for name in taken[0][1]}) for taken in minutes
    ]


def growing(samples: Sequence[tuple[float, Sample]]) -> list[str]:
    """Name what rose by more than it may in the last half of the run, read off the line through it."""
    begin, end = samples[-1][0] / 2, samples[-1][0]
    late = low_water([one for one in samples if one[0] >= begin])
    told = []
    for name, first in late[0][1].items():
        rise = slope([(at, values[name]) for at, values in late]) * (end - begin) / 60
        most = [max(least, FLAT * first) for ending, least in HELD.items() if name.endswith(ending)]
        if most and rise > most[0]:
            told.append(f"{name} rose by {rise:.1f} in the last {(end - begin) / 60:.0f} minutes, from {first:.1f}")
    return told


class Sampler:
    """Samples at a steady pace until it is told to stop, and prints each."""

    def __init__(self, watched: System, every_s: float) -> None:
        self.taken: list[tuple[float, Sample]] = []
        self._watched = watched
        self._every_s = every_s
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take no more: workers that have ended are no low water."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._every_s):
            taken = sample(self._watched)
            self.taken.append((time.monotonic() - began, taken))
            print(f"{self.taken[-1][0]:6.0f} s  " + "  ".join(f"{name} {value:.0f}" for name, value in taken.items()))


def main() -> int:
    """Run, and say what grew and what was broken."""
    asked = _arguments()
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="soak-"))
    print(f"seed {asked.seed}; {asked.rate:g} jobs/s for {asked.minutes:g} min; logs in {folder}")
    jobs = int(asked.rate * asked.minutes * 60)
    plan = make_plan(asked.seed, jobs=jobs, a_second=asked.rate, blows=0, folder=folder, weights=HARMLESS)
    with stage(folder) as servers, system(folder, servers, "soak") as steady:
        steady.begin()
        findings: list[str] = []

        def compare(world: World) -> None:
            sampler.stop()
            findings.extend(metrics_agree(world, steady.metrics()))

        with Sampler(steady, asked.every) as sampler:
            outcome = carry_out(plan, steady, before_end=compare)
    findings += outcome.findings
    _tell(sampler.taken)
    findings += growing(sampler.taken)
    ends = Counter(row["status"] for row in outcome.world.rows.values())
    print(f"{len(plan.messages)} records; at rest {outcome.rest_s:.1f} s after the last; {dict(ends)}")
    for finding in findings[:50]:
        print(f"BROKEN {finding}")
    print(f"{len(findings)} promises broken; seed {asked.seed}")
    return bool(findings)


def _tell(taken: Sequence[tuple[float, Sample]]) -> None:
    warm = [one for one in taken if one[0] >= WARM * taken[-1][0]]
    print("slopes a minute, without the first quarter:")
    for name in warm[0][1]:
        rise = slope([(at, values[name]) for at, values in warm])
        print(f"  {name:24} {warm[0][1][name]:10.1f} → {warm[-1][1][name]:10.1f}   {rise:+.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=200, help="jobs a second")
    parser.add_argument("--every", type=float, default=10, help="seconds between two samples")
    parser.add_argument("--folder", help="where everything is kept; a new temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
