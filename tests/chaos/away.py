"""`make away`: the broker is away for minutes while requests come over HTTP; what workers say and take meanwhile, and what comes after."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path
from threading import Event, Thread

import psutil
from support.rig import Rig, TestedWorker
from support.waiting import until
from support.web import PREFIX

from chaos.run import settings_for, stage
from terrafusion.embedded.kafka import EmbeddedKafka

TRICKLE_S = 0.5
SAMPLE_S = 30.0
FLOWS_WITHIN_S = 300.0
UNTOLD = "SELECT count(*) FROM outbox"
UNFINISHED = "SELECT count(*) FROM market_analysis_jobs WHERE completed_at IS NULL"


class Trickle:
    """Requests over HTTP, one after the other and to each worker in turn; who is asked takes every one of them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._over = Event()
        self.ids: list[str] = []

    def run(self) -> None:
        workers = cycle(self._rig.workers)
        while not self._over.wait(TRICKLE_S):
            reply = next(workers).web.post(f"{PREFIX}/run", {"analysis_type": "noop", "county_id": "king_wa"})
            assert reply.status == 202, reply
            self.ids.append(reply.body["job_id"])

    def stop(self) -> None:
        self._over.set()


@contextmanager
def trickling(rig: Rig) -> Iterator[Trickle]:
    """Have requests come while the block runs."""
    trickle = Trickle(rig)
    thread = Thread(target=trickle.run)
    thread.start()
    try:
        yield trickle
    finally:
        trickle.stop()
        thread.join()


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker takes and has said so far, and how it says that it fares."""

    mb: float
    lines: int
    is_ready: bool
    has_broker: bool


@dataclass(slots=True)
class Seen:
    """What was seen of an outage."""

    ids: Sequence[str]
    samples: Sequence[Mapping[str, Sample]]
    flows_s: float
    """From the broker's start until everything was told."""
    troubles: Sequence[str] = field(default_factory=list)


def sample(worker: TestedWorker) -> Sample:
    """Look at a worker."""
    mb = psutil.Process(worker.pid).memory_info().rss / 2**20
    checks = worker.web.get(f"{PREFIX}/health").body["checks"]
    return Sample(mb, len(worker.log_file.read_bytes().splitlines()), worker.is_ready(), checks["broker"]["ok"])


def outage(rig: Rig, kafka: EmbeddedKafka, *, seconds: float, every_s: float = SAMPLE_S) -> Seen:
    """Kill the broker, start it after so many seconds, and wait until everything is told."""
    pids = [worker.pid for worker in rig.workers]
    with trickling(rig) as trickle:
        samples = [_samples(rig)]
        kafka.kill()
        for _ in range(max(1, round(seconds / every_s))):
            time.sleep(min(every_s, seconds))
            samples.append(_samples(rig))
        kafka.start()
        began = time.monotonic()
        until(lambda: _all_ready(rig), what="every worker is ready again", within=FLOWS_WITHIN_S)
    until(lambda: _told(rig, trickle.ids), what="everything is told", within=FLOWS_WITHIN_S, every=0.2)
    flows = time.monotonic() - began
    return Seen(trickle.ids, [*samples, _samples(rig)], flows, _troubles(rig, pids, trickle.ids))


def _samples(rig: Rig) -> Mapping[str, Sample]:
    return {worker.name: sample(worker) for worker in rig.workers}


def _all_ready(rig: Rig) -> bool:
    return all(worker.is_ready() for worker in rig.workers)


def _told(rig: Rig, ids: Sequence[str]) -> bool:
    return bool(ids) and not rig.database.value(UNFINISHED) + rig.database.value(UNTOLD)


def _troubles(rig: Rig, pids: Sequence[int], ids: Sequence[str]) -> Sequence[str]:
    gone = [f"{worker.name} ended" for worker, pid in zip(rig.workers, pids, strict=True) if worker.pid != pid]
    ends = rig.database.rows(
        "SELECT status, attempt, count(*) AS jobs FROM market_analysis_jobs WHERE job_id = ANY($1::uuid[]) GROUP BY 1, 2",
        ids,
    )
    others = [
        f"{row['jobs']} are {row['status']} after {row['attempt']}" for row in ends if row["status"] != "COMPLETED"
    ]
    missing = len(ids) - sum(row["jobs"] for row in ends)
    return [*gone, *others, *([f"{missing} are missing"] if missing else [])]


def main() -> int:
    """Run, and say what was seen."""
    parser = argparse.ArgumentParser(prog="away", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="away-"))
    print(f"the broker is away for {asked.minutes:g} min; logs in {folder}")
    with stage(folder) as servers:
        rig = Rig(folder, settings_for(folder, servers, "terrafusion"), workers=asked.workers)
        try:
            rig.begin()
            rig.ready(within=FLOWS_WITHIN_S)
            seen = outage(rig, servers.kafka, seconds=60 * asked.minutes)
        finally:
            rig.end()
    _tell(seen)
    return bool(seen.troubles)


def _tell(seen: Seen) -> None:
    for worker in seen.samples[0]:
        taken = [one[worker] for one in seen.samples]
        said = [after.lines - before.lines for before, after in pairwise(taken)]
        print(f"{worker}: MB {' '.join(f'{one.mb:.0f}' for one in taken)}; lines between {' '.join(map(str, said))}")
    print(f"{len(seen.ids)} requests over HTTP; all told {seen.flows_s:.1f} s after the broker's start")
    print("\n".join(seen.troubles) or "nobody ended, nothing was lost")


if __name__ == "__main__":
    sys.exit(main())
