"""What runs together ends together, and says why."""

from __future__ import annotations

import asyncio

import pytest

from terrafusion.embedded.system import _together
from terrafusion.errors import Unavailable


async def _away() -> None:
    raise Unavailable("away")


async def _broken_off() -> None:
    """A connection that is made while Ctrl-C comes tells of it as a failure to connect."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as error:
        raise Unavailable("the connection was closed") from error


async def test_the_first_error_is_raised_by_itself() -> None:
    with pytest.raises(Unavailable):
        await _together(_away(), asyncio.sleep(60))


async def test_what_is_cancelled_is_cancelled_whatever_its_parts_make_of_it() -> None:
    task = asyncio.ensure_future(_together(_broken_off(), asyncio.sleep(60)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
