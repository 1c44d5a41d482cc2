"""What is told of a topic, by what the broker answers."""

from __future__ import annotations

from typing import Any

import pytest

from terrafusion.adapters.kafka_admin import _differences
from topics.catalogue import STATUS

AS_SAID = tuple((name, value, False, 1, False, []) for name, value in STATUS.config.items())
OTHERWISE = [("cleanup.policy", "delete", False, 1, False, []), *AS_SAID[1:]]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((0, None, 2, STATUS.name, AS_SAID), []),
        ((0, None, 2, STATUS.name, OTHERWISE), ["has cleanup.policy=delete; the catalogue says compact."]),
        ((0, None, 2, STATUS.name, AS_SAID[:2]), ["has delete.retention.ms=None; the catalogue says 86400000."]),
        ((29, "denied", 2, STATUS.name, []), ["TopicAuthorizationFailedError denied"]),
    ],
    ids=["as said", "otherwise", "untold", "not allowed"],
)
def test_what_a_broker_answers(answer: Any, told: list[str]) -> None:
    found = list(_differences(STATUS, STATUS.partitions, answer))
    assert [sentence[-len(end) :] for sentence, end in zip(found, told, strict=True)] == told
    assert all(STATUS.name in sentence for sentence in found)
