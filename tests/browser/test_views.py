"""The page itself: strangers' text, policy, languages, sizes, keyboard, history, the inspector."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.services.sixin import SixinServer
from tests.web.npm import package

Keep = Callable[[Page, str], None]

ATTACKS = [
    "<script>window.hurt = 1</script>",
    "<img src=x onerror='window.hurt = 1'>",
    '"><svg onload=window.hurt=1>',
    "javascript:window.hurt=1",
    "{{constructor.constructor('window.hurt=1')()}}",
]


def test_text_of_strangers_stays_text_in_every_field(desk: Desk) -> None:
    seq_id = 1_000
    for attack in ATTACKS:
        contents: list[dict[str, object]] = [
            {"type": "text", "text": attack},
            {"type": "tips", "text": attack},
            {"type": "file", "url": "javascript:window.hurt=1", "name": attack},
            {"type": "image", "url": f"javascript:{attack}"},
            {"type": "image", "url": f"https://127.0.0.1:1/{attack}", "thumbnail_url": attack},
            {"type": "location", "latitude": 1.5, "longitude": 2.5, "name": attack, "address": attack},
            {"type": "card", "uid": "7", "name": attack},
            {"type": "custom", "kind": "x", "data": attack},
        ]
        for content in contents:
            seq_id += 1
            desk.server.call("1002", "send", {"to": "1001", "seq_id": seq_id, "content": content})
    desk.server.call("1002", "send", {"to": "1001", "seq_id": seq_id + 1, "content": {"type": "text", "text": "end"}})
    expect(desk.ann.bubble("end").last).to_be_visible()
    assert desk.page.evaluate("window.hurt") is None
    assert desk.page.locator("a[href^='javascript']").count() == 0
    assert desk.page.locator(".log script, .log svg:not(.icon)").count() == 0
    desk.complaints = [one for one in desk.complaints if "net::" not in one]  # the pictures that lead nowhere


def test_nothing_is_asked_of_another_host_and_nothing_breaks_the_policy(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Inspector").click()
    expect(desk.page.locator(".inspector td.id").first).to_be_visible()
    assert {url for url in desk.requests if not url.startswith(desk.server.url)} == set()
    assert desk.page.locator("script:not([src]), [onclick], style").count() == 0


def test_history_keeps_its_place_while_pages_come_in_above(desk: Desk) -> None:
    for nth in range(150):
        desk.server.call(
            "1002", "send", {"to": "1001", "seq_id": 5_000 + nth, "content": {"type": "text", "text": f"line {nth}."}}
        )
    expect(desk.ann.bubble("line 149.")).to_be_visible()
    desk.page.wait_for_function(
        """() => {
          const pane = document.querySelector('.pane[data-uid="1001"]');
          pane.querySelector(".log").scrollTop = 0;
          return pane.querySelector(".log-head").textContent === "This is where it begins";
        }"""
    )
    lines = [int(text[5:-1]) for text in desk.ann.texts() if text.startswith("line ")]
    assert lines == list(range(lines[0], lines[0] + len(lines))), "each once, and none left out"
    desk.ann.pane.get_by_role("button", name="To the newest").click()
    expect(desk.ann.bubble("line 149.")).to_be_in_viewport()


def test_whoever_goes_to_the_very_top_stays_with_the_message_he_found_there(desk: Desk) -> None:
    for nth in range(150):
        desk.server.call(
            "1002", "send", {"to": "1001", "seq_id": 6_000 + nth, "content": {"type": "text", "text": f"row {nth}."}}
        )
    desk.page.reload()  # so that only the newest page is there
    desk.ann.open_first_chat()
    expect(desk.ann.bubble("row 149.")).to_be_visible()
    moved_px = desk.ann.log.evaluate(
        """async (log) => {
          const all = () => [...log.querySelectorAll(".message .words")];
          log.scrollTop = 0;
          const first = all()[0].textContent;
          const top = () => all().find((words) => words.textContent === first).getBoundingClientRect().top;
          const before = top();
          while (all()[0].textContent === first) await new Promise(requestAnimationFrame);
          return Math.abs(top() - before);
        }"""
    )
    assert moved_px < 2


def _say_lines(desk: Desk, count: int, *, read_up_to: int = 0) -> None:
    """Bob says these to Ann; her other device has read some of them."""
    said = []
    for nth in range(count):
        body = {
            "to": "1001",
            "seq_id": time.time_ns() // 1_000_000 * 100 + nth,
            "content": {"type": "text", "text": f"said {nth}."},
        }
        said.append(desk.server.call("1002", "send", body)["message"])
    desk.server.call("1001", "read", {"to": "1002", "msg_id": said[read_up_to]["msg_id"]})


def test_a_chat_opens_where_the_unread_begin(desk: Desk) -> None:
    _say_lines(desk, 40, read_up_to=9)
    expect(desk.ann.badge).to_have_text("30")
    desk.page.reload()
    desk.ann.open_first_chat()
    line = desk.ann.pane.locator(".unread-line")
    expect(line).to_be_in_viewport()
    expect(desk.ann.bubble("said 10.").last).to_be_in_viewport()
    expect(desk.ann.bubble("said 39.").last).not_to_be_in_viewport()
    desk.ann.pane.locator(".chat-head").click()
    desk.ann.log.hover()
    desk.page.mouse.wheel(0, 60)
    expect(desk.ann.badge).to_have_text("30")  # what he has not seen he has not read
    newest = desk.ann.pane.get_by_role("button", name="To the newest, 30 unread")
    expect(newest).to_have_text("30")
    newest.click()
    expect(desk.ann.bubble("said 39.").last).to_be_in_viewport()
    expect(desk.ann.badge).to_be_hidden()


def test_a_log_is_one_stop_for_the_keyboard_and_arrows_walk_in_it(desk: Desk) -> None:
    _say_lines(desk, 20, read_up_to=19)
    desk.ann.say("see https://example.com/plan")
    expect(desk.ann.bubble("see https").last.get_by_role("img", name="Sent")).to_be_visible()
    desk.ann.pane.locator(".chat-head").get_by_role("button", name="More").focus()
    for _ in ("the log", "what is attached"):
        desk.page.keyboard.press("Tab")
    expect(desk.ann.pane.get_by_role("button", name="Send a picture")).to_be_focused()

    desk.page.keyboard.press("Shift+Tab")
    expect(desk.ann.log).to_be_focused()
    desk.page.keyboard.press("ArrowUp")
    expect(desk.ann.bubble("see https").last).to_be_focused()
    desk.page.keyboard.press("Tab")
    expect(desk.ann.bubble("see https").last.get_by_role("link")).to_be_focused()
    desk.page.keyboard.press("ArrowUp")
    expect(desk.ann.bubble("said 19.").last).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("menuitem", name="Reply")).to_be_focused()
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("ArrowDown")
    expect(desk.ann.bubble("see https").last).to_be_focused()
    # The line that has the focus is drawn anew: it is read.
    contact = desk.server.call("1002", "contact", {"to": "1001"})["contact"]
    desk.server.call("1002", "read", {"to": "1001", "msg_id": contact["last_msg_id"]})
    expect(desk.ann.bubble("see https").last.get_by_role("img", name="Read")).to_be_visible()
    expect(desk.ann.bubble("see https").last).to_be_focused()


def test_what_comes_in_is_said_to_those_who_listen_and_what_was_there_is_not(desk: Desk) -> None:
    _say_lines(desk, 60, read_up_to=59)
    desk.page.reload()
    desk.ann.open_first_chat()
    expect(desk.ann.bubble("said 59.").last).to_be_visible()
    spoken = desk.ann.pane.locator(".log-frame").get_by_role("status")
    expect(desk.ann.log).to_have_attribute("aria-live", "off")
    desk.ann.input.focus()
    desk.ann.log.evaluate("(log) => { log.scrollTop = 0; }")
    expect(desk.ann.bubble("said 0.").last).to_be_visible()
    expect(spoken).to_be_empty()
    desk.server.call(
        "1002", "send", {"to": "1001", "seq_id": 81, "content": {"type": "text", "text": "are you there?"}}
    )
    expect(spoken).to_have_text("波波 Bob: are you there?")
    desk.ann.say("I am")
    expect(desk.bob.bubble("I am").last).to_be_visible()
    expect(spoken).to_have_text("波波 Bob: are you there?")
    expect(desk.bob.pane.locator(".log-frame").get_by_role("status")).to_be_empty()  # nobody is in that one


def test_everything_can_be_done_without_a_mouse(desk: Desk) -> None:
    box = desk.ann.pane.get_by_role("listbox")
    desk.ann.input.press("Escape")
    expect(box).to_be_focused()
    box.press("ArrowDown")
    box.press("Enter")
    expect(desk.ann.input).to_be_focused()
    desk.ann.say("by keyboard")
    expect(desk.bob.bubble("by keyboard")).to_be_visible()
    desk.ann.bubble("by keyboard").locator(".message-more").focus()
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("menuitem").first).to_be_focused()
    for _ in ("Reply", "Copy"):
        desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    expect(desk.ann.pane.locator(".notice", has_text="You recalled a message")).to_be_visible()


def test_the_search_leaves_only_what_was_looked_for(desk: Desk) -> None:
    search = desk.ann.pane.get_by_role("searchbox")
    search.fill("波波")
    expect(desk.ann.contacts).to_have_count(1)
    search.fill("nobody of this name")
    expect(desk.ann.contacts).to_have_count(0)
    expect(desk.ann.pane.get_by_text("Nothing found")).to_be_visible()


def test_the_inspector_shows_a_gap_being_found_and_repaired(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Inspector").click()
    bobs = desk.page.locator(".device", has_text="波波 Bob")
    bobs.get_by_role("button", name="Lose next notice").click()
    desk.ann.say("lost on the way")
    expect(desk.page.locator(".frame.is-lose").first).to_be_visible()
    expect(desk.bob.bubble("lost on the way")).to_have_count(0)
    desk.ann.say("finds the gap")
    expect(desk.bob.bubble("lost on the way")).to_be_visible()
    expect(desk.page.locator(".frame-why", has_text="a notice left a gap").first).to_be_attached()


@pytest.mark.parametrize(("story", "steps"), [("Recall", 4), ("Clear and page", 5)])
def test_a_story_is_told_to_its_end(desk: Desk, story: str, steps: int) -> None:
    desk.page.get_by_role("button", name="Inspector").click()
    expect(desk.page.locator(".inspector td.id").first).to_be_visible()
    desk.page.get_by_role("button", name=story, exact=True).click()
    for nth in range(1, steps + 1):
        expect(desk.page.locator(".story-step")).to_have_text(f"{nth} of {steps}", timeout=20_000)
        desk.page.locator(".story .primary").click()
    expect(desk.page.locator(".story")).to_have_count(0)
    last = {"Recall": "Ann recalled a message", "Clear and page": "不在"}[story]
    expect(desk.bob.pane.get_by_text(re.compile(last)).last).to_be_visible()


def test_a_phone_shows_one_thing_at_a_time(server: SixinServer, context_of: Open, keep_picture: Keep) -> None:
    page = context_of(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    page.goto(server.url)
    page.get_by_role("button", name="以 安娜 Ann 的身份进入").click()
    ann = Person(page, "1001")
    expect(ann.contacts.first).to_be_visible()
    keep_picture(page, "list-narrow")
    ann.contacts.first.click()
    expect(ann.input).to_be_visible()
    expect(ann.contacts.first).to_be_hidden()
    # What a phone has no room for is not there: whose chat it is stands above, and what is new elsewhere in its head.
    expect(ann.pane.locator(".pane-head")).to_be_hidden()
    expect(page.locator(".places [aria-current=true]")).to_have_attribute("data-uid", "1001")
    keep_picture(page, "chat-narrow")
    page.get_by_role("button", name="返回列表").click()
    expect(ann.contacts.first).to_be_visible()
    server.call("1001", "send", {"to": "1003", "seq_id": 1, "content": {"type": "text", "text": "到了吗？"}})
    ann.contacts.filter(has_text="1003").click()
    elsewhere = ann.pane.get_by_role("img", name="条未读")
    unread = server.call("1001", "unread", {})["unread_total"]
    expect(elsewhere).to_have_count(1 if unread else 0)
    server.call("1002", "send", {"to": "1001", "seq_id": 82, "content": {"type": "text", "text": "在吗"}})
    expect(elsewhere).to_have_text(str(unread + 1))


@pytest.mark.parametrize("look", ["light", "dark"])
def test_whoever_asks_for_more_contrast_gets_it(server: SixinServer, context_of: Open, look: str) -> None:
    page = context_of(color_scheme=look, contrast="more").new_page()
    Desk(page, server).sit_down()
    colours = page.evaluate(
        """() => [".contact-line", ".contact-time", ".chat-state", ".tagline", ".meta"].map(
          (selector) => getComputedStyle(document.querySelector(selector)).color
        )"""
    )
    ink, paper = ("rgb(0, 0, 0)", "rgb(255, 255, 255)")[:: 1 if look == "light" else -1]
    assert colours[:4] == [ink] * 4
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper


def test_where_a_system_paints_with_its_own_colours_everything_keeps_an_edge(
    server: SixinServer, context_of: Open, keep_picture: Keep
) -> None:
    page = context_of(forced_colors="active").new_page()
    page.goto(server.url)
    edges = "(all) => all.map((one) => getComputedStyle(one).borderTopStyle)"
    expect(page.locator(".door .primary").first).to_be_visible()
    assert set(page.locator(".door .primary").evaluate_all(edges)) == {"solid"}
    desk = Desk(page, server)
    desk.enter()
    desk.ann.open_first_chat()
    expect(desk.ann.pane.locator(".bubble").first).to_be_visible()
    assert set(page.locator(".bubble, .send-button, .search").evaluate_all(edges)) == {"solid"}
    chosen = desk.ann.pane.locator(".contact[aria-selected=true]")
    assert chosen.evaluate("(row) => getComputedStyle(row).outlineStyle") == "solid"
    keep_picture(page, "forced-colours")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_main_views_are_drawn(
    server: SixinServer, context_of: Open, keep_picture: Keep, look: str, language: str
) -> None:
    page = context_of(color_scheme=look).new_page()
    desk = Desk(page, server)
    page.goto(f"{server.url}/?lang={language}")
    desk.enter()
    desk.ann.open_first_chat()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
    expect(page.locator("html")).to_have_attribute("data-theme", look)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep_picture(page, f"chat-{look}-{language}")
    assert desk.complaints == []


@pytest.mark.parametrize("look", ["light", "dark"])
def test_axe_finds_nothing_serious(server: SixinServer, context_of: Open, look: str) -> None:
    axe = (package("axe-core") / "axe.min.js").read_text()
    page = context_of(color_scheme=look, reduced_motion="reduce").new_page()
    desk = Desk(page, server)
    desk.sit_down()
    page.get_by_role("button", name="Inspector").click()
    expect(page.locator(".inspector td.id").first).to_be_visible()
    page.evaluate(axe)
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)")
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious] == []
