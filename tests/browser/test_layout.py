"""The main views at every width, in both languages: nothing sticks out, overlaps, is cut off, or is too small to hit.

Boxes are compared, not pixels: fonts, and how they are smoothed, differ between machines, so that a comparison of
pictures is either blind or cries wolf. The pictures are for eyes: `SIXIN_PICTURES=folder pytest tests/browser` keeps
them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.services.sixin import SixinServer

Keep = Callable[[Page, str], None]

WIDTHS = (320, 390, 760, 1024, 1400, 2560)
"""The narrowest phone that people still have, a usual one, the seam between the two layouts, a tablet, a laptop, a
large screen."""

HIT_PX_MIN = 24
"""WCAG 2.2, 2.5.8: so large has a thing to be that a finger is to hit."""

FAULTS = (Path(__file__).parent / "faults.js").read_text()
"""What is wrong with the boxes of the page that is shown, each in a sentence."""

PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

SAID: list[dict[str, object]] = [
    {"type": "text", "text": "一句很长的话，" * 20},
    {"type": "text", "text": "https://example.com/" + "long/" * 40},
    {"type": "text", "text": "W" * 200},
    {"type": "text", "text": "🎉🎉🎉"},
    {
        "type": "image",
        "url": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        "width": 4000,
    },
    {
        "type": "file",
        "url": "https://example.com/a",
        "name": "a_very_long_file_name_" * 8 + ".pdf",
        "size_bytes": 10**9,
    },
    {"type": "audio", "url": "https://example.com/a", "duration_ms": 12_000},
    {"type": "video", "url": "https://example.com/a", "duration_ms": 63_000, "size_bytes": 8_800_000},
    {"type": "location", "latitude": 31.2, "longitude": 121.4, "name": "外滩", "address": "上海市黄浦区中山东一路" * 5},
    {"type": "card", "uid": "9223372036854775807", "name": "名字很长的人" * 6},
    {"type": "custom", "kind": "poll", "data": "{}"},
    {"type": "tips", "text": "a tip that is a good deal longer than the line it would like to stand on " * 2},
]


def _say_everything(server: SixinServer) -> None:
    for nth, content in enumerate(SAID):
        for sender, to in (("1001", "1002"), ("1002", "1001")):
            server.call(sender, "send", {"to": to, "seq_id": 70_000 + nth, "content": content})
    said = server.call("1001", "send", {"to": "1002", "seq_id": 70_099, "content": SAID[0]})["message"]
    server.call("1001", "recall", {"session_id": said["session_id"], "msg_id": said["msg_id"]})
    told = server.call("1001", "send", {"to": "1002", "seq_id": 70_097, "content": SAID[2]})["message"]
    for nth, (content, reply_to) in enumerate(((SAID[1], told["msg_id"]), (SAID[3], said["msg_id"]), (SAID[5], "1"))):
        body = {"to": "1001", "seq_id": 70_090 + nth, "content": {**content, "reply_to": reply_to}}
        server.call("1002", "send", body)
    for peer in ("9223372036854775807", "3001"):
        server.call("1001", "send", {"to": peer, "seq_id": 70_100, "content": SAID[2]})
    server.call("1001", "pin", {"to": "3001", "pinned": True})
    server.call("1001", "mute", {"to": "3001", "muted": True})
    server.call("1001", "label", {"to": "3001", "labels": ["W" * 32, "旅行", "third"]})


class Views:
    """Looks at one page, at every width."""

    def __init__(self, page: Page, keep: Keep, suffix: str) -> None:
        self.page = page
        self.found: list[str] = []
        self._keep = keep
        self._suffix = suffix

    def look(self, view: str, widths: tuple[int, ...] = WIDTHS) -> None:
        """At each width: what is wrong with this view."""
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 568 if width == WIDTHS[0] else 900})
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            self.found += [f"{view} {width}: {fault}" for fault in self.page.evaluate(FAULTS, HIT_PX_MIN)]
            self._keep(self.page, f"{view}-{width}-{self._suffix}")


@pytest.fixture
def server() -> Iterator[SixinServer]:
    """One of its own: what is said here is in nobody's way."""
    with SixinServer() as running:
        yield running


@pytest.mark.parametrize(("language", "look"), [("zh", "dark"), ("en", "light")])
def test_nothing_sticks_out_or_overlaps_at_any_width(
    server: SixinServer, context_of: Open, keep_picture: Keep, language: str, look: str
) -> None:
    _say_everything(server)
    page = context_of(color_scheme=look, reduced_motion="reduce").new_page()
    views = Views(page, keep_picture, f"{look}-{language}")
    page.goto(f"{server.url}/?lang={language}")
    expect(page.locator(".door").first).to_be_visible()
    views.look("doors")

    page.set_viewport_size({"width": 390, "height": 844})  # where no chat is opened for one
    desk = Desk(page, server)
    desk.enter()
    ann = Person(page, "1001")
    for person in (desk.ann, desk.bob):
        expect(person.contacts.first).to_be_visible()
    views.look("list", (320, 390, 760))
    page.set_viewport_size({"width": 1400, "height": 900})
    ann.contacts.filter(has_text="1002").or_(ann.contacts.filter(has_text="Bob")).first.click()
    expect(ann.pane.locator(".notice").last).to_be_visible()
    views.look("chat")

    ann.pane.locator(".chat-head .icon-button").last.click()
    expect(page.get_by_role("menu")).to_be_visible()
    views.look("menu", (2560,))
    page.keyboard.press("Escape")
    ann.input.press("Control+ArrowUp")
    expect(ann.pane.locator(".answering")).to_be_visible()
    views.look("reply", (320, 1024))
    ann.input.press("Escape")
    page.set_viewport_size({"width": 320, "height": 568})
    for opens, closes in ((".composer-field .icon-button", ".emoji-panel"), (".composer > .icon-button", ".dialog")):
        ann.pane.locator(opens).first.click()
        expect(page.locator(closes)).to_be_visible()
        views.look(closes[1:], (320,))
        page.keyboard.press("Escape")
        expect(page.locator(closes)).to_have_count(0)

    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".top-button").first.click()
    expect(page.locator(".inspector-head")).to_be_in_viewport()
    expect(page.locator(".inspector td.id").first).to_be_attached()
    views.look("inspector")
    assert views.found == []
