"""`python -m terrafusion.embedded.learning`: have our Java run Kafka once and remember it (JEP 514).

Each later start then takes less than half of the processor's time; worth its cost where there are many, as in the tests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from terrafusion.embedded.jars import kafka_jars, memory
from terrafusion.embedded.kafka import EmbeddedKafka


class _Learning(EmbeddedKafka):
    """A broker that writes down at its end what Java learned of it."""

    stop_seconds = 120.0

    def __init__(self, folder: Path, learned: Path) -> None:
        super().__init__(folder)
        self._learned = learned

    def _options(self) -> Sequence[str]:
        return (f"-XX:AOTCacheOutput={self._learned}",)


def main() -> None:
    """Learn, unless that was done before; what is half written is never seen."""
    learned = memory(kafka_jars())
    if learned.exists():
        return
    with tempfile.TemporaryDirectory(dir=learned.parent) as work:
        written = Path(work) / learned.name
        with _Learning(Path(work) / "kafka", written):
            pass
        written.rename(learned)


if __name__ == "__main__":
    main()
