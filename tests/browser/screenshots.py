"""`make screenshots`: every page in light, dark, on a telephone and on a 4K screen, as pictures to look at."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from browser.places import GUARDED, PAGES, RESULTS, Places, furnish
from browser.system import System, running
from browser.visitor import LARGE, NARROW, WIDE, Visitor, browsing, chromium
from playwright.sync_api import Page
from sqlalchemy import make_url

from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.postgres import EmbeddedPostgres

LOOKS = {"light": ("light", WIDE), "dark": ("dark", WIDE), "narrow": ("light", NARROW), "large": ("light", LARGE)}


def main() -> int:
    """Take the pictures and say where they are."""
    asked = _arguments()
    executable = chromium()
    if executable is None:
        sys.stderr.write("No Chromium is installed.\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_taken(Path(folder), executable, asked.folder, asked.only))
    sys.stdout.write(f"{asked.folder}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("only", nargs="*", help="names of pages; all of them without")
    return parser.parse_args()


async def _taken(folder: Path, executable: str, target: Path, only: list[str]) -> None:
    with EmbeddedPostgres(folder / "postgres") as postgres:
        await migrate(make_url(postgres.url))
        async with running(folder, postgres.url) as system:
            places = await asyncio.to_thread(furnish, system)
            await asyncio.to_thread(take, system, places, executable, target, only)


def take(system: System, places: Places, executable: str, target: Path, only: list[str]) -> None:
    """Put a picture of each page and look into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    with browsing(executable) as browser:
        anybody, operator = Visitor(browser, system.web.url), Visitor(browser, system.door.url)
        operator.log_in(system.tokens["olga"])
        addresses = {name: places.address(name) for name in (*PAGES, *RESULTS, *GUARDED)}  # once all results are there
        for name in only or addresses:
            page = (operator if name in GUARDED else anybody).page
            page.goto(addresses[name])
            _pictures(page, target / name)


def _pictures(page: Page, stem: Path) -> None:
    for look, (scheme, size) in LOOKS.items():
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        page.screenshot(path=f"{stem}-{look}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main())
