"""One terminal's conversation: commands go in, lines come out. What is pending, sent and read stands in the copy."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from sixin.cli.chat_lines import HELP, PENDING, READ, entry_line, list_lines, message_line
from sixin.cli.terminal import printable, say
from sixin.client import (
    Client,
    Connected,
    ContactChanged,
    Delivered,
    Disconnected,
    Event,
    MessageArrived,
    MessageChanged,
    MessagesGone,
    Page,
    Queued,
    Reader,
    Refused,
    Resync,
    SignedOut,
    StoreFailed,
    Typing,
)
from sixin.core import errors
from sixin.core.ids import SessionId, parse_uid
from sixin.core.message import Message

PAGE = 15
"""Messages shown at once: a terminal has 24 lines."""


class Talk:
    """What one person does in one terminal."""

    def __init__(self, me: Client) -> None:
        self._me = me
        self._session: SessionId | None = None
        self._peer = 0
        self._chat = contextlib.AsyncExitStack()
        self._oldest: int | None = None
        self._shown: dict[int, int] = {}
        """Of the messages on the screen: msg_id by ordinal."""
        self._last_own = 0
        self._read_shown = 0

    async def close(self) -> None:
        """Leave the chat."""
        await self._chat.aclose()

    # What was typed.

    async def typed(self, line: str) -> bool:
        """Do what a line asks for. False when it asks to leave."""
        word, _, rest = line.strip().partition(" ")
        try:
            if not word.startswith("/"):
                await self._send(line)
            elif word == "/quit":
                return False
            elif word in self._commands:
                await self._commands[word](rest.strip())
            else:
                say(f"there is no {word}; /help lists what there is")
        except errors.SixinError as refused:
            say(f"! {printable(refused.message)}")
        except StoreFailed as failed:
            say(f"! the local store cannot write: {failed}")
        return True

    @property
    def _commands(self) -> dict[str, Callable[[str], Awaitable[None]]]:
        return {
            "/help": self._help,
            "/list": self._list,
            "/to": self.talk_to,
            "/history": self._history,
            "/read": self._read,
            "/reply": self._reply,
            "/recall": self._recall,
            "/delete": self._delete,
            "/clear": self._clear,
            "/pin": lambda _: self._queue(self._me.pin(self._here)),
            "/unpin": lambda _: self._queue(self._me.pin(self._here, False)),
            "/mute": lambda _: self._queue(self._me.mute(self._here)),
            "/unmute": lambda _: self._queue(self._me.mute(self._here, False)),
            "/offline": self._offline,
            "/online": self._online,
        }

    @property
    def _here(self) -> SessionId:
        if self._session is None:
            raise errors.BadRequest("Say with whom first: /to UID")
        return self._session

    async def _help(self, _: str) -> None:
        say(HELP)

    async def _list(self, _: str) -> None:
        for line in list_lines(self._me.contacts(), self._me.unread_total):
            say(line)

    async def talk_to(self, text: str) -> None:
        """Open a chat, show the end of it, and say that it was read."""
        self._peer = parse_uid(text)
        await self._chat.aclose()
        self._session = await self._chat.enter_async_context(self._me.open_chat(self._peer))
        self._shown.clear()
        self._last_own = 0
        contact = self._me.contact(self._peer)
        self._read_shown = contact.peer_read_msg_id if contact is not None else 0
        page = await self._me.history(self._peer, limit=PAGE)
        say(f"== you and {self._peer} ==")
        self._show_page(page)
        for entry in self._me.outbox(self._peer):
            say(entry_line(entry))
        await self._read_if_needed()

    def _show_page(self, page: Page) -> None:
        self._oldest = page.before if page.before is not None else self._oldest
        if page.hole:
            say("   (older messages are not on this device; /online, then /history)")
        elif page.more:
            say("   (/history shows what was said before)")
        for message in page.messages:
            self._show(message)

    def _show(self, message: Message) -> None:
        contact = self._me.contact(message.session_id)
        peer_read = contact.peer_read_msg_id if contact is not None else 0
        self._shown[message.ordinal] = message.msg_id
        if message.sender == self._me.uid:
            self._last_own = max(self._last_own, message.msg_id)
        answered = self._me.message(message.session_id, message.reply_to) if message.reply_to is not None else None
        number = answered.ordinal if answered is not None else None
        say(message_line(message, uid=self._me.uid, peer_read_msg_id=peer_read, answered=number))

    async def _send(self, line: str) -> None:
        if line.strip():
            await self._me.send(self._here, line)

    async def _reply(self, text: str) -> None:
        number, _, words = text.partition(" ")
        answered = self._message_named(number)
        if not words.strip():
            raise errors.BadRequest("Say what you answer: /reply #12 of course")
        await self._me.send(self._here, words.strip(), reply_to=answered)

    async def _history(self, _: str) -> None:
        page = await self._me.history(self._here, before=self._oldest, limit=PAGE)
        if not page.messages and not page.hole:
            say("   (this is the beginning)")
            return
        self._show_page(page)

    async def _read(self, _: str) -> None:
        await self._me.read(self._here)

    async def _read_if_needed(self) -> None:
        contact = self._me.contact(self._here)
        if contact is not None and contact.unread:
            await self._me.read(self._here)

    async def _recall(self, text: str) -> None:
        msg_id = self._message_named(text) if text else self._last_own
        if not msg_id:
            raise errors.NotFound("You have not said anything here that is on the screen.")
        await self._me.recall(self._here, msg_id)

    async def _delete(self, text: str) -> None:
        await self._me.delete(self._here, [self._message_named(text)])

    async def _clear(self, _: str) -> None:
        await self._me.clear(self._here)

    async def _queue(self, pending: Awaitable[object]) -> None:
        await pending

    def _message_named(self, text: str) -> int:
        number = text.removeprefix("#")
        msg_id = self._shown.get(int(number)) if number.isascii() and number.isdigit() else None
        if msg_id is None:
            raise errors.NotFound("Name a message by the number before it on the screen, such as #12.")
        return msg_id

    async def _offline(self, _: str) -> None:
        await self._me.go_offline()

    async def _online(self, _: str) -> None:
        self._me.go_online()

    # What happened.

    async def happened(self, event: Event) -> None:
        """Show an event."""
        match event:
            case MessageArrived(message) if message.session_id == self._session:
                if message.ordinal not in self._shown:
                    self._show(message)
                await self._read_if_needed()
            case MessageArrived(message):
                say(f"* {message_line(message, uid=self._me.uid, peer_read_msg_id=0)}  (/to {message.sender})")
            case MessageChanged(message) if message.session_id == self._session:
                self._show(message)
            case MessagesGone(session_id) if session_id == self._session:
                say("   (messages here were deleted for you)")
            case Queued(entry) if entry.kind == "send" and not self._me.online:
                say(entry_line(entry))
            case Delivered(entry, Message() as message) if entry.session_id == self._session:
                self._show(message)
            case Refused(entry):
                say(entry_line(entry))
            case ContactChanged(contact) if contact.session_id == self._session:
                self._show_read(contact.peer_read_msg_id)
            case Typing(session_id, uid) if session_id == self._session:
                say(f"   {uid} is typing {PENDING}")
            case _:
                self._show_link(event)

    def _show_read(self, up_to: int) -> None:
        before, self._read_shown = self._read_shown, max(self._read_shown, up_to)
        if before < self._last_own and up_to > before:
            message = self._me.message(self._here, up_to)
            say(f"{READ} read up to #{message.ordinal}" if message is not None else f"{READ} read")

    def _show_link(self, event: Event) -> None:
        match event:
            case Connected():
                say("-- online --")
            case Disconnected():
                say("-- offline: what you write waits here --")
            case SignedOut(code):
                say(f"-- the server does not take this token ({code}) --")
            case Resync():
                say("-- much has happened: /list and /history show it --")
            case _:
                pass


async def show_events(talk: Talk, events: Reader) -> None:
    """Show what happens until the client is closed."""
    async for event in events:
        await talk.happened(event)


async def leave(me: Client, *, within_s: float) -> None:
    """Give what waits a last chance to leave."""
    if me.online and any(not entry.refused for entry in me.outbox()):
        with contextlib.suppress(TimeoutError, errors.SixinError):
            async with asyncio.timeout(within_s):
                await me.synced()
    waiting = sum(not entry.refused for entry in me.outbox())
    if waiting:
        say(f"-- {waiting} waiting in the outbox --")
