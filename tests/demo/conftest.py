"""One real demo, and one real browser that shows its page, for all tests here: starting them is expensive."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.demo.demoprocess import DemoProcess
from tests.demo.visitor import Visitor

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def demo(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo that is up; the test at the end of the file may stop it."""
    assert synapse_cache.exists()
    with DemoProcess(tmp_path_factory.mktemp("demo"), "--port", "0") as demo:
        demo.wait_said("Open http", 90)
        yield demo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console is watched: whatever it complains of fails the test that is running."""
    page = browser.new_page(viewport={"width": 1440, "height": 1180}, locale="en-GB", timezone_id="UTC")
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    # A socket that is lost when the demo ends is no fault of the page.
    assert [one for one in complaints if not re.search(r"WebSocket connection to '\S+' failed", one)] == []


@pytest.fixture(scope="module")
def visitor(demo: DemoProcess, page: Page) -> Visitor:
    page.goto(demo.address)
    return Visitor(page)


if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # /proc tells which processes there are
