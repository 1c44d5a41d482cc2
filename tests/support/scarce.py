"""What `support.few` makes of a worker, for tests that only want to know."""

from __future__ import annotations

PARTITIONS = 2
PATIENCE_S = 5.0
