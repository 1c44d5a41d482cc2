"""What workers say of themselves, without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from models.workers import FORGOTTEN_AFTER, SAMPLES_KEPT, LagSample, SeenWorker, WorkerState


class MemoryWorkers:
    """Fulfils `terrafusion.ports.monitoring.Workers`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[WorkerState, datetime, datetime]] = {}
        self._samples: dict[tuple[datetime, str, int], LagSample] = {}

    async def beat(self, state: WorkerState) -> None:
        """Write down how a worker is now."""
        now = self._clock()
        _, started_at, _ = self._seen.get(state.worker_id, (state, now, now))
        self._seen[state.worker_id] = (state, started_at, now)
        self._seen = {name: seen for name, seen in self._seen.items() if seen[2] >= now - FORGOTTEN_AFTER}

    async def all(self) -> Sequence[SeenWorker]:
        """Return every worker."""
        now = self._clock()
        found = [SeenWorker(state, began, seen, now - seen) for state, began, seen in self._seen.values()]
        return sorted(found, key=lambda one: (-one.seen_at.timestamp(), one.state.worker_id))

    async def sample(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Write down how far the group is behind."""
        now = self._clock()
        minute = now.replace(second=0, microsecond=0)
        for (topic, number), lag in lags.items():
            self._samples.setdefault((minute, topic, number), LagSample(minute, topic, number, lag))
        self._samples = {key: one for key, one in self._samples.items() if one.at >= now - SAMPLES_KEPT}

    async def samples(self, *, age: timedelta) -> Sequence[LagSample]:
        """Return the samples that are no older."""
        since = self._clock() - age
        return [self._samples[key] for key in sorted(self._samples) if key[0] >= since]
