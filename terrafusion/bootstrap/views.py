"""What the views are handed."""

from __future__ import annotations

from terrafusion.adapters.columns import SnapshotColumns
from terrafusion.adapters.objects import ResultDocuments
from terrafusion.bootstrap.node import Node
from terrafusion.bootstrap.shared import Shared
from terrafusion.bootstrap.usecases import UseCases
from terrafusion.web.deps import WebDeps


def web_deps(shared: Shared, cases: UseCases, node: Node) -> WebDeps:
    """Return the ports and use cases behind the views."""
    stores, cache = shared.stores, shared.settings.data_dir / "cache"
    return WebDeps(
        store=stores.jobs,
        history=stores.jobs,
        counties=stores.counties,
        columns=SnapshotColumns(shared.objects, cache),
        workers=node.observing.workers,
        rates=node.observing.rates,
        group=node.observing.dealt,
        live=node.live,
        documents=ResultDocuments(shared.objects, cache),
        catalogue=shared.catalogue,
        submit=cases.accept.submit,
        commands=cases.commands,
        bulk=cases.bulk,
        pauses=shared.pauses,
        room=cases.room,
        waiting=cases.waiting,
        health=node.health,
        registry=shared.metrics.registry,
        log=stores.log,
        door=node.door,
        letters=stores.letters,
        office=cases.office,
    )
