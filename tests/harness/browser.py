"""Debian's Chromium, headless, driven by Playwright: pages that fail a test when the browser complains.

A page collects what a person would see in the developer tools: script errors, violations of the content
security policy, failed and foreign requests. `close` fails when there was any that the test did not
expect. Screenshots stay under artifacts/browser/. The network is off but for the pages' own server, so
nothing from elsewhere can be loaded unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"

DESKTOP = (1280, 860)
PHONE = (390, 844)

Scheme = Literal["light", "dark"]

_SEVERE = {"serious", "critical"}


@dataclass
class Tab:
    """One page in a context of its own, and what the browser complained about."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def visit(self, path: str) -> None:
        """Go there and wait until the page and its scripts are loaded."""
        self.page.goto(self.origin + path, wait_until="load")

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    def expect_complaints(self, *parts: str) -> None:
        """Complaints with one of these parts are the test's purpose."""
        self.expected = parts

    def inaccessible(self) -> list[str]:
        """What axe-core calls serious or critical, one line a finding."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{item['id']}: {item['help']} at {node['target']}"
            for item in found
            if item["impact"] in _SEVERE
            for node in item["nodes"]
        ]

    def overflow_px(self) -> int:
        """How far the page is wider than its window; a person would have to scroll sideways."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def close(self) -> None:
        """Close it, and fail on complaints that were not expected."""
        self.page.context.close()
        unexpected = [text for text in self.complaints if not any(part in text for part in self.expected)]
        assert not unexpected, f"the browser complained: {unexpected}"


OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the session; each tab gets a context of its own."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--no-first-run",
                "--disable-gpu", "--disable-quic", "--hide-scrollbars",
            ],
            chromium_sandbox=os.geteuid() != 0,
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[OpenTab]:
    """`open_tab(origin, size=DESKTOP, scheme="light", javascript=True)`; all are closed and judged
    afterwards.
    """
    tabs: list[Tab] = []

    def open_one(
        origin: str, *, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light", javascript: bool = True
    ) -> Tab:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=javascript,
            has_touch=size[0] < 500,
            timezone_id="UTC",
        )
        tab = Tab(context.new_page(), origin)
        _listen(tab)
        tabs.append(tab)
        return tab

    yield open_one
    for tab in tabs:
        tab.close()


def _listen(tab: Tab) -> None:
    tab.page.on("pageerror", lambda error: tab.complaints.append(f"script error: {error}"))
    tab.page.on(
        "console",
        lambda message: (
            tab.complaints.append(f"console: {message.text}")
            if message.type in {"error", "warning"}
            else None
        ),
    )
    tab.page.on("requestfailed", lambda request: _failed(tab, request))

    def only_own(route: Route) -> None:
        if route.request.url.startswith((tab.origin, "data:", "blob:")):
            route.continue_()
        else:
            tab.complaints.append(f"foreign request: {route.request.url}")
            route.abort()

    tab.page.route("**/*", only_own)


def _failed(tab: Tab, request: Request) -> None:
    if request.failure != "net::ERR_ABORTED":  # a navigation cut it short, which is the test's own doing
        tab.complaints.append(f"request failed: {request.url}: {request.failure}")
