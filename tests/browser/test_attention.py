"""What needs attention, dealt with where it is listed; and pages of operators, which renew themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from browser.system import System
from playwright.sync_api import Page, expect

SOON = timedelta(minutes=4)
FRESH = re.compile(r"^Updated (just now|[0-9] s ago)")


def test_a_job_is_asked_again_or_cancelled_in_its_row(system: System, page: Page):
    failed = system.ended(system.ask("FAILING_ANALYSIS_SIM"), "FAILED")
    with system.held("sleepy"):
        late = system.ask("sleepy", deadline=(datetime.now(UTC) + SOON).isoformat())
        page.goto("/attention")
        row = page.locator(f"#job-{failed}")
        row.get_by_role("button", name="Retry").click()
        expect(row).to_contain_text("Asked again as")
        row = page.locator(f"#job-{late}")
        row.get_by_role("button", name="Cancel").click()
        expect(row).to_contain_text("cancelled")


@pytest.mark.parametrize("path", ["/attention", "/workers", "/lag", "/throughput?span=day"])
def test_a_page_renews_itself_until_it_is_told_to_stand_still(path: str, system: System, page: Page):
    page.clock.install()
    page.goto(path)
    age = page.locator("#age")
    page.clock.fast_forward(20_000)
    expect(age).to_have_text(FRESH)
    page.get_by_role("button", name="Stand still").click()
    page.clock.fast_forward(40_000)
    expect(age).to_have_text(re.compile("Stands still, updated 4[0-9] s ago"))
    page.get_by_role("button", name="Go on").click()
    expect(age).to_have_text(FRESH)


ANEW = """() => {
    document.querySelector(live.dataset.refresh).insertAdjacentHTML("beforeend", "<i id=old></i>")
    document.dispatchEvent(new Event("visibilitychange"))
}"""
"""Has a page ask for its part anew, and marks the old one."""


def test_what_was_typed_and_opened_stays_when_a_page_renews_itself(system: System, page: Page):
    job_id = system.ended(system.ask("price_trend_by_zip"))
    page.goto("/")
    text = page.get_by_label("Text")
    text.fill("roll")
    page.evaluate(ANEW)
    expect(page.locator("#old")).to_have_count(0)
    expect(text).to_have_value("roll")
    page.goto(f"/jobs/{job_id}")
    table = page.locator("details.figures").first
    table.locator("summary").click()
    page.evaluate(ANEW)
    expect(page.locator("#old")).to_have_count(0)
    expect(table).to_have_attribute("open", "")
