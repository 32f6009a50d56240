"""Replies: who answers what, shown as it now stands, and found again wherever it is."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.services.sixin import SixinServer
from tests.web.npm import package

FAR = 180
"""So many messages ago something was said that is not on the screen, and not on the device."""


def _bar(person: Person) -> Locator:
    return person.pane.locator(".answering")


def _quote(person: Person, text: str) -> Locator:
    return person.bubble(text).last.locator(".quote")


def _bob_says(server: SixinServer, text: str, seq_id: int, **more: str) -> str:
    content = {"type": "text", "text": text, **more}
    message = server.call("1002", "send", {"to": "1001", "seq_id": seq_id, "content": content})["message"]
    return str(message["msg_id"])


def test_a_reply_shows_what_it_answers_until_that_is_taken_back(desk: Desk) -> None:
    desk.ann.say("seven or eight?\nsay when")
    desk.bob.choose("seven or eight?", "Reply")
    expect(_bar(desk.bob)).to_contain_text("Replying to 安娜 Ann")
    expect(_bar(desk.bob)).to_contain_text("seven or eight?")
    expect(desk.bob.input).to_be_focused()
    desk.bob.say("the usual place")
    expect(_bar(desk.bob)).to_be_hidden()
    for person, who in ((desk.ann, "You"), (desk.bob, "安娜 Ann")):
        expect(_quote(person, "the usual place")).to_have_text(f"{who}seven or eight?")
    name = re.compile("^You: the usual place, in reply to 安娜 Ann: seven or eight[?], [0-9]")
    expect(desk.bob.bubble("the usual place").last).to_have_attribute("aria-label", name)

    desk.ann.choose("seven or eight?", "Recall")
    expect(_quote(desk.ann, "the usual place")).to_have_text("You recalled a message")
    expect(_quote(desk.bob, "the usual place")).to_have_text("安娜 Ann recalled a message")
    desk.bob.choose("the usual place", "Delete for everyone", sure=True)
    expect(desk.ann.bubble("the usual place")).to_have_count(0)


def test_what_somebody_deleted_for_himself_is_quoted_to_the_other_alone(desk: Desk) -> None:
    desk.bob.say("for your eyes")
    desk.ann.choose("for your eyes", "Reply")
    desk.ann.say("seen it")
    expect(_quote(desk.bob, "seen it")).to_contain_text("for your eyes")
    desk.ann.choose("for your eyes", "Delete for me")
    expect(_quote(desk.ann, "seen it")).to_have_text("Message not available")
    expect(desk.ann.bubble("seen it").last.locator("button.quote")).to_have_count(0)
    expect(_quote(desk.bob, "seen it")).to_contain_text("for your eyes")


def test_by_keyboard_one_chooses_what_to_answer_and_escape_answers_nothing(desk: Desk) -> None:
    for text in ("one of two", "two of two"):
        desk.bob.say(text)
        expect(desk.ann.bubble(text).last).to_be_visible()
    for _ in range(2):
        desk.ann.input.press("Control+ArrowUp")
    expect(_bar(desk.ann)).to_contain_text("one of two")
    desk.ann.input.press("Control+ArrowDown")
    expect(_bar(desk.ann)).to_contain_text("two of two")
    desk.ann.input.press("Escape")
    expect(_bar(desk.ann)).to_be_hidden()
    expect(desk.ann.input).to_be_focused()  # it ended the reply, not the chat
    desk.ann.say("to nobody in particular")
    expect(_quote(desk.ann, "to nobody in particular")).to_have_count(0)


def test_a_draft_and_a_retry_keep_what_they_answer(desk: Desk) -> None:
    desk.bob.say("which of them?")
    desk.ann.choose("which of them?", "Reply")
    desk.ann.input.fill("the left")
    desk.page.reload()
    desk.ann.open_first_chat()
    expect(desk.ann.input).to_have_value("the left")
    expect(_bar(desk.ann)).to_contain_text("which of them?")
    desk.ann.say("x" * 17_000)
    failed = desk.ann.pane.locator(".is-failed")
    expect(failed.locator(".quote")).to_contain_text("which of them?")
    failed.get_by_role("button", name="Retry").click()
    expect(failed.locator(".quote")).to_contain_text("which of them?")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)


def test_a_quote_leads_back_to_what_was_said_long_ago(desk: Desk) -> None:
    first = _bob_says(desk.server, "long ago", 20_000)
    for nth in range(FAR):
        _bob_says(desk.server, f"since then {nth}.", 20_001 + nth)
    _bob_says(desk.server, "as I said", 21_000, reply_to=first)
    _bob_says(desk.server, "as nobody said", 21_001, reply_to="1")
    # On a device that holds nothing of it.
    desk.page.evaluate("indexedDB.databases().then((all) => all.forEach(({ name }) => indexedDB.deleteDatabase(name)))")
    desk.page.reload()
    ann = desk.ann
    expect(_quote(ann, "as I said")).to_have_text("波波 Boblong ago")
    expect(_quote(ann, "as nobody said")).to_have_text("Message not available")
    expect(ann.bubble("long ago")).to_have_count(0)
    _quote(ann, "as I said").click()
    original = ann.pane.locator(".message.is-shown")
    expect(original).to_contain_text("long ago")
    expect(original).to_be_in_viewport()
    expect(original).to_be_focused()
    # And down again, page by page, with nothing left out.
    desk.page.wait_for_function(
        """() => {
          const log = document.querySelector('.pane[data-uid="1001"] .log');
          log.scrollTop = log.scrollHeight;
          return log.textContent.includes("as nobody said");
        }"""
    )
    numbers = [int(text[11:-1]) for text in ann.texts() if text.startswith("since then ")]
    assert numbers == list(range(numbers[0], FAR)), "each once, and none left out"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_finger_answers_by_a_swipe_and_axe_finds_nothing_serious(
    server: SixinServer, context_of: Open, keep_picture: Callable[[Page, str], None], look: str
) -> None:
    _bob_says(server, "draw me aside", 30_000)
    sizes = {"width": 390, "height": 844}
    page = context_of(
        viewport=sizes, has_touch=True, is_mobile=True, color_scheme=look, reduced_motion="reduce"
    ).new_page()
    desk = Desk(page, server)
    page.goto(server.url)
    page.locator(".door button").first.click()
    desk.ann.open_first_chat()
    bubble = desk.ann.bubble("draw me aside").last.locator(".bubble")
    expect(bubble).to_be_visible()
    box = bubble.bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    for kind, moved in (("touchStart", 0), ("touchMove", 30), ("touchMove", 90), ("touchEnd", None)):
        points = [] if moved is None else [{"x": x + moved, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(_bar(desk.ann)).to_contain_text("draw me aside")
    said = f"drawn in the {look}"  # the other look's message is there too
    desk.ann.say(said)
    expect(_quote(desk.ann, said)).to_contain_text("draw me aside")
    # And by a tap: that shows what can be done, which the log does not show for each line.
    drawn = desk.ann.bubble(said)
    drawn.locator(".words").tap()
    expect(drawn.locator(".message-more")).to_have_css("opacity", "1")
    drawn.locator(".message-more").tap()
    page.get_by_role("menuitem", name="Reply").tap()
    expect(_bar(desk.ann)).to_contain_text("Replying to yourself")
    keep_picture(page, f"reply-narrow-{look}")
    page.evaluate((package("axe-core") / "axe.min.js").read_text())
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)")
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious] == []
