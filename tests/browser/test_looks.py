"""What holds for every page: for those who do not see it, in the dark, on a telephone, and by the keyboard alone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Visit
from browser.places import GUARDED, PAGES, RESULTS, Places, furnish
from browser.system import System
from browser.visitor import NARROW
from playwright.sync_api import Page, expect

FIRST_ROWS = {"exclude": [["tbody tr:nth-child(n + 4)"], ["svg.chart circle"], ["svg.chart path"]]}
"""Long tables and charts are looked at where they begin: the rest is more of the same."""
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def places(system: System) -> Places:
    """Pages that have something to show."""
    return furnish(system)


@pytest.mark.parametrize("name", [*PAGES, *RESULTS])
def test_a_page_is_for_everybody(name: str, places: Places, visit: Visit):
    visitor = visit()
    visitor.page.goto(places.address(name))
    hold(visitor.page)
    if name == "unknown":
        visitor.forgive(404)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_page_is_for_everybody(name: str, places: Places, system: System, visit: Visit):
    visitor = visit(system.door.url)
    if name != "login":
        visitor.log_in(system.tokens["olga"])
    visitor.page.goto(places.address(name))
    hold(visitor.page)


def hold(page: Page) -> None:
    """Hold what every page promises: both themes, any width, a title and one first heading."""
    found = Axe().run(page, FIRST_ROWS)
    assert not found.violations_count, found.generate_report()
    page.emulate_media(color_scheme="dark")
    found = Axe().run(page, FIRST_ROWS, CONTRAST)
    assert not found.violations_count, found.generate_report()
    page.set_viewport_size(NARROW)
    assert not page.evaluate(SCROLLS), "the page scrolls sideways"
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.title().endswith(" · TerraFusion")


def test_the_first_stop_of_the_keyboard_skips_to_the_content(page: Page):
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
