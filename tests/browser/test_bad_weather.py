"""Links break, pages close, servers restart: nothing is lost, nothing is there twice, and nobody is lied to."""

import re
import subprocess
import sys

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.person import Desk, Person
from tests.services.sixin import SixinServer

ARRIVED = re.compile("Sent|Read")


def test_what_is_written_offline_leaves_when_the_link_is_back(desk: Desk) -> None:
    desk.server.stop()
    expect(desk.ann.banner).to_contain_text("Offline")
    desk.ann.say("kept while away")
    bubble = desk.ann.bubble("kept while away")
    expect(bubble.get_by_role("img", name="Waiting to be sent")).to_be_visible()
    bubble.locator(".words").click()
    desk.server.start()
    desk.ann.pane.get_by_role("button", name="Try now").or_(desk.ann.pane.locator(".pane-head h1")).first.click()
    expect(bubble.get_by_role("img", name=ARRIVED)).to_be_visible(timeout=40_000)
    expect(desk.bob.bubble("kept while away")).to_have_count(1, timeout=40_000)
    # Whoever touched it meanwhile still sees what can be done with it.
    expect(bubble).to_have_class(re.compile("is-tapped"))


def test_a_reload_in_the_middle_of_a_send_says_it_once(desk: Desk) -> None:
    desk.server.stop()
    desk.ann.say("in the middle")
    expect(desk.ann.bubble("in the middle").get_by_role("img", name="Waiting to be sent")).to_be_visible()
    # The page may go as soon as the message is kept; a look at the store is how one knows.
    desk.page.wait_for_function(
        """async () => {
          const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.endsWith("/1001"));
          const database = await new Promise((done) => (indexedDB.open(name).onsuccess = (e) => done(e.target.result)));
          const rows = database.transaction("entries").objectStore("entries").count();
          const count = await new Promise((done) => (rows.onsuccess = () => done(rows.result)));
          database.close();
          return count === 1;
        }"""
    )
    desk.server.start()
    desk.page.reload()
    expect(desk.bob.bubble("in the middle")).to_have_count(1, timeout=40_000)
    messages = desk.server.call("1001", "pull_old", {"to": "1002"})["messages"]
    assert [one["content"]["text"] for one in messages].count("in the middle") == 1


def test_a_device_that_was_away_catches_up_with_what_the_other_device_saw(
    desk: Desk, server: SixinServer, context_of: Open
) -> None:
    phone = context_of(viewport={"width": 390, "height": 844}).new_page()
    phone.goto(server.url)
    phone.get_by_role("button", name="Enter as").first.click()
    ann = Person(phone, "1001")
    ann.open_first_chat()
    phone.context.set_offline(True)
    for nth in range(5):
        desk.bob.say(f"news {nth}")
    # Two people's messages stand in the order in which the server took them: the first person's are there first.
    expect(desk.ann.bubble("news 4")).to_be_visible()
    desk.ann.say("from the desk")
    expect(desk.bob.bubble("from the desk")).to_be_visible()
    phone.context.set_offline(False)
    expect(ann.bubble("from the desk")).to_be_visible(timeout=40_000)
    assert ann.texts()[-6:] == desk.ann.texts()[-6:] == [*(f"news {nth}" for nth in range(5)), "from the desk"]


def test_two_tabs_share_one_connection_and_one_copy(desk: Desk) -> None:
    sockets: list[str] = []
    tab = desk.page.context.new_page()
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    tab.goto(desk.server.url)
    tab.get_by_role("button", name="Enter as").first.click()
    second = Person(tab, "1001")
    second.open_first_chat()
    second.say("from the second tab")
    expect(desk.ann.bubble("from the second tab")).to_have_count(1)
    expect(second.bubble("from the second tab").get_by_role("img", name=ARRIVED)).to_be_visible()
    assert sockets == []

    # The first tab goes, and the second takes over.
    desk.page.close()
    second.say("and now alone")
    expect(second.bubble("and now alone").get_by_role("img", name=ARRIVED)).to_be_visible(timeout=20_000)
    assert len(sockets) == 1


def test_a_message_the_server_refuses_says_so_and_can_be_given_up(desk: Desk) -> None:
    desk.ann.say("x" * 17_000)
    failed = desk.ann.pane.locator(".is-failed")
    expect(failed).to_contain_text("It is too large")
    desk.ann.say("the next one still leaves")
    expect(desk.bob.bubble("the next one still leaves")).to_be_visible()
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)


def test_signing_out_in_one_tab_leaves_the_copy_to_the_other(desk: Desk) -> None:
    desk.ann.say("still here")
    expect(desk.ann.bubble("still here").get_by_role("img", name=ARRIVED)).to_be_visible()
    tab = desk.page.context.new_page()
    tab.goto(desk.server.url)
    tab.get_by_role("button", name="Enter as").first.click()
    second = Person(tab, "1001")
    second.open_first_chat()
    expect(second.bubble("still here")).to_be_visible()

    # The first tab had the connection and wrote the copy.
    desk.ann.pane.get_by_role("button", name="Sign out").click()
    second.say("alone now")
    expect(second.bubble("alone now").get_by_role("img", name=ARRIVED)).to_be_visible()
    tab.reload()
    second.open_first_chat()
    expect(second.bubble("still here")).to_be_visible()
    assert second.texts()[-2:] == ["still here", "alone now"]

    # The last one that leaves takes it along.
    second.pane.get_by_role("button", name="Sign out").click()
    tab.wait_for_function(
        """async () => {
          const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.endsWith("/1001"));
          const database = await new Promise((done) => (indexedDB.open(name).onsuccess = (e) => done(e.target.result)));
          const rows = database.transaction("messages").objectStore("messages").count();
          const count = await new Promise((done) => (rows.onsuccess = () => done(rows.result)));
          database.close();
          return count === 0;
        }"""
    )


def test_over_plain_http_from_another_machine_one_talks_too(server: SixinServer, context_of: Open) -> None:
    # There a browser lends neither locks nor a clipboard, nor names that nobody else has.
    page = context_of().new_page()
    desk = Desk(page, server)
    page.goto(server.url.replace("127.0.0.1", "chat.test"))
    assert page.evaluate("isSecureContext") is False
    desk.enter()
    for person in (desk.ann, desk.bob):
        person.open_first_chat()
    desk.ann.say("across the room")
    expect(desk.bob.bubble("across the room")).to_be_visible()
    desk.ann.choose("across the room", "Copy")
    desk.ann.input.press("Control+v")
    expect(desk.ann.input).to_have_value("across the room")
    assert [one for one in desk.complaints if "Opener-Policy" not in one] == []


def test_a_token_that_ends_takes_nothing_away_of_what_was_written(server: SixinServer, context_of: Open) -> None:
    def token(*options: str) -> str:
        command = [sys.executable, "-m", "sixin.cli.main", "token", "2007", "--data", str(server.folder), *options]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    def sign_in(with_token: str) -> None:
        page.get_by_label("Token").fill(with_token)
        page.locator(".sign-in").get_by_role("button", name="Sign in").click()

    page = context_of().new_page()
    page.goto(server.url)
    page.locator(".door[data-uid='1001'] button").click()
    page.get_by_role("button", name="Another account").click()
    sign_in(token("--ttl", "3s"))
    carl = Person(page, "2007")
    carl.pane.get_by_role("button", name="New conversation").click()
    page.get_by_label("User id").fill("1001")
    page.get_by_role("button", name="Start").click()
    expect(carl.banner).to_contain_text("no longer valid")
    carl.say("still mine to say")
    expect(carl.bubble("still mine to say").get_by_role("img", name="Waiting to be sent")).to_be_visible()

    carl.pane.get_by_role("button", name="Sign out").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("One message is not sent yet")
    dialog.get_by_role("button", name="Cancel").click()

    carl.banner.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_focused()
    sign_in(token())
    expect(Person(page, "1001").contacts.first).to_contain_text("still mine to say")
