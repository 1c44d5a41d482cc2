"""Dead letters: corrected, discarded, and many at once."""

from __future__ import annotations

import json

from browser.system import System
from playwright.sync_api import Page, expect


def test_a_letter_is_corrected_and_becomes_a_job(system: System, page: Page):
    letter = system.spoil(analysis_type="sleepy")
    page.goto("/dead-letters")
    page.get_by_role("link", name=f"{letter}:").click()
    corrected = {"analysis_type": "sleepy", "county_id": "king_wa"}
    page.get_by_label("What should have been sent").fill(json.dumps(corrected))
    page.get_by_role("button", name="Replay corrected").click()
    expect(page.locator(".state .badge")).to_have_text("replayed")
    page.locator(".state").get_by_role("link").click()
    expect(page.locator("#now")).to_contain_text("completed")


def test_a_letter_is_discarded_with_a_reason(system: System, page: Page):
    page.goto(f"/dead-letters/{system.spoil()}")
    discard = page.locator("section[aria-labelledby=discard]")
    discard.get_by_role("button").click()
    expect(discard.get_by_label("Why")).to_be_focused()
    discard.get_by_label("Why").fill("a probe")
    discard.get_by_role("button").click()
    expect(page.locator(".state")).to_contain_text("a probe")
    expect(page.locator(".state .badge")).to_have_text("discarded")


def test_all_of_a_list_are_discarded_once_their_count_is_confirmed(system: System, page: Page):
    for _ in range(2):
        system.spoil(unheard_of=True)
    page.goto("/dead-letters?stage=validate")
    listed = page.locator("table.jobs tbody tr").count()
    page.locator("summary").click()
    discard = page.locator("section[aria-labelledby=discard]")
    discard.get_by_label("Why").fill("probes")
    discard.get_by_role("button", name=f"Discard {listed}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{listed} done, 0 refused")
    page.get_by_role("link", name="To the open dead letters").click()
    page.goto("/dead-letters?stage=validate")
    expect(page.locator("main")).to_contain_text("No dead letter is like that")
