"""A worker's own consumer, looked into: Faust never asks aiokafka how it fares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import faust


class FaustConsumer:
    """Fulfils `terrafusion.services.grouping.OwnConsumer`."""

    def __init__(self, app: faust.App, *, told: Collection[str] = ()) -> None:
        """Take the app, and the topics of which nothing ever has to wait for room."""
        self._app = app
        self._told = told

    def error(self) -> str | None:
        """Say why the consumer has silently stopped; None while it works, or has not begun."""
        thread = getattr(self._app.consumer, "_thread", None)
        if thread is None or self._app.should_stop:
            return None
        if thread._thread is not None and not thread._thread.is_alive():  # noqa: SLF001 - asked for nowhere else
            return "its thread ended"
        return _coordination_error(self._coordinator)

    @property
    def member_id(self) -> str:
        """By what the broker knows it."""
        return getattr(self._coordinator, "member_id", "")

    @property
    def rebalance(self) -> int | None:
        """The number of the rebalance that has not ended here; None while none is under way, or the worker stops."""
        return self._app.rebalancing_count if self._app.rebalancing and not self._app.should_stop else None

    def positions(self) -> Mapping[tuple[str, int], int]:
        """Return the next offset of each partition that is being read, or should be without exception."""
        assignment = getattr(self._subscription, "assignment", None)
        if self._app.rebalancing or assignment is None:
            return {}
        reading = set(getattr(self._app.consumer, "_active_partitions", None) or ())
        told = {tp for tp in assignment.tps if tp.topic in self._told}
        states = {tp: assignment.state_value(tp) for tp in assignment.tps & (reading | told)}
        return {(tp.topic, tp.partition): state.position for tp, state in states.items() if state.has_valid_position}

    def assigned(self) -> Mapping[str, Sequence[int]]:
        """Return by topic the partitions that were dealt to it; none while they are dealt."""
        found: dict[str, list[int]] = {}
        for tp in () if self._app.rebalancing else sorted(self._app.assignor.assigned_actives()):
            found.setdefault(tp.topic, []).append(tp.partition)
        return found

    @property
    def _client(self) -> Any:
        return getattr(getattr(self._app.consumer, "_thread", None), "_consumer", None)

    @property
    def _coordinator(self) -> Any:
        return getattr(self._client, "_coordinator", None)

    @property
    def _subscription(self) -> Any:
        subscriptions = getattr(self._client, "_subscription", None)
        return getattr(subscriptions, "subscription", None)


def _coordination_error(coordinator: Any) -> str | None:
    pending = getattr(coordinator, "_pending_exception", None)
    task = getattr(coordinator, "_coordination_task", None)
    if pending is not None:
        return f"{type(pending).__name__}: {pending}"
    return "its coordination ended" if task is not None and task.done() else None
