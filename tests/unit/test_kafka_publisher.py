"""A publish ends in time also where what it waits for hears no cancellation: a transaction waits for its abort."""

from __future__ import annotations

import asyncio

import pytest

from terrafusion.adapters.kafka_publisher import _ABANDONED, _within


async def test_what_does_not_let_itself_be_cancelled_is_left_behind():
    answers = asyncio.Event()

    async def publish():
        try:
            await asyncio.sleep(60)
        finally:
            await answers.wait()  # the broker's, to the abort

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await _within(0.01, publish())
    assert len(_ABANDONED) == 1
    answers.set()
    await asyncio.sleep(0.01)
    assert set() == _ABANDONED


async def test_what_it_raises_is_raised():
    async def publish():
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await _within(5, publish())
