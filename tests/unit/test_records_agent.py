"""What an agent hands over of a record, whatever its producer's clock says."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from agents.records import _acknowledgement, _ownership, _record


def handed(timestamp):
    message = SimpleNamespace(
        topic="t", partition=0, offset=1, timestamp=timestamp, key=None, value=b"{}", headers=None
    )
    return _record(SimpleNamespace(message=message))


@pytest.mark.parametrize("timestamp", [253402300800.0, (2**63 - 1) / 1000, -5.0, -9e15, 0.0, None])
def test_a_clock_beyond_the_calendar_is_its_end(timestamp):
    at = handed(timestamp).timestamp
    assert at in (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def test_any_other_clock_is_believed():
    assert handed(1_795_995_965.811).timestamp == datetime(2026, 11, 29, 23, 46, 5, 811000, tzinfo=UTC)


def test_what_was_dealt_to_another_is_neither_ours_nor_acknowledged():
    acknowledged = []
    app = SimpleNamespace(consumer_generation_id=1)
    event = SimpleNamespace(message=SimpleNamespace(generation_id=1), ack=lambda: acknowledged.append(1))
    is_ours = _ownership(app, event)
    acknowledge = _acknowledgement(event, is_ours)
    acknowledge()
    assert (is_ours(), acknowledged) == (True, [1])
    app.consumer_generation_id = 2
    acknowledge()
    assert (is_ours(), acknowledged) == (False, [1])
