"""One person on one device: says what he has to say, and between it all the other things people do."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Final

from sixin.client import Client, Entry
from sixin.client.pending import Pending
from sixin.core import errors
from sixin.core.contact import Contact
from sixin.core.message import Message
from tests.crash.counted import Counts
from tests.crash.journal import Acknowledged, Done, Intent, Journal, Op, Queued, Started, now_ns
from tests.crash.plan import DevicePlan

WINDOW: Final = 8
"""Operations one device has under way or in its outbox: while the server is away, it does not run far ahead."""

LARGE: Final = 0.02
"""The part of texts that do not fit on one page of a database."""


class Person:
    """Drives one client."""

    def __init__(self, plan: DevicePlan, client: Client, journal: Journal, counts: Counts) -> None:
        lines = journal.lines()
        self.plan = plan
        self._client = client
        self._journal = journal
        self._counts = counts
        self._intents = sum(isinstance(line, Intent) for line in lines)
        self._queued = sum(isinstance(line, Queued) for line in lines)
        # Another life, other choices; the first one's are the seed's.
        self._chance = Random(plan.seed + self._intents)
        self._own: deque[Message] = deque(maxlen=40)
        """What may still be taken back."""
        self._room = asyncio.Semaphore(WINDOW)
        self._under_way: asyncio.TaskGroup | None = None
        self._said_all = False

    async def live(self, enough: asyncio.Event) -> None:
        """Until everything is said, or it is enough; and until the server has answered all of it."""
        self._journal.write(Started(len(self._client.outbox())))
        async with asyncio.TaskGroup() as self._under_way:
            while self._queued < self.plan.sends and not enough.is_set():
                await self._turn()
        self._said_all = True

    @property
    def drained(self) -> bool:
        """Whether nothing waits for the server any more."""
        return self._said_all and not any(not entry.refused for entry in self._client.outbox())

    def refused_sends(self) -> list[Entry]:
        """What must never be: nothing that is said here can be refused."""
        return [entry for entry in self._client.outbox() if entry.kind == "send"]

    async def _turn(self) -> None:
        acts: list[tuple[float, Callable[[int], Awaitable[None]]]] = [
            (100, self._send),
            (8, self._read),
            (4, self._recall),
            (1, self._delete_for_all),
            (2, self._delete_for_me),
            (2, self._arrange),
            (0.4, self._clear),
            (0.2, self._delete_contact),
            (0.5, self._scroll),
            (0.2, self._look),
            (0.3, self._nap),
        ]
        (_, act) = self._chance.choices(acts, [weight for weight, _ in acts])[0]
        try:
            await act(self._chance.choice(self.plan.peers))
        except errors.SixinError:
            self._counts.refused += 1  # no link just now, too late, nothing said there yet

    # What is said.

    async def _send(self, peer: int) -> None:
        await self._room.acquire()
        text = self._text()
        session_id = self._client.session_of(peer)
        self._journal.write(Intent(now_ns(), session_id, text))
        self._intents += 1
        pending = await self._client.send(peer, text)
        self._journal.write(Queued(session_id, pending.seq_id, text))
        self._queued += 1
        self._counts.queued += 1
        self._start(self._said(pending))

    def _text(self) -> str:
        """Unlike every other, and recognisable in the bytes of a file: at its beginning, and where it is long, at its
        end."""
        token = f"<{self.plan.device_id}-{self._intents:06}>"
        if self._chance.random() < LARGE:
            return f"{token} {'很长 ' * self._chance.randint(300, 1_500)}{token}"
        return f"{token} {'你好吗 ' * self._chance.randint(0, 12)}"

    async def _said(self, pending: Pending[Message]) -> None:
        try:
            message = await pending.delivered()
        finally:
            self._room.release()
        self._journal.write(
            Acknowledged(
                now_ns(), pending.session_id, pending.seq_id, message.msg_id, message.ordinal, message.sort_key
            )
        )
        self._counts.acknowledged += 1
        self._own.append(message)

    # What else is done; each only if there is room for it.

    async def _read(self, peer: int) -> None:
        up_to = self._newest(peer).msg_id
        self._queue("read", await self._client.read(peer, up_to), up_to)

    async def _clear(self, peer: int) -> None:
        up_to = self._newest(peer).msg_id
        self._queue("clear", await self._client.clear(peer, up_to), up_to)

    async def _delete_for_me(self, peer: int) -> None:
        msg_id = self._newest(peer).msg_id
        self._queue("delete_me", await self._client.delete(peer, [msg_id]), msg_id)

    async def _delete_for_all(self, _: int) -> None:
        if self._own:
            message = self._chance.choice(self._own)
            pending = await self._client.delete(message.session_id, [message.msg_id], scope="all")
            self._queue("delete_all", pending, message.msg_id)

    async def _arrange(self, peer: int) -> None:
        on = self._chance.random() < 0.5
        match self._chance.randrange(3):
            case 0:
                pending = await self._client.pin(peer, on)
            case 1:
                pending = await self._client.mute(peer, on)
            case _:
                pending = await self._client.label(peer, ["family"] if on else [])
        self._queue(None, pending, 0)

    async def _recall(self, _: int) -> None:
        if self._own:
            message = self._chance.choice(self._own)
            await self._client.recall(message.session_id, message.msg_id)
            self._done("recall", message.session_id, message.msg_id)

    async def _delete_contact(self, peer: int) -> None:
        contact = await self._client.delete_contact(peer)
        self._done("delete_contact", contact.session_id, contact.last_msg_id)

    async def _scroll(self, peer: int) -> None:
        page = await self._client.history(peer, limit=self._chance.randint(1, 30))
        if page.before is not None:
            await self._client.history(peer, before=page.before, limit=50)

    async def _look(self, peer: int) -> None:
        async with self._client.open_chat(peer):
            await asyncio.sleep(self._chance.uniform(0, 0.5))

    async def _nap(self, peer: int) -> None:
        await self._client.go_offline()
        while not self._room.locked() and self._chance.random() < 0.7 and self._queued < self.plan.sends:
            await self._send(peer)
        await asyncio.sleep(self._chance.uniform(0, 1))
        self._client.go_online()

    def _newest(self, peer: int) -> Message:
        contact = self._client.contact(peer)
        if contact is None or contact.last_message is None:
            raise errors.NotFound("There is nothing there yet.")
        return contact.last_message

    def _queue(self, op: Op | None, pending: Pending[Contact], msg_id: int) -> None:
        self._start(self._followed(op, pending, msg_id))

    async def _followed(self, op: Op | None, pending: Pending[Contact], msg_id: int) -> None:
        try:
            await pending.delivered()
        except errors.SixinError:
            self._counts.refused += 1
            with contextlib.suppress(errors.SixinError):
                self._client.discard(pending.entry)
            return
        if op is None:
            self._counts.other += 1
        else:
            self._done(op, pending.session_id, msg_id)

    def _done(self, op: Op, session_id: str, msg_id: int) -> None:
        self._journal.write(Done(op, session_id, msg_id))
        self._counts.other += 1

    def _start(self, task: Coroutine[Any, Any, None]) -> None:
        assert self._under_way is not None
        self._under_way.create_task(task)
