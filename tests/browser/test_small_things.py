"""What a person expects of any messenger, one thing after the other."""

import re
import subprocess
import sys

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.services.sixin import SixinServer

LINK = "https://example.com/docs?q=私信"


def _token(desk: Desk, uid: str) -> str:
    command = [sys.executable, "-m", "sixin.cli.main", "token", uid, "--data", str(desk.server.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def _choose(desk: Desk, person: Person, choice: str, *, sure: bool = False) -> None:
    person.pane.get_by_role("button", name="More").click()
    desk.page.get_by_role("menuitem", name=choice, exact=True).click()
    if sure:
        desk.page.get_by_role("dialog").get_by_role("button", name=choice).click()


def test_what_is_muted_is_counted_in_its_line_and_not_in_the_total(desk: Desk) -> None:
    for person in (desk.bob, desk.ann):
        person.look()
        expect(person.badge).to_be_hidden()
    _choose(desk, desk.ann, "Mute")
    expect(desk.ann.contacts.first.get_by_role("img", name="muted")).to_be_visible()
    desk.bob.say("to a muted one")
    expect(desk.ann.contacts.first.locator(".badge")).to_have_text(re.compile("[1-9]"))
    expect(desk.ann.badge).to_be_hidden()
    expect(desk.page).to_have_title("私信 Sixin")
    # From another device of hers: a hand in this pane would read it.
    desk.server.call("1001", "mute", {"to": "1002", "muted": False})
    expect(desk.ann.badge).to_have_text("1")
    expect(desk.page).to_have_title("(1) 私信 Sixin")


def test_who_signs_out_leaves_no_draft_behind(desk: Desk) -> None:
    desk.bob.say("what do you think of him?")
    desk.ann.choose("what do you think of him?", "Reply")
    desk.ann.input.fill("between us")
    desk.bob.input.fill("his own")
    desk.ann.pane.get_by_role("button", name="Sign out").click()
    expect(desk.page.locator(".door[data-uid='1001']")).to_be_visible()
    kept = desk.page.evaluate(
        "Object.entries(localStorage).map(String).filter((entry) => /(draft|reply)[/]/.test(entry))"
    )
    assert kept == ["sixin/draft/1002/1001:1002,his own"]


def test_a_line_that_is_drawn_anew_keeps_the_focus(desk: Desk) -> None:
    desk.ann.say("seen on the telephone")
    bubble = desk.ann.bubble("seen on the telephone").last
    expect(bubble.get_by_role("img", name="Sent")).to_be_visible()
    actions = bubble.get_by_role("button", name="Message actions")
    actions.focus()
    newest = desk.server.call("1002", "pull_old", {"to": "1001", "limit": 1})["messages"][0]
    desk.server.call("1002", "read", {"to": "1001", "msg_id": newest["msg_id"]})
    expect(bubble.get_by_role("img", name="Read")).to_be_visible()
    expect(actions).to_be_focused()


def test_a_label_is_seen_in_the_list_and_found_by_the_search(desk: Desk) -> None:
    for labels, shown in (("旅行, friends，旅行", ["旅行", "+1"]), ("", [])):
        _choose(desk, desk.ann, "Labels")
        dialog = desk.page.get_by_role("dialog")
        dialog.get_by_label("Labels, with").fill(labels)
        dialog.get_by_role("button", name="Save").click()
        expect(desk.ann.contacts.first.locator(".label")).to_have_text(shown)
        desk.ann.pane.get_by_role("searchbox").fill("旅行")
        expect(desk.ann.contacts).to_have_count(1 if shown else 0)
        desk.ann.pane.get_by_role("searchbox").fill("")
    expect(desk.bob.contacts.first.locator(".label")).to_have_count(0)


def test_a_deleted_conversation_comes_back_with_what_is_new(desk: Desk) -> None:
    desk.bob.say("before")
    expect(desk.ann.bubble("before").last).to_be_visible()
    _choose(desk, desk.ann, "Delete conversation", sure=True)
    expect(desk.ann.contacts).to_have_count(0)
    expect(desk.ann.pane.get_by_text("No conversations yet")).to_be_visible()
    desk.bob.say("and after")
    expect(desk.ann.contacts).to_have_count(1)
    desk.ann.open_first_chat()
    expect(desk.ann.bubble("and after")).to_be_visible()
    assert desk.ann.texts() == ["and after"]


def test_a_day_and_what_is_new_each_have_a_line(desk: Desk) -> None:
    desk.bob.look()
    expect(desk.bob.badge).to_be_hidden()
    desk.ann.say("new to him")
    expect(desk.bob.bubble("new to him")).to_be_visible()
    expect(desk.bob.pane.locator(".day-line").last).to_have_text("Today")
    line = desk.bob.pane.locator(".unread-line")
    expect(line).to_have_text("New messages")
    after = line.locator("xpath=following-sibling::*[1]")
    expect(after).to_contain_text("new to him")
    desk.bob.say("answered")
    expect(line).to_have_count(0)


def test_a_link_is_a_link_and_a_program_is_text(desk: Desk) -> None:
    desk.ann.say(f"look at {LINK}, and not at javascript:alert(1)")
    link = desk.bob.bubble("look at").last.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_text(LINK)
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    expect(link).to_have_attribute("target", "_blank")


def test_an_emoji_goes_where_the_cursor_was(desk: Desk) -> None:
    desk.ann.input.fill("ab")
    desk.ann.input.press("ArrowLeft")
    desk.ann.pane.get_by_role("button", name="Emoji").click()
    panel = desk.page.get_by_role("group", name="Emoji")
    panel.press("ArrowRight")
    panel.get_by_role("button", name="😄").press("Enter")
    expect(desk.ann.input).to_have_value("a😄b")
    expect(desk.ann.input).to_be_focused()
    emoji = desk.ann.pane.get_by_role("button", name="Emoji")
    emoji.press("Enter")
    expect(panel).to_be_visible()
    desk.page.keyboard.press("Tab")
    expect(panel).to_have_count(0)  # it does not stay open behind whoever goes on
    expect(emoji).to_be_focused()
    desk.ann.input.focus()
    desk.ann.input.press("Enter")
    expect(desk.bob.bubble("a😄b").last).to_be_visible()


def test_enter_sends_and_shift_enter_breaks_the_line(desk: Desk) -> None:
    desk.ann.input.fill("first")
    desk.ann.input.press("Shift+Enter")
    desk.ann.input.press_sequentially("second")
    desk.ann.input.press("Enter")
    expect(desk.bob.bubble("first").last.locator(".words")).to_have_text("first\nsecond", use_inner_text=True)
    expect(desk.ann.input).to_have_value("")


def test_from_the_search_one_goes_on_with_the_keyboard(desk: Desk) -> None:
    search = desk.ann.pane.get_by_role("searchbox")
    search.fill("1002")
    search.press("ArrowDown")
    expect(desk.ann.pane.get_by_role("listbox")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.ann.input).to_be_focused()
    search.press("Escape")
    expect(search).to_have_value("")
    expect(desk.ann.input).to_be_visible()  # it ended the search, not the chat


def test_what_was_refused_is_tried_again_when_somebody_says_so(desk: Desk) -> None:
    desk.ann.say("x" * 17_000)
    failed = desk.ann.pane.locator(".is-failed")
    expect(failed).to_contain_text("It is too large")
    desk.page.evaluate(
        """() => {
          window.sends = 0;
          const { send } = WebSocket.prototype;
          WebSocket.prototype.send = function (text) {
            window.sends += text.includes('"op":"send"');
            return send.call(this, text);
          };
        }"""
    )
    failed.get_by_role("button", name="Retry").click()
    desk.page.wait_for_function("() => window.sends === 1")
    expect(failed).to_contain_text("It is too large")
    desk.ann.input.fill("and since then")
    failed.get_by_role("button", name="Edit").click()
    expect(failed).to_have_count(0)
    expect(desk.ann.input).to_have_value("x" * 17_000 + "\nand since then")
    expect(desk.ann.input).to_be_focused()
    desk.ann.input.press("Enter")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)


SEEN_BY_THE_SYSTEM = """
  window.told = [];
  window.Notification = class {
    static permission = "granted";
    constructor(title, options) { told.push([title, options.body]); }
  };
  window.badges = [];
  navigator.setAppBadge = async (count) => badges.push(count);
  navigator.clearAppBadge = async () => badges.push(0);
"""


def test_who_looks_elsewhere_is_told_with_the_exact_count(desk: Desk, context_of: Open) -> None:
    page = context_of().new_page()
    page.add_init_script(SEEN_BY_THE_SYSTEM)
    page.goto(desk.server.url)
    page.locator(".door[data-uid='1002'] button").click()
    bob = Person(page, "1002")
    bob.open_first_chat()
    bob.look()
    expect(page).to_have_title("私信 Sixin")
    # The one thing here that cannot be had for real: a headless browser shows every page.
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    for nth in (1, 2):
        desk.ann.say(f"are you there {nth}")
        expect(page).to_have_title(f"({nth}) 私信 Sixin")
    page.wait_for_function("() => told.length >= 2")
    assert page.evaluate("told") == [[f"安娜 Ann ({nth})", f"are you there {nth}"] for nth in (1, 2)]
    assert page.evaluate("badges.at(-1)") == 2


def test_a_third_account_signs_in_with_a_token_beside_the_others(desk: Desk) -> None:
    token = _token(desk, "2001")
    for doors in (1, 0, 1):  # it goes again, if it was not meant
        desk.page.get_by_role("button", name="Another account").click()
        expect(desk.page.locator(".sign-in")).to_have_count(doors)
    expect(desk.page.get_by_label("Token")).to_be_focused()
    desk.page.get_by_label("Token").fill(token)
    expect(desk.page.get_by_label("User id")).to_have_value("2001")
    desk.page.get_by_label("Token").fill(_token(desk, "2002"))
    expect(desk.page.get_by_label("User id")).to_have_value("2002")  # not the first one's with the second one's token
    desk.page.get_by_label("Token").fill(token)
    desk.page.locator(".sign-in").get_by_role("button", name="Sign in").click()
    carl = Person(desk.page, "2001")
    expect(desk.page.locator(".pane[data-uid]")).to_have_count(3)
    carl.pane.get_by_role("button", name="New conversation").click()
    desk.page.get_by_label("User id").fill("1001")
    desk.page.get_by_role("button", name="Start").click()
    carl.say("hello from the third")
    expect(desk.ann.contacts.first).to_contain_text("hello from the third")
    expect(desk.ann.contacts.first).to_contain_text("2001")


def test_a_browser_that_shows_no_notifications_goes_on(desk: Desk, context_of: Open) -> None:
    page = context_of().new_page()
    seen = Desk(page, desk.server)
    # As on a phone: allowed, and yet not to be had from a page.
    page.add_init_script(SEEN_BY_THE_SYSTEM.replace("told.push(", "throw new TypeError("))
    page.goto(desk.server.url)
    page.locator(".door[data-uid='1002'] button").click()
    seen.bob.open_first_chat()
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")
    desk.ann.say("no bell rings")
    expect(seen.bob.bubble("no bell rings").last).to_be_visible()
    assert seen.complaints == []


def test_two_fingers_may_zoom(server: SixinServer, context_of: Open) -> None:
    page = context_of().new_page()
    page.goto(server.url)
    viewport = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "maximum-scale" not in viewport
    assert "user-scalable" not in viewport
