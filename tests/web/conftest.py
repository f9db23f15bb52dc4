"""A real host with the chat page on, a page that is a plain WebSocket client, and a browser."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import playwright.async_api as playwright
import pytest
import pytest_asyncio
from tests.web.pageclient import PageClient

from surfacehost_devkit.hostprocess import HostProcess

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
SETTINGS = """
[defaults]
rate_per_minute = 0
loop_limit = 0
[surfaces.web]
[surfaces.lobby]
plugin = "web"
path = "/lobby"
title = "Lobby"
"""
CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

OpenPage = Callable[..., Awaitable[PageClient]]
Visit = Callable[..., Awaitable[playwright.Page]]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One host for the tests of a module that don't stop it: visitors of their own keep them apart."""
    with HostProcess(tmp_path_factory.mktemp("host"), SETTINGS) as process:
        yield process.wait_ready()


@pytest.fixture
def own_host(tmp_path: Path) -> Iterator[HostProcess]:
    """A host that the test may kill; it keeps its port, as a page expects."""
    process = HostProcess(tmp_path / "host", SETTINGS)
    with process:
        port = process.address.rpartition(":")[2]
        process.configure(f'[web]\nlisten = "127.0.0.1:{port}"\n{SETTINGS}')
        yield process.wait_ready()


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest_asyncio.fixture
async def page(stack: AsyncExitStack) -> OpenPage:
    """Opens a page: a new visitor's, or another one of a visitor by their cookie."""

    async def open_page(host: HostProcess, cookie: str | None = None) -> PageClient:
        return await stack.enter_async_context(PageClient(host.address, cookie))

    return open_page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[playwright.Browser]:
    """Debian's Chromium without a window."""
    async with playwright.async_playwright() as tool:
        playwright.expect.set_options(timeout=20_000)
        browser = await tool.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: playwright.Browser) -> AsyncIterator[Visit]:
    """Opens the page as a new visitor; at the end nothing may have complained in the browser's console."""
    complaints: list[str] = []
    contexts: list[playwright.BrowserContext] = []
    expected: list[str] = []

    async def open_page(address: str, *, may_say: Sequence[str] = (), **options: object) -> playwright.Page:
        context = await browser.new_context(**({"locale": "en-GB"} | options))  # type: ignore[arg-type]  # any option
        contexts.append(context)
        context.set_default_timeout(20_000)
        tab = await context.new_page()
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        expected.extend(may_say)
        await tab.goto(f"{address}/chat/")
        return tab

    yield open_page
    for context in contexts:
        await context.close()
    assert [line for line in complaints if not any(word in line for word in expected)] == []
