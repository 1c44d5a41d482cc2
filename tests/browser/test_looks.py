"""What holds for every page: for those who do not see it, in the dark, on a telephone, and by the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Visit
from browser.places import GUARDED, PAGES, RESULTS, Places, furnish
from browser.system import System
from browser.visitor import LARGE, NARROW, WIDE, Visitor
from playwright.sync_api import Browser, Page, expect

CONTRAST = {"runOnly": ["color-contrast"]}
ALIKE = """() => {
  const own = ["id", "for", "name", "href", "action", "title", "value", "datetime", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy",
    "r", "d", "width", "height", "points", "transform"]
  const called = element => element.tagName + [...element.attributes].map(({name, value}) =>
    own.includes(name) || /^(data|hx|aria)-/.test(name) ? name : `${name}=${value}`)
  const shape = element => `${called(element)}(${[...element.children].map(shape)})`
  const place = element => element.parentElement ? `${place(element.parentElement)} ${called(element.parentElement)}` : ""
  const seen = new Set()
  for (const element of document.querySelectorAll("tbody tr, li, details, svg *")) {
    if (element.closest("[data-alike]")) continue
    const even = [...element.parentElement.children].indexOf(element) % 2
    const kind = `${place(element)} ${even} ${shape(element)}`
    element.toggleAttribute("data-alike", seen.has(kind))
    seen.add(kind)
  }
}"""
"""Marks rows, entries and shapes that look like one before them in the same place: nothing but words and figures differs."""
IDS = """() => [...document.querySelectorAll("[id]")].map(element => element.id)"""
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
LETTER = 8.5
"""Pixels that a letter of a chart has at least; its font has 11 units."""
CHARTS = """[...document.querySelectorAll("figure svg[viewBox]:not(.swatch)")]
  .filter(chart => chart.checkVisibility())
  .map(chart => [chart.getBoundingClientRect(), chart.viewBox.baseVal.width])
  .map(([box, units]) => ({letter: 11 * box.width / units, right: box.right}))"""


LONG_LINES = """most => [...document.querySelectorAll("main p, main li, main dd, main figcaption")]
  .filter(text => text.checkVisibility() && !text.closest("pre, table"))
  .flatMap(text => [...text.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).flatMap(node => {
    const range = document.createRange()
    range.selectNode(node)
    const letter = parseFloat(getComputedStyle(text).fontSize) / 2
    return [...range.getClientRects()].some(line => line.width > most * letter) ? [node.textContent] : []
  }))"""
"""Texts with a line of more letters, a letter taking about half of its height."""
READABLE = 120
ON_A_LARGE_SCREEN = (
    "jobs",
    "job-failed",
    "attention",
    "ask-form",
    "county",
    "throughput",
    "lag",
    "compared",
    "letter",
    "ratio_study",
)
"""One or two pages of each kind."""


@pytest.fixture(scope="module")
def places(system: System) -> Places:
    """Pages that have something to show."""
    return furnish(system)


@pytest.fixture(scope="module")
def window(system: System, browser: Browser) -> Iterator[Visitor]:
    """One window for all who only look: to open one takes longer than most pages."""
    made = Visitor(browser, system.web.url)
    yield made
    made.context.close()


@pytest.fixture
def looker(window: Visitor) -> Iterator[Visitor]:
    """The window as if it were new; its console must stay silent."""
    window.complaints.clear()
    window.page.emulate_media(color_scheme="light")
    window.page.set_viewport_size(WIDE)
    yield window
    assert window.complaints == []


@pytest.mark.parametrize("name", [*PAGES, *RESULTS])
def test_a_page_is_for_everybody(name: str, places: Places, looker: Visitor):
    looker.page.goto(places.address(name))
    hold(looker.page)
    if name == "unknown":
        looker.forgive(404)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_page_is_for_everybody(name: str, places: Places, system: System, visit: Visit):
    visitor = visit(system.door.url)
    if name != "login":
        visitor.log_in(system.tokens["olga"])
    visitor.page.goto(places.address(name))
    hold(visitor.page)


def hold(page: Page) -> None:
    """Hold what every page promises: both themes, any width, a title, one first heading, and no id twice."""
    clean(page)
    page.emulate_media(color_scheme="dark")
    clean(page, **CONTRAST)
    ids = page.evaluate(IDS)
    assert len(set(ids)) == len(ids)
    page.set_viewport_size(NARROW)
    assert not page.evaluate(SCROLLS), "the page scrolls sideways"
    for chart in page.evaluate(CHARTS):
        assert chart["right"] <= NARROW["width"], "a chart is cut"
        assert chart["letter"] >= LETTER, "a chart cannot be read"
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.title().endswith(" · TerraFusion")


def clean(page: Page, **options: Any) -> None:
    """Ask axe for what it finds wrong, of those that look alike in one."""
    page.evaluate(ALIKE)
    found = Axe().run(page, {"exclude": [["[data-alike]"]]}, {"resultTypes": ["violations"], **options})
    assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize("name", ON_A_LARGE_SCREEN)
def test_a_large_screen_is_filled_and_lines_stay_short_enough_to_read(name: str, places: Places, looker: Visitor):
    page = looker.page
    page.set_viewport_size(LARGE)
    page.goto(places.address(name))
    assert not page.evaluate(SCROLLS), "the page scrolls sideways"
    assert page.evaluate(LONG_LINES, READABLE) == []


@pytest.mark.parametrize("visitor", [{}, {"java_script_enabled": False}], ids=["with-script", "without-script"])
def test_where_it_is_narrow_the_menu_is_opened_and_closed_by_the_keyboard(visitor: Mapping[str, bool], visit: Visit):
    page = visit(viewport=NARROW, **visitor).page
    page.goto("/")
    menu, letters = (
        page.get_by_role("button", name="Menu"),
        page.locator("#pages").get_by_role("link", name="Dead letters"),
    )
    expect(letters).to_be_hidden()
    for key in ("Tab", "Tab", "Tab"):
        page.keyboard.press(key)
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(letters).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(letters).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/ask$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_menu_is_for_everybody(scheme: Literal["light", "dark"], looker: Visitor):
    page = looker.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(NARROW)
    page.goto("/counties")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation", name="Pages of the view")).to_be_visible()
    clean(page)


def test_where_it_is_wide_there_is_no_menu_to_open(page: Page):
    page.goto("/counties")
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Pages of the view").get_by_role("link", name="Ask")).to_be_visible()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(page: Page):
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
