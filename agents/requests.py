"""Requests from the topic: handed to the intake as they came, and acknowledged by it after the commit."""

from __future__ import annotations

from typing import Any

from agents.records import Put, hand_over


def register(app: Any, topic: Any, put: Put) -> None:
    """Hand over the records of the requests topic."""
    hand_over(app, topic, put, name="requests")
