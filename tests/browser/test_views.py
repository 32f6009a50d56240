"""The page itself: strangers' text, policy, languages, sizes, keyboard, history, the inspector."""

import re
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


def test_who_reaches_the_top_stays_with_what_stood_there(desk: Desk) -> None:
    for nth in range(400):
        desk.server.call(
            "1002", "send", {"to": "1001", "seq_id": 6_000 + nth, "content": {"type": "text", "text": f"row {nth}."}}
        )
    expect(desk.ann.bubble("row 399.")).to_be_visible()
    top = desk.ann.texts()[0]
    desk.ann.log.evaluate("(log) => { log.scrollTop = 0; }")
    expect(desk.ann.log.locator(".message .words").first).not_to_have_text(top)
    desk.page.wait_for_timeout(500)  # nothing happens: more pages must not come
    expect(desk.ann.bubble(top)).to_be_in_viewport()
    assert desk.ann.log.evaluate("(log) => log.scrollTop") > 0


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
    keep_picture(page, "chat-narrow")
    page.get_by_role("button", name="返回列表").click()
    expect(ann.contacts.first).to_be_visible()


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
