"""The inspector where it is a tool: on any deployment, for an admin, and for whoever comes in while it is open."""

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.client.serving import Serving, Terminal
from tests.services.sixin import SixinServer


def test_an_admin_looks_into_a_session_in_which_he_is_not(context_of: Open, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sixin.cli.main", "token", "9001", "--admin", "--data"]
    with Serving(tmp_path) as serving, Terminal(serving, 1001, "--to", "1002") as ann:
        ann.types("what does the server say?")
        ann.shows("✓")
        token = subprocess.run([*command, str(serving.data)], capture_output=True, text=True, check=True, timeout=30)
        page = context_of().new_page()
        page.goto(serving.url)
        page.get_by_label("Token").fill(token.stdout.strip())
        page.locator(".sign-in").get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Inspector").click()
        inspector = page.get_by_role("region", name="Inspector", exact=True)
        expect(inspector.get_by_text("or name a session above")).to_be_visible()
        expect(inspector.get_by_role("button", name="Cut link")).to_have_count(1)

        field = inspector.get_by_role("searchbox")
        field.fill("1002:1001")
        field.press("Enter")
        expect(inspector.locator("td.said")).to_have_text(["what does the server say?"])
        expect(inspector.get_by_text("= 1", exact=False).last).to_have_text(re.compile(r"^unread\(1002\) = .* = 1$"))
        ann.types("and now?")
        expect(inspector.locator("td.said")).to_have_text(["what does the server say?", "and now?"])


def test_who_comes_in_while_the_inspector_is_open_is_watched_too(server: SixinServer, context_of: Open) -> None:
    page = context_of().new_page()
    page.goto(server.url)
    page.get_by_role("button", name="Inspector").click()
    expect(page.locator(".wire")).to_be_visible()
    page.locator(".door button").first.click()
    ann = Person(page, "1001")
    expect(page.locator(".inspector td.id").first).to_be_visible()
    ann.say("am I seen?")
    expect(page.locator(".frame.is-out", has_text="am I seen?").first).to_be_visible()
    expect(
        page.locator(".frame-why", has_text="a person did it").or_(page.locator(".frame-why", has_text="outbox")).first
    ).to_be_visible()


def test_a_watermark_looks_no_greater_than_what_stands_above_it(desk: Desk) -> None:
    desk.ann.look()  # what has been said is read
    expect(desk.ann.badge).to_be_hidden()
    desk.page.wait_for_timeout(1_100)  # the counter in an id begins anew with each second
    desk.ann.say("and one more")
    expect(desk.bob.bubble("and one more").last).to_be_visible()
    desk.page.get_by_role("button", name="Inspector").click()
    row = desk.page.locator(".inspector tr", has=desk.page.locator("th", has_text="Ann"))
    newest, read = (row.locator("td").nth(nth) for nth in (3, 4))
    expect(newest).to_have_text(re.compile("^…[0-9]{9,}$"))
    shown = [cell.inner_text() for cell in (newest, read)]
    real = [int(cell.get_attribute("title") or "") for cell in (newest, read)]
    assert real[0] > real[1]
    assert shown[0] > shown[1]


def test_a_story_can_be_left_and_says_when_it_cannot_go_on(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Inspector").click()
    expect(desk.page.locator(".inspector td.id").first).to_be_visible()
    desk.page.get_by_role("button", name="Recall", exact=True).click()
    following = desk.page.locator(".story").get_by_role("button", name="Next")
    following.press("Enter")
    expect(desk.page.locator(".story-step")).to_have_text("2 of 4")
    expect(following).to_be_focused()  # a hand on the keyboard goes on where it is
    asleep = desk.page.locator(".device", has_text="Bob").locator(".link-state")
    expect(asleep).to_have_text("asleep")
    desk.server.stop()
    following.press("Enter")
    expect(desk.page.locator(".story")).to_contain_text("cannot go on")
    desk.server.start()
    desk.page.get_by_role("button", name="Leave the story").click()
    expect(desk.page.locator(".story")).to_have_count(0)
    expect(asleep).to_have_text("online", timeout=40_000)
