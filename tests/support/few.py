"""Named in ``ANALYSIS_MODULES``: topics have two partitions, so that few workers are more than are needed, and the watchdog is hasty."""

from __future__ import annotations

from support.scarce import PARTITIONS, PATIENCE_S

from terrafusion.services import watchdog
from topics.catalogue import TOPICS

ANALYSES = ()

for spec in TOPICS:
    object.__setattr__(spec, "partitions", PARTITIONS)
watchdog.PATIENCE_S = PATIENCE_S  # type: ignore[misc]
