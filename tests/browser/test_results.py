"""A result: its picture beside its figures, what can be taken away, and how it differs from another."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from browser.system import System
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def results(system: System) -> list[str]:
    """Two trends of one county that differ."""
    jobs = [system.ask("price_trend_by_zip", parameters={"period": period}) for period in ("year", "quarter")]
    return [system.ended(job_id) for job_id in jobs]


def test_the_finding_comes_first_then_a_chart_with_its_figures(results: list[str], page: Page):
    page.goto(f"/jobs/{results[0]}")
    expect(page.locator(".finding")).to_be_visible()
    expect(page.get_by_role("img").first).to_be_visible()
    figures = page.locator("details.figures").first
    expect(figures.get_by_role("table")).to_be_hidden()
    figures.locator("summary").press("Enter")
    expect(figures.get_by_role("table")).to_be_visible()
    page.locator(".groups a").nth(1).click()
    expect(page.locator(".groups [aria-current]")).to_have_count(1)
    assert "group=" in page.url


def test_a_result_is_taken_away_as_it_is(results: list[str], page: Page):
    page.goto(f"/jobs/{results[0]}")
    taken = {kind: taken_away(page, kind) for kind in ("JSON", "CSV", "Parquet")}
    document = json.loads(taken["JSON"].read_text())
    table = pl.read_parquet(taken["Parquet"])
    assert pl.read_csv(taken["CSV"], infer_schema=False).shape == table.shape
    assert document["result_summary"]["key_finding"]
    assert table.height > 0


def taken_away(page: Page, kind: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=kind, exact=True).click()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    return Path(download.value.path())


def test_paper_has_the_finding_and_no_navigation(results: list[str], page: Page):
    page.goto(f"/jobs/{results[0]}")
    page.get_by_role("link", name="To print").click()
    page.emulate_media(media="print")
    expect(page.locator(".finding")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.locator("footer")).to_contain_text(results[0])


def test_two_results_are_compared_in_words(results: list[str], page: Page):
    page.goto(f"/compare?first={results[0]}")
    page.get_by_role("link", name=results[1][:8]).click()
    expect(page.locator(".finding")).to_be_visible()
    parameters = page.get_by_role("region", name="Parameters that differ")
    expect(parameters).to_contain_text("year")
    expect(parameters).to_contain_text("quarter")
