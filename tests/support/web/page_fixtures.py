"""Fixtures for tests of the preview page; a module loads them with ``pytest_plugins``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from support.web.browser import ARGUMENTS, CHROMIUM
from support.web.page_daemon import PageDaemon

expect.set_options(timeout=60_000)  # a busy machine may be late


@pytest.fixture
def daemon() -> Iterator[PageDaemon]:
    daemon = PageDaemon()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 850})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, daemon: PageDaemon) -> Iterator[Page]:
    """The open page. At the end it checks: no console error, no request to another server."""
    page = context.new_page()
    complaints = watch_console(page)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(daemon.sink.url)
    expect(page.locator("#blank")).to_be_hidden()
    yield page
    assert complaints == []
    assert requested
    assert [url for url in requested if not url.startswith(daemon.origin + "/")] == []


def watch_console(page: Page) -> list[str]:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
