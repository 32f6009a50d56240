"""`python -m tests.browser.measure`: what the web app costs: its load, and how soon a large account is open."""

import sys
import time

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.city import fill
from tests.browser.conftest import FLAGS
from tests.browser.visitor import Visitor
from tests.services.programs import CHROMIUM
from tests.services.sixin import SixinServer

ROUNDS = 3


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<58}{figure}\n")


def _visit(page: Page, url: str, visitor: Visitor) -> None:
    visitor.begin()
    page.goto(url)
    expect(page.get_by_role("button", name="Enter as").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def _loads(browser: Browser, server: SixinServer) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        visitor = Visitor(page)
        for visit in ("first visit", "second visit"):
            _visit(page, server.url, visitor)
            took = f"{visitor.asked_over_the_wire} requests, {visitor.load.wire_bytes / 1000:.0f} kB on the wire"
            _say(visit, took)


def _opened(page: Page, total: int) -> None:
    page.wait_for_function("(title) => document.title === title", arg=f"({total}) 私信 Sixin", polling=10)
    page.wait_for_function("() => document.querySelectorAll('.contact').length > 5", polling=10)


def _times_to_open(browser: Browser, server: SixinServer, total: int) -> None:
    cold, warm, tasks = [], [], []
    for _ in range(ROUNDS):
        with browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-US") as context:
            page = context.new_page()
            visitor = Visitor(page)
            page.goto(server.url)
            door = page.get_by_role("button", name="Enter as").first
            expect(door).to_be_visible()
            began = time.perf_counter()
            door.click()
            _opened(page, total)
            cold.append(time.perf_counter() - began)
            page.wait_for_timeout(2_000)  # the rest is being kept
            tasks.append(visitor.longest_task_ms())
            began = time.perf_counter()
            page.reload(wait_until="commit")
            _opened(page, total)
            warm.append(time.perf_counter() - began)
            tasks.append(visitor.longest_task_ms())
    _say("10,000 conversations, new device: click to exact total", f"{min(cold):.2f} … {max(cold):.2f} s")
    _say("10,000 conversations, again: reload to exact total", f"{min(warm):.2f} … {max(warm):.2f} s")
    _say("longest task of the page's thread meanwhile", f"{max(tasks):.0f} ms")


def main() -> None:
    """Measure, and print."""
    chromium = CHROMIUM.find()
    assert chromium is not None, "no Chromium here: make services"
    server = SixinServer()
    total = fill(server.folder)
    with server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        _say("Chromium", browser.version)
        _loads(browser, server)
        _times_to_open(browser, server, total)
        browser.close()


if __name__ == "__main__":
    main()
