"""A real browser over a real server. Pictures of the main views are kept in the folder `SIXIN_PICTURES` names."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.person import Desk
from tests.services.fixtures import found
from tests.services.programs import CHROMIUM
from tests.services.sixin import SixinServer

FLAGS = [
    "--no-sandbox",  # a container has no user namespaces to lend
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A deadline, not a pause: a busy machine may take long, and a test that holds never waits for it.
expect.set_options(timeout=20_000)

Open = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all: a context each keeps the tests apart."""
    chromium = found(CHROMIUM)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)


@pytest.fixture(scope="session")
def house() -> Iterator[SixinServer]:
    """One server for all the tests of this process: starting one takes longer than most of them."""
    with SixinServer() as running:
        yield running


@pytest.fixture
def server(house: SixinServer) -> SixinServer:
    """A server that runs, where two people have already talked: also about what earlier tests had them say."""
    house.start()
    return house


@pytest.fixture
def context_of(browser: Browser) -> Iterator[Open]:
    """Browser profiles, closed at the end. Options as Playwright names them."""
    opened: list[BrowserContext] = []

    def open_context(**options: object) -> BrowserContext:
        sizes = {"width": 1400, "height": 900}
        context = browser.new_context(**{"viewport": sizes, "locale": "en-US", **options})  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        opened.append(context)
        return context

    yield open_context
    for context in opened:
        context.close()


@pytest.fixture
def desk(server: SixinServer, context_of: Open) -> Iterator[Desk]:
    """One page with Ann and Bob side by side. At the end nothing may have gone wrong in it."""
    sitting = Desk(context_of().new_page(), server)
    sitting.sit_down()
    yield sitting
    assert sitting.complaints == []


@pytest.fixture
def keep_picture() -> Callable[[Page, str], None]:
    """Keep a picture where somebody asked for them."""
    folder = os.environ.get("SIXIN_PICTURES")

    def keep(page: Page, name: str) -> None:
        if folder:
            page.wait_for_timeout(400)  # for the picture's sake alone: what moves has come to rest
            page.screenshot(path=Path(folder) / f"{name}.png")

    return keep
