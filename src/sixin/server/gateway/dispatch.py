"""Dispatch: the one way in for both doors. A body is decoded, a command queued or a read begun, the answer encoded."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from msgspec import Raw, Struct

from sixin.core import errors
from sixin.core.commands import Command
from sixin.core.contact import Contact, UserHead
from sixin.core.decide import Decision
from sixin.core.ids import SessionId, Uid, pair_members
from sixin.core.limits import READS_WAITING_MAX, STORE_TIMEOUT_S
from sixin.core.message import Message
from sixin.core.timeline import ContactPage, MessagePage
from sixin.core.wire.bodies import Nothing, SessionBody, UnreadAnswer
from sixin.core.wire.codec import decode_body, encode
from sixin.server.gateway.throttle import Throttle
from sixin.server.notify.hub import Hub
from sixin.server.operations import contacts, messages
from sixin.server.operations.actor import Actor, session_named
from sixin.server.operations.pulls import Found, Pulls
from sixin.server.store.writer import Outcome, Writer

log = logging.getLogger(__name__)

Reply = Callable[[bytes | errors.SixinError], None]
"""Told once: the encoded answer, or what refused the request."""

CHANGES: dict[str, Callable[[Actor, Any], Command]] = {
    "send": messages.send,
    "recall": messages.recall,
    "delete": messages.delete,
    "clear": contacts.clear,
    "delete_contact": contacts.delete_contact,
    "read": contacts.read,
    "pin": contacts.pin,
    "mute": contacts.mute,
    "label": contacts.label,
}


class Dispatch:
    """Takes requests of actors the door has identified."""

    def __init__(self, *, writer: Writer, pulls: Pulls, hub: Hub, throttle: Throttle) -> None:
        self._writer = writer
        self._hub = hub
        self._throttle = throttle
        self._reads: dict[str, Callable[[Actor, Any], Found[Any]]] = {
            "pull_new": pulls.pull_new,
            "pull_old": pulls.pull_old,
            "pull_contacts": pulls.pull_contacts,
            "pull_hidden": pulls.pull_hidden,
            "contact": pulls.contact,
            "unread": pulls.unread,
        }
        self._reading: set[asyncio.Task[None]] = set()
        self.requests: dict[str, int] = dict.fromkeys((*CHANGES, *self._reads, "typing"), 0)
        self.refusals: dict[str, int] = dict.fromkeys((*errors.BY_CODE, errors.RateLimited.code), 0)

    def begin(self, actor: Actor, op: str, body: bytes | Raw, reply: Reply) -> None:
        """Carry out a request; `reply` is called once, now or later. Never raises."""
        try:
            self._throttle.take(actor.uid)
            self._begin(actor, op, body, reply)
        except errors.SixinError as error:
            self._refuse(error, reply)
        except Exception:
            # One request that we cannot handle must not take its connection, or the server, with it.
            log.exception("request_failed", extra={"op": op[:32]})
            self._refuse(errors.Internal(), reply)

    def _begin(self, actor: Actor, op: str, body: bytes | Raw, reply: Reply) -> None:
        request = decode_body(op, body)
        if op in self.requests:
            self.requests[op] += 1
        change = CHANGES.get(op)
        if change is not None:
            self._writer.submit(change(actor, request), partial(self._finish, reply))
        elif op == "typing":
            self._tell_typing(actor, request)
            reply(encode(Nothing()))
        else:
            self._begin_read(op, self._reads[op](actor, request), reply)

    def _finish(self, reply: Reply, outcome: Outcome) -> None:
        if isinstance(outcome, Decision):
            reply(self._encode(outcome.answer))
        else:
            self._refuse(outcome, reply)

    def _begin_read(self, op: str, found: Found[Struct], reply: Reply) -> None:
        if isinstance(found, Struct):
            reply(self._encode(found))
            return
        if len(self._reading) >= READS_WAITING_MAX:
            found.close()
            raise errors.Unavailable("Too many reads are waiting; try again in a moment.")
        task = asyncio.get_running_loop().create_task(self._read(op, found, reply))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, op: str, reading: Coroutine[Any, Any, Struct], reply: Reply) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                answer = self._encode(await reading)
        except errors.SixinError as error:
            self._refuse(error, reply)
        except TimeoutError:
            self._refuse(errors.Unavailable(), reply)
        except asyncio.CancelledError:
            self._refuse(errors.Unavailable("The server is stopping; try another node, or again in a moment."), reply)
            raise
        except Exception:
            log.exception("read_failed", extra={"op": op})
            self._refuse(errors.Internal(), reply)
        else:
            reply(answer)

    def count_refusal(self, code: str) -> None:
        """A door has refused something by itself."""
        self.refusals[code] += 1

    def _refuse(self, error: errors.SixinError, reply: Reply) -> None:
        self.count_refusal(error.code)
        reply(error)

    def _tell_typing(self, actor: Actor, body: SessionBody) -> None:
        session_id: SessionId = session_named(actor, body)
        others: tuple[Uid, ...] = tuple(uid for uid in pair_members(session_id) if uid != actor.uid)
        if others:
            self._hub.typing(session_id, actor.uid, others)

    def _encode(self, answer: Struct) -> bytes:
        encoded = self._hub.encoded
        if isinstance(answer, Message):
            return b'{"message":%b}' % encoded.message(answer)
        if isinstance(answer, Contact):
            return b'{"contact":%b}' % encoded.contact(answer)
        if isinstance(answer, MessagePage):
            return encoded.message_page(answer)
        if isinstance(answer, ContactPage):
            return encoded.contact_page(answer)
        if isinstance(answer, UserHead):
            return encode(UnreadAnswer(answer.unread_total))
        return encode(answer)

    async def call(self, actor: Actor, op: str, body: bytes) -> bytes:
        """The same for a door that waits: the encoded answer. Raises what refused it."""
        future: asyncio.Future[bytes | errors.SixinError] = asyncio.get_running_loop().create_future()
        self.begin(actor, op, body, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if isinstance(answer, errors.SixinError):
            raise answer
        return answer

    async def close(self) -> None:
        """End the reads that still wait; whoever asked is told `unavailable`."""
        for task in tuple(self._reading):
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
