"""`python -m tests.browser.pictures`: take the pictures of the documents anew, when the look has changed.

As they come they have every colour; `pngquant` or the like makes them a third as large.
"""

import base64

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.person import Desk, Person
from tests.reference.tree import ROOT
from tests.services.programs import CHROMIUM
from tests.services.sixin import SixinServer

FOLDER = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1400, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

OTHERS = [
    "Invoice for October is in the folder.",
    "收到，谢谢！",
    "👍",
    "The build is green again.",
    "明天十点开会",
    "See you at the station",
    "周末去爬山吗？",
]
TALK = [
    ("1001", "今晚一起吃饭？ Dinner tonight? 🍜"),
    ("1002", "好啊！七点，老地方。"),
    ("1001", "And the plan: https://example.com/plan"),
    ("1002", "看到了，周末我也有空。"),
    ("1001", "太好了 🎉"),
    ("1002", "I will bring the maps."),
]

REPLY = 1
"""This line of the talk answers the first."""


def _furnish(server: SixinServer) -> None:
    """People who have said something."""
    for nth, text in enumerate(OTHERS):
        body = {"to": str(1_003 + nth), "seq_id": 500, "content": {"type": "text", "text": text}}
        server.call("1001", "send", body)
    server.call("1001", "pin", {"to": "1009", "pinned": True})
    server.call("1001", "mute", {"to": "1004", "muted": True})
    server.call("1001", "label", {"to": "1007", "labels": ["工作"]})
    said: list[str] = []
    for nth, (sender, text) in enumerate(TALK):
        to = "1002" if sender == "1001" else "1001"
        content = {"type": "text", "text": text} | ({"reply_to": said[0]} if nth == REPLY else {})
        message = server.call(sender, "send", {"to": to, "seq_id": 600 + nth, "content": content})["message"]
        said.append(str(message["msg_id"]))


def _take(page: Page, name: str) -> bytes:
    page.wait_for_timeout(600)  # for the picture's sake: what moves has come to rest
    return page.screenshot(path=FOLDER / f"{name}.png" if name else None)


def _two_panes(browser: Browser, server: SixinServer, name: str, *, language: str, look: str) -> None:
    with browser.new_context(viewport=WIDE, locale="en-US", color_scheme=look) as context:  # type: ignore[arg-type]
        desk = Desk(context.new_page(), server)
        desk.page.goto(f"{server.url}/?lang={language}")
        desk.enter()
        for person in (desk.ann, desk.bob):
            expect(person.bubble("I will bring the maps.").last).to_be_visible()
            person.look()
        desk.bob.input.press_sequentially("我")
        expect(desk.ann.pane.locator(".chat-state.is-typing")).to_be_visible()
        _take(desk.page, name)


def _phones(browser: Browser, server: SixinServer, name: str) -> None:
    """The list and a chat, side by side."""
    with browser.new_context(viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(f"{server.url}/?lang=zh")
        page.locator(".door button").first.click()
        ann = Person(page, "1001")
        expect(ann.contacts.nth(1)).to_be_visible()
        taken = [_take(page, "")]
        ann.contacts.filter(has_text="Bob").click()
        expect(ann.bubble("I will bring the maps.").last).to_be_visible()
        taken.append(_take(page, ""))
    with browser.new_context(viewport={"width": 1600, "height": 1688}) as context:
        page = context.new_page()
        images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(one).decode()}">' for one in taken)
        style = "margin: 0; display: flex; gap: 40px; background: #d8d5cf"
        page.set_content(f'<body style="{style}">{images}</body>')
        _take(page, name)


def _inspector(browser: Browser, server: SixinServer, name: str, *, language: str, story: str) -> None:
    with browser.new_context(viewport=WIDE, locale="en-US", color_scheme="light") as context:
        desk = Desk(context.new_page(), server)
        desk.page.goto(f"{server.url}/?lang={language}")
        desk.enter()
        desk.page.locator(".top-button").first.click()
        expect(desk.page.locator(".inspector td.id").first).to_be_visible()
        desk.page.get_by_role("button", name=story, exact=True).click()
        for nth in (1, 2):
            expect(desk.page.locator(".story-step")).to_contain_text(str(nth), timeout=20_000)
            desk.page.locator(".story .primary").click()
        expect(desk.page.locator(".story-step")).to_contain_text("3", timeout=20_000)
        _take(desk.page, name)


def main() -> None:
    """Take them all."""
    chromium = CHROMIUM.find()
    assert chromium is not None, "no Chromium here: make services"
    with SixinServer() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        _furnish(server)
        _two_panes(browser, server, "chat-wide", language="en", look="light")
        _two_panes(browser, server, "chat-dark-zh", language="zh", look="dark")
        _phones(browser, server, "chat-narrow-zh")
        _inspector(browser, server, "inspector", language="en", story="Recall")
        _inspector(browser, server, "inspector.zh", language="zh", story="撤回")
        browser.close()


if __name__ == "__main__":
    main()
