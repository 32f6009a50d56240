"""A person at the web app: does what a hand does, sees what an eye sees."""

from playwright.sync_api import Locator, Page, expect

from tests.services.sixin import SixinServer

ANN, BOB = "1001", "1002"


class Person:
    """One pane."""

    def __init__(self, page: Page, uid: str) -> None:
        self.page = page
        self.uid = uid
        self.pane = page.locator(f".pane[data-uid='{uid}']")
        self.input = self.pane.locator(".composer textarea")
        self.banner = self.pane.locator(".banner")
        self.badge = self.pane.locator(".pane-head .badge")
        self.contacts = self.pane.locator(".contact")
        self.log = self.pane.locator(".log")

    def open_first_chat(self) -> None:
        """Choose the first conversation, where the page has not done so by itself."""
        if not self.input.is_visible():
            self.contacts.first.click()
        expect(self.input).to_be_visible()

    def say(self, text: str) -> None:
        """Write and press Enter."""
        self.input.fill(text)
        self.input.press("Enter")

    def bubble(self, text: str) -> Locator:
        """The bubble with exactly these words."""
        return self.pane.locator(".message", has=self.page.locator(".words", has_text=text))

    def choose(self, text: str, choice: str, *, sure: bool = False) -> None:
        """Something from a message's menu, and yes where it is asked whether one is sure."""
        self.bubble(text).last.hover()
        self.bubble(text).last.locator(".message-more").click()
        self.page.get_by_role("menuitem", name=choice, exact=True).click()
        if sure:
            self.page.get_by_role("dialog").get_by_role("button", name=choice, exact=True).click()

    def look(self) -> None:
        """Be in this pane, so that what stands there is read."""
        self.pane.locator(".chat-head").click()
        if self.pane.locator(".to-newest").is_visible():
            self.pane.locator(".to-newest").click()

    def texts(self) -> list[str]:
        """What is said in the chat, from top to bottom."""
        return self.pane.locator(".message .words").all_inner_texts()


class Desk:
    """A page with both people."""

    def __init__(self, page: Page, server: SixinServer) -> None:
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("request", lambda request: self.requests.append(request.url))
        self.ann = Person(page, ANN)
        self.bob = Person(page, BOB)

    def _heard(self, kind: str, text: str) -> None:
        # A socket that was cut on purpose is in the console too, and no complaint.
        if kind == "error" and "WebSocket" not in text and "ERR_CONNECTION" not in text:
            self.complaints.append(text)

    def sit_down(self) -> None:
        """Come in, one click for each side."""
        self.page.goto(self.server.url)
        self.enter()
        for person in (self.ann, self.bob):
            person.open_first_chat()
            expect(person.banner).to_be_hidden()

    def enter(self) -> None:
        """Through both doors, one after the other."""
        for uid in (ANN, BOB):
            door = self.page.locator(f".door[data-uid='{uid}']")
            door.get_by_role("button").click()
            expect(door).to_have_count(0)
