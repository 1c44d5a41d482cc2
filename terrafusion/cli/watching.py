"""A page of jobs that shows itself anew, for somebody who watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from rich.live import Live
from rich.text import Text

from terrafusion.cli import listing
from terrafusion.cli.output import stdout
from terrafusion.errors import InvalidRequest, Unavailable

EVERY_S: Final = 2.0

Page = Mapping[str, Any]


def follow(ask: Callable[[], Page], *, json: bool, sleep: Callable[[float], None] = time.sleep) -> None:
    """Show what ``ask`` returns, again and again until Ctrl-C; raises InvalidRequest where nobody watches."""
    if json or not stdout.is_terminal:
        raise InvalidRequest(
            "--watch shows a picture that moves, to people; without it a program may ask again and again"
        )
    with suppress(KeyboardInterrupt), Live(console=stdout, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_shown(ask), refresh=True)
            sleep(EVERY_S)


def _shown(ask: Callable[[], Page]) -> Text:
    """Tell as many jobs as there are lines; a worker that is away is told in their place, and asked again."""
    try:
        page = ask()
    except Unavailable as error:
        return Text(f"{error}", "red")
    told = [*listing.page_lines(page["jobs"], width=stdout.width)] or ["There is no such job."]
    counts = ", ".join(f"{count} {status}" for status, count in _counted(page).items())
    return Text(
        "\n".join([f"{counts or 'nothing'}; Ctrl-C ends it", *told][: stdout.height]), overflow="crop", no_wrap=True
    )


def _counted(page: Page) -> dict[str, int]:
    found = [job["status"] for job in page["jobs"]]
    return {status: found.count(status) for status in dict.fromkeys(found)}
