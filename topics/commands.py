"""From the bytes of a record to a command: wrapped as a request is, refused as a request is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.messages import Command
from models.records import IncomingRecord
from topics.requests import read_event, read_message, record_id, traceparent_of


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it stood in its record."""

    command: Command
    identity: UUID
    """The same however often the record comes: from its event's source and id, else from its coordinates."""
    traceparent: str | None


def decode(record: IncomingRecord) -> Order:
    """Read a record as a command; who sent the event wants it where the command names nobody.

    Raises MalformedMessage where the bytes are no event at all, InvalidRequest where a field is wrong.
    """
    event = read_event(record)
    source = event.attributes.get("source")
    command = read_command(event.data)
    if command.requested_by is None and source:
        command = command.model_copy(update={"requested_by": source})
    return Order(command, record_id(record, event.attributes), traceparent_of(event.attributes.get("traceparent")))


def read_command(data: Any) -> Command:
    """Check a JSON value against the command model; raises InvalidRequest naming the first wrong field."""
    return read_message(data, Command, "a command")
