"""One worker process."""

from __future__ import annotations

import sys

import faust

from terrafusion.bootstrap import create_worker
from terrafusion.errors import Misconfigured
from terrafusion.logs import configure
from terrafusion.settings import Settings


def run(settings: Settings) -> None:
    """Run a worker until it is told to stop; exits the process."""
    for name, value in (("DATABASE_URL", settings.database_url), ("KAFKA_BOOTSTRAP", settings.kafka_bootstrap)):
        if value is None:
            msg = f"TERRAFUSION_{name} is not set; a worker needs it"
            raise Misconfigured(msg)
    configure(settings)
    (settings.data_dir / "faust").mkdir(parents=True, exist_ok=True)
    _Process(create_worker(settings).app).execute_from_commandline()


class _Process(faust.Worker):
    """A Faust worker that leaves logging as it was configured, and turns no spinner."""

    def __init__(self, app: faust.App) -> None:
        super().__init__(app, quiet=True, stdout=sys.stderr)
        self.spinner = None

    def _setup_logging(self) -> None:
        pass
