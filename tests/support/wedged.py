"""Named in ``ANALYSIS_MODULES``: a worker that does not come to its work, as ``WEDGED`` says how; its guard is in a hurry."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from terrafusion.adapters import guard
from terrafusion.adapters.faust_app import MarketAnalysisApp

HURRY = 50
FOR_EVER_S = 3600
ANALYSES = ()


async def _never(*_: Any) -> None:
    await asyncio.sleep(FOR_EVER_S)


async def _blocked(*_: Any) -> None:
    time.sleep(FOR_EVER_S)  # noqa: ASYNC251 - that is the fault


guard.LOOK_EVERY_S /= HURRY  # type: ignore[misc]
guard.PATIENCE_S /= HURRY  # type: ignore[misc]
match os.environ.get("WEDGED"):
    case "import":
        time.sleep(FOR_EVER_S)
    case "service":
        MarketAnalysisApp.on_start = _never
    case "loop":
        MarketAnalysisApp.on_start = _blocked
