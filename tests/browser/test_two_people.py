"""Two people talk: what one does, the other sees."""

import re

from playwright.sync_api import expect

from tests.browser.person import Desk


def test_what_is_sent_on_the_left_appears_on_the_right(desk: Desk) -> None:
    desk.ann.say("Hello over there 你好 👋")
    expect(desk.bob.bubble("Hello over there")).to_be_visible()
    expect(desk.ann.bubble("Hello over there").get_by_role("img", name="Sent")).to_be_visible()


def test_unread_is_counted_until_somebody_looks_and_then_both_know(desk: Desk) -> None:
    desk.bob.look()
    expect(desk.bob.badge).to_be_hidden()
    desk.ann.say("one")
    desk.ann.say("two")
    expect(desk.bob.badge).to_have_text("2")
    expect(desk.page).to_have_title(re.compile(r"^\(\d+\)"))
    expect(desk.bob.pane.locator(".unread-line")).to_be_visible()
    desk.bob.look()
    expect(desk.bob.badge).to_be_hidden()
    expect(desk.ann.bubble("two").get_by_role("img", name="Read")).to_be_visible()


def test_a_recalled_message_is_gone_from_both_sides_and_says_so(desk: Desk) -> None:
    desk.ann.say("not for you")
    expect(desk.bob.bubble("not for you")).to_be_visible()
    desk.ann.choose("not for you", "Recall")
    expect(desk.ann.pane.locator(".notice", has_text="You recalled a message")).to_be_visible()
    expect(desk.bob.pane.locator(".notice", has_text="安娜 Ann recalled a message")).to_be_visible()
    expect(desk.page.get_by_text("not for you")).to_have_count(0)


def test_deleting_for_oneself_leaves_the_other_side_alone(desk: Desk) -> None:
    desk.ann.say("only I forget this")
    expect(desk.bob.bubble("only I forget this")).to_be_visible()
    desk.ann.choose("only I forget this", "Delete for me")
    expect(desk.ann.bubble("only I forget this")).to_have_count(0)
    expect(desk.bob.bubble("only I forget this")).to_be_visible()


def test_deleting_for_everyone_empties_both(desk: Desk) -> None:
    desk.ann.say("never said")
    expect(desk.bob.bubble("never said")).to_be_visible()
    desk.ann.choose("never said", "Delete for everyone")
    desk.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(desk.bob.bubble("never said")).to_be_visible()
    desk.ann.choose("never said", "Delete for everyone", sure=True)
    for person in (desk.ann, desk.bob):
        expect(person.pane.locator(".notice", has_text="A message was deleted")).to_be_visible()
        expect(person.bubble("never said")).to_have_count(0)


def test_typing_is_shown_to_the_other_and_ends(desk: Desk) -> None:
    desk.bob.input.press_sequentially("hm")
    expect(desk.ann.pane.locator(".chat-state")).to_have_text("typing…")
    desk.bob.input.press("Enter")
    expect(desk.ann.bubble("hm")).to_be_visible()
    expect(desk.ann.pane.locator(".chat-state")).not_to_have_text("typing…")


def test_clearing_empties_one_side_only(desk: Desk) -> None:
    desk.ann.say("before the clearing")
    expect(desk.bob.bubble("before the clearing")).to_be_visible()
    desk.ann.pane.get_by_role("button", name="More").click()
    desk.page.get_by_role("menuitem", name="Clear history").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Clear history").click()
    expect(desk.ann.pane.locator(".bubble")).to_have_count(0)
    expect(desk.bob.bubble("before the clearing")).to_be_visible()
    desk.bob.say("after it")
    expect(desk.ann.bubble("after it")).to_be_visible()
    assert desk.ann.texts() == ["after it"]


def test_pin_and_mute_show_in_the_list(desk: Desk) -> None:
    for choice, sign in (("Pin", "pinned"), ("Mute", "muted")):
        desk.ann.pane.get_by_role("button", name="More").click()
        desk.page.get_by_role("menuitem", name=choice, exact=True).click()
        expect(desk.ann.contacts.first.get_by_role("img", name=sign)).to_be_visible()


def test_a_draft_waits_in_the_list_and_in_the_field(desk: Desk) -> None:
    desk.ann.input.fill("half a thou")
    desk.page.reload()
    desk.ann.open_first_chat()
    expect(desk.ann.input).to_have_value("half a thou")


def test_pictures_and_files_have_bubbles_of_their_own(desk: Desk) -> None:
    content = {"type": "file", "url": "https://example.com/plan.pdf", "name": "plan.pdf", "size_bytes": 1_234_567}
    desk.server.call("1002", "send", {"to": "1001", "seq_id": 77, "content": content})
    bubble = desk.ann.pane.locator("a.file", has_text="plan.pdf")
    expect(bubble).to_contain_text("1.2 MB")
    expect(bubble).to_have_attribute("rel", re.compile("noopener"))
    picture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    desk.server.call("1002", "send", {"to": "1001", "seq_id": 78, "content": {"type": "image", "url": picture}})
    expect(desk.ann.pane.get_by_role("img", name="Picture")).to_be_visible()
