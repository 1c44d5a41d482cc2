"""What a forked process is told to do; it may die at any boundary that is armed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import support.crashing  # noqa: F401 - has this process die where that is armed
from sqlalchemy import make_url

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.loading import load
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.cli import main
from terrafusion.cli import purge as purging
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.samples import sample_file
from terrafusion.settings import Settings
from terrafusion.worker import run


def worker() -> None:
    """Be a worker, as the environment says."""
    run(Settings())


def load_sales(county_id: str, rows: int) -> None:
    """Load the first rows of a sample as a county's sales."""
    settings = Settings()
    records = without_repeats(read_records(sample_file("lucas_oh"), SALES)).records.head(rows)
    load(settings.database, Objects(settings.results), county_id, records, kind=SALES)


def migrate_to(url: str, revision: str) -> None:
    """Bring a database to a version of the schema."""
    asyncio.run(migrate(make_url(url), revision))


def purge() -> None:
    """Forget what was kept long enough."""
    asyncio.run(purging._purge(Settings(), dry_run=False))


def copy(folder: str) -> None:
    """Fetch a file of a store that is no folder to this machine."""
    objects = Objects("memory:///")
    objects.local_copy(objects.put_new("a.bin", b"content"), Path(folder))


def command(words: Sequence[str], out: str, code: str) -> None:
    """Be the command `terrafusion`; what it prints and how it ends become files, the second once it has ended."""
    with Path(out).open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
    sys.argv = ["terrafusion", *words]
    try:
        main()
    except SystemExit as end:
        written = Path(f"{code}.written")
        written.write_text(str(end.code or 0))
        written.rename(code)
