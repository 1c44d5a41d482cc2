"""`terrafusion dev`: the whole system in the foreground."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, note

if TYPE_CHECKING:
    from terrafusion.embedded.system import System
    from terrafusion.settings import Settings


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dev)


def dev(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where everything is kept.", show_default="TERRAFUSION_DATA_DIR"),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Of the first worker; 0 takes a free one.", show_default="TERRAFUSION_HTTP_PORT"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")] = 1,
    samples: Annotated[bool, typer.Option(help="Load the sample counties.")] = True,
    json: Json = False,  # noqa: ARG001 - it prints JSON anyway
) -> None:
    """Run the whole system here until Ctrl-C.

    Postgres, Kafka, schema, topics, sample counties and workers. Prints one line of JSON with its addresses when
    it is ready. Ctrl-C or SIGTERM stops all of it; the data stay.
    """
    from terrafusion.embedded.system import Extent, System  # noqa: PLC0415 - slow to import, as all it stands on

    settings = read_settings(data_dir=data_dir, http_port=http_port)
    system = System(settings, Extent(workers=workers, http_port=settings.http_port, samples=samples), note)
    in_foreground(_serve(system))


async def _serve(system: System) -> None:
    async with system.running():
        addresses = system.addresses()
        exported = write_exports(system.settings, addresses["http_url"])
        sys.stdout.write(orjson.dumps(addresses).decode() + "\n")
        sys.stdout.flush()
        note(f"Status page: {addresses['http_url']}/   Logs: {addresses['data_dir']}/*/*.log   Ctrl-C stops all of it.")
        note(f"In another terminal: `. {exported}` points `terrafusion` at it.")
        await system.watch()


def write_exports(settings: Settings, http_url: str) -> Path:
    """Write for a shell to read what tells `terrafusion` of this system, and return the file."""
    from terrafusion.embedded.workers import environment  # noqa: PLC0415

    told = {**environment(settings), "TERRAFUSION_HTTP_PORT": http_url.rpartition(":")[2]}
    file = settings.data_dir / "env"
    file.touch(0o600)
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in told.items()))
    return file


def in_foreground(work: Coroutine[Any, Any, None]) -> bool:
    """Run to the end, or until SIGINT, SIGTERM or the closed terminal cancels it; return whether it came to its end."""

    async def interruptible() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, task.cancel)
        await work

    try:
        asyncio.run(interruptible())
    except asyncio.CancelledError:
        return False
    return True
