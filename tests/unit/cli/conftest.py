"""The command line, put together once: a process does that when it starts, and here each command is one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import typer.main

from terrafusion import cli


@pytest.fixture(scope="package", autouse=True)
def put_together() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cli, "build", cache(cli.build))
        patched.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield
