"""The list of jobs and a job's page: watched, filtered, steered, with and without JavaScript."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from browser.conftest import Visit
from browser.system import System
from playwright.sync_api import Locator, Page, expect

MARK = "window.stayed = true"
STAYED = "window.stayed === true"
LATE = """id => document.body.dispatchEvent(new CustomEvent("htmx:sseBeforeMessage", {
    cancelable: true, detail: {type: "swap", data: `<tr id="job-${id}" hx-swap-oob="morph">`}}))"""
"""Has an event of a job come, and says whether its row would be written anew."""


@pytest.fixture
def batch() -> str:
    """A correlation id that only this test's jobs have."""
    return f"batch {uuid4().hex[:8]}"


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f"#job-{job_id}")


def test_a_job_is_watched_to_its_end_without_a_reload(system: System, page: Page):
    state = page.locator("#now")
    with system.held("sleepy"):
        page.goto(f"/jobs/{system.ask('sleepy')}")
        page.evaluate(MARK)
        expect(state).to_contain_text("pending")
    expect(state).to_contain_text("completed")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.get_by_role("link", name="JSON", exact=True)).to_be_visible()
    assert page.evaluate(STAYED)


def test_rows_move_in_their_place_and_newer_jobs_are_offered(system: System, page: Page, batch: str):
    with system.held("sleepy"):
        first = system.ask("sleepy", correlation_id=batch)
        page.goto(f"/?correlation_id={batch}")
        page.evaluate(MARK)
        expect(row(page, first)).to_contain_text("pending")
        second = system.ask("sleepy", correlation_id=batch)
        expect(page.locator("#newer")).to_contain_text("1 newer job")
        expect(row(page, second)).to_have_count(0)
    expect(row(page, first)).to_contain_text("completed")
    assert page.evaluate(STAYED)
    page.locator("#newer").get_by_role("link").click()
    expect(row(page, second)).to_be_visible()


def test_a_job_is_cancelled_and_asked_again_in_its_row(system: System, page: Page, batch: str):
    job_id = system.ask("sleepy", parameters={"seconds": 200}, correlation_id=batch)
    page.goto(f"/?correlation_id={batch}")
    page.evaluate(MARK)
    row(page, job_id).get_by_role("button", name="Cancel").click()
    expect(row(page, job_id)).to_contain_text("cancelled")
    assert page.evaluate(LATE, job_id) is True
    row(page, job_id).get_by_role("button", name="Retry").click()
    expect(row(page, job_id)).to_contain_text("Asked again as")
    assert page.evaluate(STAYED)
    assert page.evaluate(LATE, job_id) is False
    row(page, job_id).get_by_role("link").nth(1).click()
    expect(page.locator("#whole")).to_contain_text(job_id)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#now")).to_contain_text("cancelled")


def test_filters_are_chips_in_the_address_and_come_back_with_their_place(system: System, visit: Visit, batch: str):
    for seconds in (0, 0.01):
        system.ended(system.ask("sleepy", "lucas_oh", parameters={"seconds": seconds}, correlation_id=batch))
    page = visit(viewport={"width": 1280, "height": 320}).page
    page.goto(f"/?correlation_id={batch}")
    county = page.get_by_label("County", exact=True)
    county.fill("lucas_oh")
    county.press("Enter")
    expect(page).to_have_url(re.compile("county_id=lucas_oh"))
    chips = page.locator(".chips")
    expect(chips.locator(".chip")).to_have_count(2)
    last = page.locator("table.jobs tbody tr").last.get_by_role("link").first
    last.scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("sleepy")
    page.go_back()
    expect(page).to_have_url(re.compile("county_id=lucas_oh"))
    expect(page.get_by_label("County", exact=True)).to_have_value("lucas_oh")
    page.wait_for_function("place => Math.abs(scrollY - place) < 5", arg=place)
    chips.get_by_role("link", name=re.compile("county", re.IGNORECASE)).click()
    expect(chips.locator(".chip")).to_have_count(1)
    assert "county_id" not in page.url


def test_a_list_stands_still_on_demand(system: System, page: Page, batch: str):
    with system.held("sleepy"):
        job_id = system.ask("sleepy", correlation_id=batch)
        page.goto(f"/?correlation_id={batch}")
        expect(row(page, job_id)).to_contain_text("pending")
        page.get_by_role("button", name="Stand still").click()
        expect(page).to_have_url(re.compile("refresh=off"))
    system.ended(job_id)
    expect(row(page, job_id)).to_contain_text("pending")
    page.get_by_role("button", name="Go on").click()
    expect(row(page, job_id)).to_contain_text("completed")


def test_rows_that_came_while_a_list_stood_still_move_as_well(system: System, page: Page, batch: str):
    with system.held("sleepy"):
        first = system.ask("sleepy", correlation_id=batch)
        page.goto(f"/?correlation_id={batch}")
        page.get_by_role("button", name="Stand still").click()
        second = system.ask("sleepy", correlation_id=batch)
        page.get_by_role("button", name="Go on").click()
        expect(row(page, second)).to_contain_text("pending")
    for job_id in (first, second):
        expect(row(page, job_id)).to_contain_text("completed")
    expect(page.locator("#newer")).to_be_empty()


def test_a_page_that_was_opened_standing_still_goes_on(system: System, page: Page, batch: str):
    for path in ("/?correlation_id={batch}", "/jobs/{job_id}?"):
        with system.held("sleepy"):
            job_id = system.ask("sleepy", correlation_id=batch)
            page.goto(path.format(batch=batch, job_id=job_id) + "&refresh=off")
            page.evaluate(MARK)
            shown = row(page, job_id) if path.startswith("/?") else page.locator("#now")
            expect(shown).to_contain_text("pending")
            assert page.locator("#live[sse-connect]").count() == 0
            page.get_by_role("button", name="Go on").click()
            expect(page.locator("#live[sse-connect]")).to_have_count(1)
        expect(shown).to_contain_text("completed")
        assert page.evaluate(STAYED)


def test_many_are_counted_first_then_cancelled(system: System, page: Page, batch: str):
    jobs = [system.ask("sleepy", parameters={"seconds": 200 + n}, correlation_id=batch) for n in range(3)]
    page.goto(f"/?correlation_id={batch}")
    page.get_by_role("link", name="Cancel all of this list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 3 jobs?")
    assert system.web.status(jobs[0])["status"] != "CANCELLED"
    page.get_by_label("Why").fill("a test")
    page.get_by_role("button", name="Cancel 3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 cancelled")
    for job_id in jobs:
        system.ended(job_id, "CANCELLED")


def test_list_and_job_work_without_javascript(system: System, visit: Visit, batch: str):
    job_id = system.ask("sleepy", parameters={"seconds": 200}, correlation_id=batch)
    page = visit(java_script_enabled=False).page
    page.goto(f"/?correlation_id={batch}")
    row(page, job_id).get_by_role("link").first.click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#now")).to_contain_text("cancelled")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#whole")).to_contain_text(job_id)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#now")).to_contain_text("cancelled")
