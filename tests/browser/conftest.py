"""A real browser over a real server. Pictures of the main views are kept in the folder `SIXIN_PICTURES` names."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.person import ANN, BOB, Desk
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
    "--host-resolver-rules=MAP chat.test 127.0.0.1",  # this machine, as a browser sees another one
]

# A deadline, not a pause: a busy machine may take long, and a test that holds never waits for it.
expect.set_options(timeout=20_000)

Open = Callable[..., BrowserContext]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all: a context each keeps the tests apart.

    Its driver keeps an event loop running in this process, beside which no asynchronous test can run: so it ends with
    the last test of this folder.
    """
    chromium = found(CHROMIUM)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)


class House:
    """The server of one test after the other, in this process: starting one takes longer than most of them."""

    def __init__(self) -> None:
        self._server: SixinServer | None = None
        self._opened = ExitStack()

    def server(self) -> SixinServer:
        """The last test's server, or a new one where that test did more than talk."""
        if self._server is not None:
            self._server.start()
            if all(_has_only_talked(self._server, uid) for uid in (ANN, BOB)):
                return self._server
            self.close()
        self._server = self._opened.enter_context(SixinServer())
        return self._server

    def close(self) -> None:
        """End it."""
        self._opened.close()


def _has_only_talked(server: SixinServer, uid: str) -> bool:
    """Whether a person's list is as in the beginning: the other one's line, and nothing done to it."""
    contacts = server.call(uid, "pull_contacts", {"after_version": 0})["contacts"]
    return [(one["pinned"], one["muted"], one["status"]) for one in contacts] == [(False, False, "normal")]


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    """Where this process's servers come from."""
    opened = House()
    yield opened
    opened.close()


@pytest.fixture
def server(house: House) -> SixinServer:
    """A server that runs, where two people have already talked: also about what earlier tests had them say."""
    return house.server()


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
