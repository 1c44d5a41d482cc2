"""Who comes to the worker that asks: one logs in, sees the own county and nothing of another's."""

from __future__ import annotations

import re
import socket

import psutil
import pytest
from browser.conftest import Visit
from browser.system import System
from browser.visitor import Visitor
from playwright.sync_api import expect


@pytest.fixture
def enter(system: System, visit: Visit):
    """Log somebody in who came for an address."""

    def entered(name: str, path: str = "/") -> Visitor:
        visitor = visit(system.door.url)
        visitor.page.goto(path)
        visitor.page.get_by_label("Token").fill(system.tokens[name])
        visitor.page.get_by_role("button", name="Log in").click()
        expect(visitor.page.locator("#who")).to_contain_text(name)
        return visitor

    return entered


def test_a_page_that_needs_a_login_leads_there_and_back(enter):
    page = enter("kim", "/dead-letters?state=discarded").page
    expect(page).to_have_url(re.compile(r"/dead-letters\?state=discarded$"))
    expect(page.locator("#who")).to_have_text("kim, analyst of king_wa")


def test_from_another_machine_without_tls_one_logs_in_and_forms_work(system: System, visit: Visit):
    """There a browser says of a form's page no more than its origin."""
    visitor = visit(f"http://{address_on_the_network()}:{system.door.port}")
    visitor.log_in(system.tokens["kim"])
    job_id = system.ask("sleepy", parameters={"seconds": 200})
    visitor.page.goto(f"/jobs/{job_id}")
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.locator("#now")).to_contain_text("cancelled")
    visitor.page.get_by_role("button", name="Log out").click()
    expect(visitor.page.get_by_label("Token")).to_be_visible()
    visitor.complaints = [told for told in visitor.complaints if "Cross-Origin-Opener-Policy" not in told]  # needs TLS


def address_on_the_network() -> str:
    """Return an address of this machine that is not the loopback's."""
    found = [one.address for of_one in psutil.net_if_addrs().values() for one in of_one if one.family is socket.AF_INET]
    others = [address for address in found if not address.startswith("127.")]
    if not others:
        pytest.skip("this machine is on no network")
    return others[0]


def test_a_token_that_nobody_has_is_refused_in_a_sentence(system: System, visit: Visit):
    visitor = visit(system.door.url)
    visitor.page.goto("/login")
    token = visitor.page.get_by_label("Token")
    token.fill("tfm_wrong")
    token.press("Enter")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    expect(token).to_have_value("")
    visitor.forgive(401)


def test_two_counties_do_not_see_each_other(system: System, enter):
    jobs = {county: system.ask("sleepy", county) for county in ("king_wa", "lucas_oh")}
    for name, own, other in (("kim", "king_wa", "lucas_oh"), ("lou", "lucas_oh", "king_wa")):
        visitor = enter(name)
        expect(visitor.page.locator("table.jobs")).to_contain_text(jobs[own][:8])
        expect(visitor.page.locator("body")).not_to_contain_text(jobs[other][:8])
        expect(visitor.page.locator("main")).not_to_contain_text(other)
        visitor.page.goto(f"/jobs/{jobs[own]}")
        expect(visitor.page.get_by_role("heading", level=1)).to_contain_text(own)
        answer = visitor.page.goto(f"/jobs/{jobs[other]}")
        assert answer is not None
        assert answer.status == 404
        visitor.forgive(404)


def test_only_an_operator_finds_the_audit_log(enter):
    assert enter("kim").page.get_by_role("link", name="Audit log").count() == 0
    page = enter("olga").page
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("table")).to_contain_text("login")


def test_who_logged_out_is_asked_again(enter):
    page = enter("lou").page
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto("/")
    expect(page).to_have_url(re.compile("/login"))
