"""The use cases behind the topics and the views."""

from __future__ import annotations

import time
from dataclasses import dataclass

from terrafusion.bootstrap.shared import Shared
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.backpressure import Room
from terrafusion.usecases.bulk import Bulk
from terrafusion.usecases.calls import caller
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.dead_letters import DeadLetterOffice
from terrafusion.usecases.producers import EVERY_PRODUCER, Producers
from terrafusion.usecases.scoped_reads import SeenJobs
from terrafusion.usecases.traces import Traces
from terrafusion.usecases.waiting import Waiting
from terrafusion.web.deps import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What others have done here: by a record, by a request, by a form."""

    accept: Accept
    commands: Commands
    room: Room
    bulk: Bulk
    waiting: Waiting
    office: DeadLetterOffice

    @classmethod
    def of(cls, shared: Shared) -> UseCases:
        """Put them together."""
        producers = Producers(shared.holders) if shared.settings.topic_access == "tokens" else EVERY_PRODUCER
        accept = _accept(shared, producers)
        commands = _commands(shared, producers, accept)
        room = Room(shared.stores.jobs, shared.settings.max_pending, pauses=shared.pauses, monotonic=time.monotonic)
        return cls(
            accept=accept,
            commands=commands,
            room=room,
            bulk=_bulk(shared, commands, room),
            waiting=_waiting(shared),
            office=_office(shared, accept, commands),
        )


def _accept(shared: Shared, producers: Producers) -> Accept:
    return Accept(
        jobs=shared.stores.jobs,
        counties=shared.counties,
        catalogue=shared.catalogue,
        metrics=shared.metrics,
        on_accepted=shared.wake,
        caller=caller,
        producers=producers,
        traces=Traces(shared.tracer),
    )


def _commands(shared: Shared, producers: Producers, accept: Accept) -> Commands:
    return Commands(
        jobs=shared.stores.jobs,
        accept=accept,
        pauses=shared.pauses,
        counties=shared.counties,
        catalogue=shared.catalogue,
        metrics=shared.metrics,
        on_moved=shared.wake,
        now=utc_now,
        caller=caller,
        producers=producers,
    )


def _bulk(shared: Shared, commands: Commands, room: Room) -> Bulk:
    return Bulk(
        jobs=SeenJobs(shared.stores.jobs),
        history=shared.stores.jobs,
        orders=commands,
        room=room,
        now=utc_now,
        monotonic=time.monotonic,
    )


def _waiting(shared: Shared) -> Waiting:
    return Waiting(
        jobs=shared.stores.jobs,
        pauses=shared.pauses,
        max_running_per_county=shared.settings.max_running_per_county,
        now=utc_now,
        monotonic=time.monotonic,
    )


def _office(shared: Shared, accept: Accept, commands: Commands) -> DeadLetterOffice:
    return DeadLetterOffice(
        letters=shared.stores.letters,
        jobs=shared.stores.jobs,
        submit=accept.submit,
        execute=commands.execute,
        metrics=shared.metrics,
        on_told=shared.relay_bell.ring,
        now=utc_now,
        caller=caller,
    )
