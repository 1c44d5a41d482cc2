"""Somebody at a browser, and what the browser complains of meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

PATIENCE_MS = 30_000
"""How long something may take to appear: the machine may be busy."""
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 360, "height": 780}
LARGE = {"width": 3840, "height": 2160}
BROKEN_STREAM = "[object Event]"
"""What htmx logs where an event stream ends, as it does when one leaves its page; the page itself says whether it is connected."""


def chromium() -> str | None:
    """Return where Chromium is; None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def browsing(executable: str) -> Iterator[Browser]:
    """Run one Chromium. While it runs this thread cannot run a loop of its own."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


class Visitor:
    """A browser's window with cookies of its own."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        usual = {"viewport": WIDE, "locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce"}
        self.context = browser.new_context(base_url=url, **{**usual, **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        """Errors of the console: of scripts, of what could not be loaded, of what the policy forbids."""
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = self.context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.text != BROKEN_STREAM:
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    def log_in(self, token: str) -> None:
        """Show a token at the door."""
        self.page.goto("/login")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.locator("#who")).to_be_visible()

    def forgive(self, status: int) -> None:
        """Expect that pages were answered with this status, and forget that the console tells of it."""
        assert any(f"status of {status}" in told for told in self.complaints), self.complaints
        self.complaints = [told for told in self.complaints if f"status of {status}" not in told]
