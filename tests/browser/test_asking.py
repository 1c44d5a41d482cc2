"""The forms that ask: what is wrong stands beside its field, what was typed stays, what is sent becomes one job."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from browser.conftest import Visit
from browser.system import System
from playwright.sync_api import Locator, Page, expect
from support.web import PREFIX

JOB = re.compile(r"/jobs/[0-9a-f-]{36}$")


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[name='{name}']")


def test_what_is_wrong_stands_beside_its_field_then_it_is_sent(visit: Visit):
    visitor = visit()
    page = visitor.page
    page.goto("/")
    page.get_by_role("link", name="Ask", exact=True).click()
    page.get_by_role("link", name="price_trend_by_zip").click()
    smallest = field(page, "parameters.min_sales")
    if not smallest.is_visible():
        page.locator("details", has=smallest).locator("summary").click()
    smallest.fill("many")
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent yet")
    for name in ("county_id", "parameters.min_sales"):
        expect(field(page, name)).to_have_attribute("aria-invalid", "true")
        described = page.locator(f"[id='{field(page, name).get_attribute('aria-describedby')}']")
        expect(described.locator(".error")).to_be_visible()
    expect(field(page, "parameters.min_sales")).to_have_value("many")
    visitor.forgive(422)
    field(page, "county_id").select_option("king_wa")
    field(page, "parameters.min_sales").fill("7")
    field(page, "parameters.min_sales").press("Enter")
    expect(page).to_have_url(JOB)
    expect(page.locator("#whole")).to_contain_text('"min_sales": 7')


def test_an_example_fills_the_form(page: Page):
    page.goto("/ask/ratio_study")
    expect(field(page, "county_id")).to_have_value("")
    page.get_by_role("link", name="Year by year, lucas_oh").click()
    expect(field(page, "county_id")).to_have_value("lucas_oh")
    assert "Nothing was sent" not in page.locator("main").inner_text()


def test_the_same_form_sent_twice_makes_one_job(system: System, page: Page):
    page.goto("/ask/coverage_report?county_id=lucas_oh")
    send = page.get_by_role("button", name="Send the request")
    send.dblclick()
    expect(page).to_have_url(JOB)
    assert len(system.web.get(f"{PREFIX}/list?analysis_type=coverage_report").body["jobs"]) == 1


@pytest.mark.parametrize("visitor", [{}, {"java_script_enabled": False}], ids=["with-script", "without-script"])
def test_a_form_sent_again_after_going_back_makes_one_job(visitor: Mapping[str, bool], visit: Visit):
    page = visit(**visitor).page
    started = field(page, "parameters.start_date")
    page.goto("/ask/equity_study?county_id=lucas_oh")
    started.fill("2014-02-03")
    first = sent(page)
    page.go_back()
    expect(started).to_have_value("2014-02-03")
    assert sent(page) == first
    page.go_back()
    started.fill("2015-02-03")
    assert sent(page) != first
    page.goto("/ask/equity_study?county_id=lucas_oh")
    started.fill("2014-02-03")
    assert sent(page) != first


def sent(page: Page) -> str:
    page.get_by_role("button", name="Send the request").click()
    expect(page).to_have_url(JOB)
    return page.url


def test_it_can_be_asked_again_with_changes(system: System, page: Page):
    job_id = system.ask("price_distribution", "lucas_oh", parameters={"period": "year", "min_sales": 9})
    page.goto(f"/ask/price_distribution?from={job_id}")
    expect(field(page, "county_id")).to_have_value("lucas_oh")
    expect(field(page, "parameters.min_sales")).to_have_value("9")


def test_asking_works_without_javascript_by_the_keyboard_alone(visit: Visit):
    page = visit(java_script_enabled=False).page
    page.goto("/ask/trend_analysis")
    county = field(page, "county_id")
    for _ in range(60):
        page.keyboard.press("Tab")
        if county.evaluate("field => field === document.activeElement"):
            break
    page.keyboard.type("lucas")
    expect(county).to_have_value("lucas_oh")
    field(page, "parameters.start_date").press("Enter")
    expect(page).to_have_url(JOB)


@pytest.mark.parametrize("asked", ["type", "county"])
def test_a_pause_is_told_where_jobs_are_and_ends_by_a_button(asked: str, page: Page):
    field, name = {"county": ("County", "lucas_oh"), "type": ("Analysis type", "equity_study")}[asked]
    page.goto("/pauses")
    form = page.locator(f"section[aria-labelledby=pause-{asked}]")
    form.get_by_label(field).select_option(name)
    form.get_by_label("Why").fill("a reappraisal")
    form.get_by_role("button").click()
    paused = page.get_by_role("table").get_by_role("row", name=f"{asked} {name}")
    expect(paused).to_contain_text("a reappraisal")
    page.goto("/")
    expect(page.get_by_role("list", name="What is paused")).to_contain_text(name)
    page.goto("/pauses")
    paused.get_by_role("button", name="Resume").click()
    expect(paused).to_have_count(0)
