"""What a program uses: one person on one device, with a copy that works without a link."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Any, Literal, Self

from msgspec import Struct

from sixin.client.clock import Clock
from sixin.client.engine import Engine
from sixin.client.errors import Closed
from sixin.client.events import Reader
from sixin.client.history import Page, page_of
from sixin.client.identity import uid_of_token
from sixin.client.link import Token
from sixin.client.model import Entry
from sixin.client.pending import Pending
from sixin.client.store.base import Store
from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from sixin.client.sync import Sizes
from sixin.client.transport import LinkLost, Transport, WebSocketTransport
from sixin.core import errors
from sixin.core.contact import Contact
from sixin.core.content import canonical
from sixin.core.ids import (
    MsgId,
    SessionId,
    Uid,
    pair_members,
    pair_session_id,
    parse_session_id,
    parse_uid,
)
from sixin.core.limits import CONNECT_TIMEOUT_S, PAGE_MESSAGES_DEFAULT, PAGE_MESSAGES_MAX
from sixin.core.message import Message
from sixin.core.wire.bodies import (
    ClearBody,
    DeleteBody,
    LabelBody,
    MuteBody,
    PinBody,
    ReadBody,
    RecallBody,
    SessionBody,
)
from sixin.core.wire.codec import decode_body, encode
from sixin.core.wire.views import contact_of, message_of

Where = int | str
"""A session: a peer by his uid (`1002`), or any by its id (`"1001:1002"`)."""

Says = str | dict[str, Any]
"""A content: words, or a typed object such as `{"type": "image", "url": …}`."""


class LocalCopy(Struct, frozen=True):
    """All that this device holds, to be compared with what the server holds."""

    uid: int
    contact_version: int
    unread_total: int
    contacts: dict[SessionId, Contact]
    messages: dict[SessionId, list[Message]]
    """Of each session of which something is held, by sort_key."""
    ranges: dict[SessionId, list[tuple[int, int, int]]]
    """Of the same: low and high sort_key, ends included, and the version up to which its changes are known."""


class Client:
    """One person on one device. Made by `connect`; used as `async with`."""

    def __init__(
        self,
        transport: Transport,
        token: Token,
        *,
        store: Store,
        device_id: str | None,
        clock: Clock,
        chance: Random,
        sizes: Sizes | None = None,
    ) -> None:
        self._transport = transport
        self._token = token
        self._store = store
        self._device_id = device_id
        self._clock = clock
        self._chance = chance
        self._sizes = sizes
        self._engine: Engine | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the local copy, and start to connect. Does not wait for the server, unless it must be asked who this is.

        Raises `StoreRefused`; `Unauthenticated` or `LinkLost` only where neither store nor token says who this is.
        """
        state = self._store.open()
        try:
            uid = (uid_of_token(self._token) if isinstance(self._token, str) else 0) or state.uid
            device_id = self._device_id or state.device_id or f"{self._chance.getrandbits(72):018x}"
            if uid:
                self._store.adopt(uid, device_id)
            self._engine = Engine(
                store=self._store,
                state=state,
                uid=uid,
                device_id=device_id,
                transport=self._transport,
                token=self._token,
                clock=self._clock,
                chance=self._chance,
                sizes=self._sizes,
            )
            self._running = asyncio.get_running_loop().create_task(self._engine.run())
            await self._known(self._engine)
        except BaseException:
            await self._stop()
            raise
        return self

    async def _known(self, engine: Engine) -> None:
        if engine.uid:
            return
        try:
            async with self._clock.timeout(CONNECT_TIMEOUT_S):
                await engine.until(lambda: bool(engine.uid))
        except TimeoutError:
            raise LinkLost("Nobody has said yet whose copy this is, and the server cannot be asked.") from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect and close the copy. Raises what had stopped the client before, if something had."""
        failed = await self._stop()
        if failed is not None and error is None:
            raise failed

    async def _stop(self) -> BaseException | None:
        running, self._running = self._running, None
        failed: BaseException | None = None
        if running is not None:
            running.cancel()
            (outcome,) = await asyncio.gather(running, return_exceptions=True)
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                failed = outcome
        await self._transport.close()
        self._store.close()
        return failed

    @property
    def _it(self) -> Engine:
        if self._engine is None:
            raise Closed("A client is opened with `async with`.")
        self._engine.check()
        return self._engine

    # Who and where.

    @property
    def uid(self) -> Uid:
        """Whose copy this is."""
        return Uid(self._it.uid)

    @property
    def online(self) -> bool:
        """Whether there is a connection now."""
        return self._it.link.ready

    async def go_offline(self) -> None:
        """Disconnect, and stay so until `go_online`."""
        await self._it.link.rest()

    def go_online(self) -> None:
        """Connect now, without waiting for the next attempt."""
        self._it.link.resume()

    async def connected(self) -> None:
        """Wait until there is a connection. Raises `Unauthenticated` where the token is not taken."""
        engine = self._it
        engine.link.check_token()
        await engine.until(lambda: engine.link.ready)

    async def synced(self) -> None:
        """Wait until the copy equals the server as it was at some moment after this call, and the outbox is empty but
        for what was refused. Waits as long as the link is away: put a timeout around it.

        Raises `Unauthenticated` where the token is not taken.
        """
        engine = self._it
        engine.link.check_token()
        engine.sync.list_entered()
        engine.pump()
        await engine.until(lambda: engine.quiet)

    def session_of(self, to: Where) -> SessionId:
        """The session that a peer's uid or a session's id names. Raises `BadRequest`."""
        if isinstance(to, int):
            return pair_session_id(self.uid, parse_uid(str(to)))
        session_id = parse_session_id(to)
        if self.uid not in pair_members(session_id):
            raise errors.NotFound("You are not in this session.")
        return session_id

    # Looking: all of it from the local copy.

    def contacts(self) -> list[Contact]:
        """The contact list, in its order."""
        return self._it.heads.listed()

    def contact(self, to: Where) -> Contact | None:
        """One line of it, also where it is deleted; None before anything was said."""
        return self._it.heads.contacts.get(self.session_of(to))

    @property
    def unread_total(self) -> int:
        """The number on the badge."""
        return self._it.heads.unread_total

    def outbox(self, to: Where | None = None) -> list[Entry]:
        """What waits for the server, or was refused, in order; of one session, or of all."""
        entries = self._it.sender.outbox.entries
        if to is None:
            return entries
        session_id = self.session_of(to)
        return [entry for entry in entries if entry.session_id == session_id]

    def message(self, to: Where, msg_id: int) -> Message | None:
        """One message, if it is held."""
        return self._store.message(self.session_of(to), MsgId(msg_id))

    async def history(self, to: Where, *, before: int | None = None, limit: int = PAGE_MESSAGES_DEFAULT) -> Page:
        """Messages with a sort_key below `before`, or the newest; up to `limit` (1 to 500) of them, oldest first.

        From the local copy where it holds them, else from the server. Without a link, as far as the copy goes: a page
        then says `hole`. Raises `BadRequest`.
        """
        if not 1 <= limit <= PAGE_MESSAGES_MAX or (before is not None and before < 0):
            raise errors.BadRequest(f"limit is 1 to {PAGE_MESSAGES_MAX}, before a sort_key.")
        return await page_of(self._it, self.session_of(to), before, limit)

    @contextlib.asynccontextmanager
    async def open_chat(self, to: Where) -> AsyncIterator[SessionId]:
        """While a session is looked at: it is brought up to date, and a timer asks whether a notice was lost."""
        engine, session_id = self._it, self.session_of(to)
        engine.sync.chat_opened(session_id)
        engine.chat_opened()
        engine.pump()
        try:
            yield session_id
        finally:
            engine.sync.chat_closed(session_id)
            if engine.running:
                engine.pump()

    def events(self) -> Reader:
        """What happens from now on, as an asynchronous iterator; each call makes a reader of its own.

        A reader that takes nothing for long is told `Resync` in place of what it missed.
        """
        return self._it.reader()

    # Doing: into the outbox, and from there to the server, now or when the link is back.

    async def send(self, to: Where, says: Says, *, reply_to: int | None = None) -> Pending[Message]:
        """Say something. It is on disk and shown when this returns; `await pending.delivered()` waits for the server.

        `reply_to` is the `msg_id` of the message it answers. Raises `BadRequest` and `TooLarge` for the content,
        `OutboxFull`, `StoreFailed`.
        """
        value = {"type": "text", "text": says} if isinstance(says, str) else says
        if reply_to is not None:
            value = {**value, "reply_to": str(reply_to)}
        content = canonical(encode(value)).encoded
        return self._it.sender.queue("send", self.session_of(to), content)

    async def read(self, to: Where, up_to: int | None = None) -> Pending[Contact]:
        """Say that everything up to a message was read; up to the newest this device knows of."""
        session_id = self.session_of(to)
        body = ReadBody(session_id=session_id, msg_id=self._msg_id(session_id, up_to))
        return self._queue("read", body)

    async def clear(self, to: Where, up_to: int | None = None) -> Pending[Contact]:
        """Clear the history up to a message; up to the newest this device knows of, so that nothing unseen is lost."""
        session_id = self.session_of(to)
        body = ClearBody(session_id=session_id, up_to_msg_id=self._msg_id(session_id, up_to))
        return self._queue("clear", body)

    async def delete(
        self, to: Where, msg_ids: Sequence[int], *, scope: Literal["me", "all"] = "me"
    ) -> Pending[Contact]:
        """Delete messages, for oneself or (one's own) for all."""
        texts = [str(msg_id) for msg_id in msg_ids]
        return self._queue("delete", DeleteBody(session_id=self.session_of(to), msg_ids=texts, scope=scope))

    async def pin(self, to: Where, pinned: bool = True) -> Pending[Contact]:
        """Keep a contact on top, or not."""
        return self._queue("pin", PinBody(session_id=self.session_of(to), pinned=pinned))

    async def mute(self, to: Where, muted: bool = True) -> Pending[Contact]:
        """Leave a contact out of the total, or not."""
        return self._queue("mute", MuteBody(session_id=self.session_of(to), muted=muted))

    async def label(self, to: Where, labels: Sequence[str]) -> Pending[Contact]:
        """Put these labels on a contact, in place of those it has."""
        return self._queue("label", LabelBody(session_id=self.session_of(to), labels=list(labels)))

    def _queue(self, kind: Any, body: Any) -> Pending[Contact]:
        encoded = encode(body)
        decode_body(kind, encoded)  # what the server would refuse is refused here, before it is queued
        return self._it.sender.queue(kind, SessionId(body.session_id), encoded)

    def _msg_id(self, session_id: SessionId, up_to: int | None) -> str:
        if up_to is not None:
            return str(up_to)
        contact = self._it.heads.contacts.get(session_id)
        if contact is None:
            raise errors.NotFound("Nothing was said in this session yet, as far as this device knows.")
        return str(contact.last_msg_id)

    def retry(self, entry: Entry) -> Pending[Any]:
        """Send again what the server had refused. Raises `NotFound`."""
        return self._it.sender.retry(entry.number)

    def discard(self, entry: Entry) -> None:
        """Forget what the server has refused. Raises `NotFound`."""
        self._it.sender.discard(entry.number)

    # Doing now or not at all.

    async def recall(self, to: Where, msg_id: int) -> Message:
        """Take back one's own message. Only while connected: its window is minutes. Raises `TooLate`, `Offline` …"""
        body = RecallBody(session_id=self.session_of(to), msg_id=str(msg_id))
        return message_of((await self._it.sender.call("recall", body)).message)

    async def delete_contact(self, to: Where) -> Contact:
        """Clear, and take the contact out of the list until something newer is said. Only while connected: later, it
        would take with it what nobody has seen."""
        body = SessionBody(session_id=self.session_of(to))
        return contact_of((await self._it.sender.call("delete_contact", body)).contact)

    async def typing(self, to: Where) -> None:
        """Let the others know. Raises `Offline`."""
        await self._it.sender.call("typing", SessionBody(session_id=self.session_of(to)))

    # For tests and checkers.

    def local_copy(self) -> LocalCopy:
        """All that this device holds and can prove."""
        heads = self._it.heads
        return LocalCopy(
            uid=self.uid,
            contact_version=heads.contact_version,
            unread_total=heads.unread_total,
            contacts=dict(heads.contacts),
            messages={session_id: self._held_messages(session_id) for session_id in heads.held},
            ranges={
                session_id: [(one.low, one.high, one.version) for one in held.ranges]
                for session_id, held in heads.held.items()
            },
        )

    def _held_messages(self, session_id: SessionId) -> list[Message]:
        found: list[Message] = []
        for one in self._it.heads.held[session_id].ranges:
            found += self._store.page(session_id, low=one.low, high=one.high, limit=one.high - one.low + 1)[::-1]
        return found


def connect(
    url: str | Transport,
    token: Token,
    *,
    store: str | Path | Store | None = None,
    device_id: str | None = None,
    clock: Clock | None = None,
    chance: Random | None = None,
) -> Client:
    """A client of the server at `url`, to be used as `async with sixin.connect(…) as me`.

    `token`: a token, or a function (it may be asynchronous) that gives a fresh one.
    `store`: the file of this device's copy; None keeps it in memory, and forgets it, outbox and all, at the end.
    `device_id`: this device's name among the user's; made up, and kept in the store, where none is given.
    `clock`, `chance`, and a `Transport` in place of the URL: what a simulation hands in.

    Raises `ValueError` for what is no address.
    """
    if not isinstance(store, Store):
        store = MemoryStore() if store is None else SqliteStore(store)
    return Client(
        WebSocketTransport(url) if isinstance(url, str) else url,
        token,
        store=store,
        device_id=device_id,
        clock=clock or Clock(),
        chance=chance or SystemRandom(),
    )
