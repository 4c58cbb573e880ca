"""One window for the session, and pages of the console opened in it, in English."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.ec2.waiting import pretending
from tests.console.browser import Browser
from tests.running import RunningCloud

SHOTS = os.environ.get("HANEUL_SCREENSHOTS")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def machines() -> Iterator[RunningCloud]:
    """A cloud whose instances and networks are doubles."""
    running = pretending(RunningCloud("--log-level", "warning"), ("machines", "networks")).start()
    yield running
    running.close()


@pytest.fixture(scope="session")
def opened(browser: Browser) -> Callable[[RunningCloud, str], Browser]:
    """opened(cloud, "buckets"): the window, with that page drawn."""

    def open_page(cloud: RunningCloud, page: str) -> Browser:
        browser.open(f"http://localhost:{cloud.port}/_haneul/health")
        browser.run("localStorage.setItem('language', 'en'); sessionStorage.clear();")
        browser.open(f"http://localhost:{cloud.port}/_haneul/console/#{page}")
        browser.wait("return document.querySelector('main section:not([aria-busy])')")
        return browser

    return open_page


@pytest.fixture(autouse=True)
def shot(request: pytest.FixtureRequest) -> Iterator[None]:
    """A picture of how each test left the page, where HANEUL_SCREENSHOTS names a folder."""
    yield
    if SHOTS and "browser" in request.fixturenames:
        request.getfixturevalue("browser").screenshot(Path(SHOTS) / f"{request.node.name}.png")
