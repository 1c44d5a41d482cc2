"""Commands from the topic: handed over as they came, and acknowledged once they are carried out or kept as dead letters."""

from __future__ import annotations

from typing import Any

from agents.records import Put, hand_over


def register(app: Any, topic: Any, put: Put) -> None:
    """Hand over the records of the commands topic."""
    hand_over(app, topic, put, name="commands")
