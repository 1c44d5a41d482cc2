"""One system and one Chromium for all that people do; a window of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
from browser.system import System, running
from browser.visitor import Visitor, browsing, chromium
from playwright.sync_api import Browser, Page
from sqlalchemy import make_url

from terrafusion.embedded.postgres import EmbeddedPostgres

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def executable() -> str:
    """Where Chromium is; of the session, so that without one no server is started."""
    found = chromium()
    if found is None:
        pytest.skip("no Chromium is installed: `apt-get install chromium`")
    return found


@pytest.fixture(scope="package")
async def system(
    executable: str, postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """Two ready workers with both sample counties."""
    admin = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    await admin.execute(f"CREATE DATABASE browser TEMPLATE {migrated_template}")
    await admin.close()
    url = make_url(postgres.url).set(database="browser").render_as_string(hide_password=False)
    async with running(tmp_path_factory.mktemp("system"), url) as made:
        yield made


@pytest.fixture(scope="package")
def browser(system: System, executable: str) -> Iterator[Browser]:
    """A Chromium that begins after the system and ends before it: while it runs nothing asynchronous can."""
    with browsing(executable) as made:
        yield made


@pytest.fixture
def visit(system: System, browser: Browser) -> Iterator[Visit]:
    """Open a window on a worker's view, usually of the one that knows nobody; its console must stay silent."""
    visitors: list[Visitor] = []

    def opened(url: str = system.web.url, **options: object) -> Visitor:
        visitors.append(Visitor(browser, url, **options))
        return visitors[-1]

    yield opened
    for visitor in visitors:
        visitor.context.close()
    assert [told for visitor in visitors for told in visitor.complaints] == []


@pytest.fixture
def page(visit: Visit) -> Page:
    """The page of a visitor whom nobody asks anything."""
    return visit().page
