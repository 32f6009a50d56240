"""10,000 conversations and 100,000 messages: the page stays light, in order, and under the hand.

Nothing here looks at a clock: it counts the rows that exist, compares what stands in them, and asks that no task held
the page's only thread for a second.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.city import EACH, LONG, PEERS, fill
from tests.browser.conftest import Open
from tests.browser.person import Person
from tests.browser.visitor import Visitor
from tests.services.sixin import SixinServer

CONVERSATIONS = len(PEERS) + 1
ROWS_MAX = 40
"""Rows of 68 px in a window of 900 px, and some spare ones above and below."""

MESSAGES_SHOWN_MAX = 300
TASK_MS_MAX = 1_000

LIST, LOG = ".pane .list-box", ".pane .log"


@pytest.fixture
def city() -> Iterator[tuple[SixinServer, int]]:
    """A server with all of it, and how much of that Ann has not read."""
    running = SixinServer()
    unread = fill(running.folder)
    with running:
        yield running, unread


@pytest.mark.timeout(180)  # twenty seconds on two quiet cores
def test_ten_thousand_conversations_open_and_scroll_without_jank(
    city: tuple[SixinServer, int], context_of: Open
) -> None:
    server, unread = city
    page = context_of().new_page()
    visitor = Visitor(page)
    page.goto(server.url)
    page.get_by_role("button", name="Enter as").first.click()
    ann = Person(page, "1001")
    expect(page).to_have_title(f"({unread}) 私信 Sixin", timeout=40_000)
    expect(ann.contacts.first).to_have_attribute("aria-setsize", str(CONVERSATIONS))

    rows, in_order = visitor.scroll(LIST, frames=40, step_px=18_000)
    assert rows <= ROWS_MAX
    assert in_order
    box = ann.pane.get_by_role("listbox")
    box.press("End")
    expect(ann.contacts.last).to_have_attribute("aria-posinset", str(CONVERSATIONS))
    expect(ann.contacts.last).to_contain_text(str(PEERS[0]))
    assert ann.contacts.count() <= ROWS_MAX
    ann.pane.get_by_role("searchbox").fill(str(PEERS[-1]))
    expect(ann.contacts).to_have_count(1)
    expect(ann.contacts).to_contain_text(f"line {EACH}.")
    ann.pane.get_by_role("searchbox").fill("")

    _scroll_back_through_a_long_chat(ann)
    assert visitor.longest_task_ms() < TASK_MS_MAX


def _scroll_back_through_a_long_chat(ann: Person) -> None:
    """Page by page to a message far back: none left out, none twice, and never more than a window of them."""
    ann.open_first_chat()
    before = None
    while before is None or before[0] > LONG - 1_500:
        ann.log.evaluate("(log) => { log.scrollTop = 0; }")
        if before is not None:
            top = f"line {before[0]}."
            expect(ann.log.locator(".message .words").first).not_to_have_text(top)
        lines = _lines(ann)
        assert lines == list(range(lines[0], lines[0] + len(lines))), "each once, and none left out"
        assert len(lines) <= MESSAGES_SHOWN_MAX
        assert before is None or lines[-1] >= before[0] - 1, "nothing between two pages"
        before = lines
    ann.pane.get_by_role("button", name="To the newest").click()
    expect(ann.bubble("Then recall it")).to_be_in_viewport()


def _lines(ann: Person) -> list[int]:
    """The numbers of the long chat's lines that are on the screen's page, from top to bottom."""
    return [int(text.split()[1].rstrip(".")) for text in ann.texts() if text.startswith("line ")]
