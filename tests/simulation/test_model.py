"""Every public operation against the model, over real stores, with the cache warm and cold.

After each operation: what was answered, what a device that only listens holds, and what a fresh device pulls are equal.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count, cycle
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from sixin.core.errors import SixinError
from sixin.core.ids import Uid
from sixin.server.app import Node
from sixin.server.auth import Tokens
from sixin.server.config import Settings
from sixin.server.operations.actor import Actor
from sixin.server.store.base import Store
from tests.matrix import MEMORY, MODEL, SQLITE, Ground, acquainted
from tests.simulation.model import Model, Refused, Said
from tests.simulation.network import payload_of
from tests.simulation.servers import BORN_MS

SECRET = "s" * 32
USERS = 3
EXAMPLES = 25
EXAMPLES_ELSEWHERE = 10
STEPS = 30

NEXT_UID = count(1_000, 10)
"""Each example has users of its own, so that a store can serve many examples."""

who = st.integers(0, USERS - 1)
back = st.integers(0, 6)
"""Which message, counted from the newest."""
page = st.sampled_from([1, 2, 3, 500])
words = st.sampled_from(["你好", "在家吗?", "x" * 5_000])

Json = dict[str, Any]


class Listener:
    """A device that only listens: it holds what the notices told it."""

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.version = 0
        self.contacts: dict[str, Json] = {}
        self.messages: dict[str, dict[str, Json]] = {}
        self.versions: dict[str, int] = {}
        self.untold: set[str] = set()
        """What a notice only gave the version of, because it is large, or not for these eyes: then a device pulls."""
        self._told = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Take a notice in. None is lost here, so each is the next version; a node that has just found its bus says
        once more how far somebody is."""
        self._told.set()
        notice = msgspec.json.decode(payload_of(frame))
        if notice["notice"] == "contact":
            assert notice["version_id"] == self.version + 1 or "contact" not in notice or "contacts" in self.untold
            self.version = max(self.version, notice["version_id"])
            if "contact" in notice:
                self.contacts[notice["contact"]["session_id"]] = notice["contact"]
            else:
                self.untold.add("contacts")
        elif notice["notice"] == "message":
            session_id = notice["session_id"]
            assert notice["version_id"] == self.versions.get(session_id, 0) + 1
            self.versions[session_id] = notice["version_id"]
            if "message" in notice:
                self.messages.setdefault(session_id, {})[notice["message"]["msg_id"]] = notice["message"]
            else:
                self.untold.add(session_id)

    async def hears(self, version: int, session_id: str, message_version: int) -> None:
        """Wait until it was told so much; by another node that takes a moment."""
        while self.version < version or self.versions.get(session_id, 0) < message_version:
            self._told.clear()
            await self._told.wait()

    def flush(self) -> None:
        """Everything is taken at once."""

    def revoke(self, tokens_from_s: int) -> None:
        """It has no token."""


class Operations(RuleBasedStateMachine):
    """What people do, one thing after the other. Of several nodes each user is connected to another one, and whatever
    is asked is asked of the next one."""

    ground: ClassVar[Ground]
    store: ClassVar[Store]
    runner: ClassVar[asyncio.Runner]
    cache: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        first = next(NEXT_UID)
        self.uids = [first + place for place in range(USERS)]
        self.model = Model()
        self.now_ms = BORN_MS
        self.seqs = count(1)
        self.listeners = {uid: Listener(uid) for uid in self.uids}
        self.nodes = self.runner.run(self._start())
        self._asked = cycle(range(len(self.nodes)))

    async def _start(self) -> list[Node]:
        nodes = [
            Node(
                Settings(secret=SECRET, cache=self.cache, requests_per_s=0),
                store=self.store,
                bus=self.ground.bus(),
                tokens=Tokens(SECRET),
                clock_ms=lambda: self.now_ms,
            )
            for _ in range(self.ground.place.nodes)
        ]
        for node in nodes:
            await node.start()
        for (uid, listener), node in zip(self.listeners.items(), cycle(nodes), strict=False):
            node.hub.connect(Uid(uid), listener)
        await acquainted([node.bus for node in nodes], [Uid(uid) for uid in self.uids])
        return nodes

    async def _stop(self) -> None:
        for node in self.nodes:
            await node.stop()

    def teardown(self) -> None:
        """Let go of the nodes; the store stays."""
        self.runner.run(self._stop())

    def ask(self, uid: int, op: str, body: Json, *, moderator: bool = False) -> Json:
        """Ask a server. Raises `Refused` with its code."""
        actor = Actor(Uid(uid), moderator=moderator)
        call = self.nodes[next(self._asked)].dispatch.call(actor, op, msgspec.json.encode(body))
        try:
            answer: Json = msgspec.json.decode(self.runner.run(_in_time(call)))
        except SixinError as error:
            raise Refused(error.code) from None
        return answer

    def both(self, uid: int, op: str, body: Json, expected: Any, *, moderator: bool = False) -> Json | None:
        """Ask the server and the model: they refuse alike, or neither does. `expected` is called for the model."""
        said = answer = code = None
        try:
            said = expected()
        except Refused as refused:
            (code,) = refused.args
        if code is None:
            answer = self.ask(uid, op, body, moderator=moderator)
        else:
            with pytest.raises(Refused, match=f"^{code}$"):
                self.ask(uid, op, body, moderator=moderator)
        if isinstance(said, Said) and answer is not None:
            said.msg_id = said.msg_id or int(answer["message"]["msg_id"])
            assert _timeless(answer["message"]) == self.model.message_view(body["session_id"], said)
        elif answer is not None:
            assert _timeless_contact(answer["contact"]) == self.model.contact_view(uid, body["session_id"])
        self.compare()
        self.compare_messages(uid, body["session_id"])
        return answer

    def compare(self) -> None:
        """What was there before plus the notices is what is fetched fresh, and what the model says."""
        for uid in self.uids:
            listener = self.listeners[uid]
            fresh = self.ask(uid, "pull_contacts", {"after_version": 0, "limit": 1_000})
            expected = self.model.contacts(uid)
            assert [_timeless_contact(contact) for contact in fresh["contacts"]] == expected
            assert fresh["unread_total"] == self.model.total(uid)
            assert fresh["version_id"] == self.model.versions.get(uid, 0)
            self.runner.run(_in_time(listener.hears(fresh["version_id"], "", 0)))
            contacts = {contact["session_id"]: contact for contact in fresh["contacts"]}
            if "contacts" in listener.untold:
                listener.contacts = contacts
            assert listener.contacts == contacts
            listener.untold.clear()

    def compare_messages(self, uid: int, session_id: str) -> None:
        """The same for the messages of a session."""
        listener = self.listeners[uid]
        fresh = self.ask(uid, "pull_old", {"session_id": session_id, "limit": 500})["messages"]
        assert [_timeless(message) for message in fresh] == self.model.seen(uid, session_id)
        self.runner.run(_in_time(listener.hears(0, session_id, self.model.version(session_id))))
        held = listener.messages.get(session_id, {})
        for message in fresh:
            if len(str(message["content"])) < 1_000:
                assert held[message["msg_id"]] == message

    def session(self, one: int, other: int) -> tuple[int, str]:
        """Who acts, and where."""
        uid, peer = self.uids[one], self.uids[other]
        return uid, f"{min(uid, peer)}:{max(uid, peer)}"

    def message(self, session_id: str, place: int) -> str | None:
        """A message that was said there."""
        talk = self.model.talks.get(session_id)
        if talk is None or not talk.messages:
            return None
        return str(talk.messages[-1 - place % len(talk.messages)].msg_id)

    @initialize(one=who, other=who)
    def somebody_begins(self, one: int, other: int) -> None:
        self.send(one, other, "hello")

    @rule(one=who, other=who, text=words)
    def send(self, one: int, other: int, text: str) -> None:
        uid, session_id = self.session(one, other)
        self._send(uid, session_id, next(self.seqs), {"type": "text", "text": text})

    def _send(self, uid: int, session_id: str, seq_id: int, content: Json) -> None:
        body = {"session_id": session_id, "seq_id": seq_id, "content": content}
        self.both(uid, "send", body, lambda: self.model.send(uid, session_id, seq_id, content, self.now_ms))

    @rule(one=who, other=who, place=back, same=st.booleans())
    def send_again(self, one: int, other: int, place: int, same: bool) -> None:
        _, session_id = self.session(one, other)
        talk = self.model.talks.get(session_id)
        if talk is not None and talk.messages:
            said = talk.messages[-1 - place % len(talk.messages)]
            content = said.content if same else {"type": "text", "text": "another"}
            self._send(said.sender, session_id, said.seq_id, content)  # type: ignore[arg-type]

    @rule(one=who, other=who, place=back, moderator=st.booleans())
    def recall(self, one: int, other: int, place: int, moderator: bool) -> None:
        """A moderator takes back no more than anybody else."""
        uid, session_id = self.session(one, other)
        msg_id = self.message(session_id, place)
        if msg_id is not None:
            body = {"session_id": session_id, "msg_id": msg_id}
            recalled = partial(self.model.recall, uid, session_id, int(msg_id), self.now_ms)
            self.both(uid, "recall", body, recalled, moderator=moderator)

    @rule(one=who, other=who, places=st.lists(back, min_size=1, max_size=3), scope=st.sampled_from(["me", "all"]))
    def delete(self, one: int, other: int, places: list[int], scope: str) -> None:
        uid, session_id = self.session(one, other)
        msg_ids = [msg_id for place in places if (msg_id := self.message(session_id, place)) is not None]
        if msg_ids:
            model = self.model.delete_me if scope == "me" else self.model.delete_all
            body = {"session_id": session_id, "msg_ids": msg_ids, "scope": scope}
            self.both(uid, "delete", body, lambda: model(uid, session_id, [int(msg_id) for msg_id in msg_ids]))

    @rule(one=who, other=who, places=st.lists(back, min_size=1, max_size=3))
    def moderate(self, one: int, other: int, places: list[int]) -> None:
        """A moderator deletes for all, whoever said it, where he is a member and sees it."""
        uid, session_id = self.session(one, other)
        msg_ids = [msg_id for place in places if (msg_id := self.message(session_id, place)) is not None]
        if msg_ids:
            body = {"session_id": session_id, "msg_ids": msg_ids, "scope": "all"}
            named = [int(msg_id) for msg_id in msg_ids]
            deleted = partial(self.model.delete_all, uid, session_id, named, moderator=True)
            self.both(uid, "delete", body, deleted, moderator=True)

    @rule(one=who, other=who, place=back)
    def read(self, one: int, other: int, place: int) -> None:
        uid, session_id = self.session(one, other)
        msg_id = self.message(session_id, place)
        if msg_id is not None:
            body = {"session_id": session_id, "msg_id": msg_id}
            self.both(uid, "read", body, lambda: self.model.read(uid, session_id, int(msg_id)))

    @rule(one=who, other=who, place=st.none() | back)
    def clear(self, one: int, other: int, place: int | None) -> None:
        uid, session_id = self.session(one, other)
        up_to = None if place is None else self.message(session_id, place)
        mark = None if up_to is None else int(up_to)
        body = {"session_id": session_id} | ({} if up_to is None else {"up_to_msg_id": up_to})
        self.both(uid, "clear", body, lambda: self.model.clear(uid, session_id, mark))

    @rule(one=who, other=who)
    def delete_contact(self, one: int, other: int) -> None:
        uid, session_id = self.session(one, other)
        body = {"session_id": session_id}
        self.both(uid, "delete_contact", body, lambda: self.model.delete_contact(uid, session_id))

    @rule(one=who, other=who, pinned=st.booleans())
    def pin(self, one: int, other: int, pinned: bool) -> None:
        self._set(*self.session(one, other), "pin", "pinned", pinned)

    @rule(one=who, other=who, muted=st.booleans())
    def mute(self, one: int, other: int, muted: bool) -> None:
        self._set(*self.session(one, other), "mute", "muted", muted)

    @rule(one=who, other=who, labels=st.lists(st.sampled_from(["a", "家"]), max_size=3))
    def label(self, one: int, other: int, labels: list[str]) -> None:
        uid, session_id = self.session(one, other)
        once = tuple(dict.fromkeys(labels))
        body = {"session_id": session_id, "labels": labels}
        self.both(uid, "label", body, lambda: self.model.set(uid, session_id, "labels", once))

    def _set(self, uid: int, session_id: str, op: str, name: str, value: bool) -> None:
        body = {"session_id": session_id, name: value}
        self.both(uid, op, body, lambda: self.model.set(uid, session_id, name, value))

    @rule(one=who, other=who, after=st.integers(0, 12), born_up_to=st.none() | st.integers(0, 12), limit=page)
    def pull_new(self, one: int, other: int, after: int, born_up_to: int | None, limit: int) -> None:
        uid, session_id = self.session(one, other)
        expected = self.model.changed(uid, session_id, after, born_up_to)
        found: list[Json] = []
        while True:
            body = {"session_id": session_id, "after_version": after, "limit": limit}
            answer = self.ask(uid, "pull_new", body | ({} if born_up_to is None else {"born_up_to": born_up_to}))
            found += answer["messages"]
            after = answer["version_id"]
            if not answer["more"]:
                break
        assert [_timeless(message) for message in found] == expected
        assert after == self.model.version(session_id)

    @rule(one=who, other=who, before=st.none() | st.integers(0, 12), limit=page)
    def pull_old(self, one: int, other: int, before: int | None, limit: int) -> None:
        uid, session_id = self.session(one, other)
        seen = self.model.seen(uid, session_id)
        expected = [row for row in seen if before is None or row["sort_key"] < before]
        found: list[Json] = []
        while True:
            body = {"session_id": session_id, "limit": limit} | ({} if before is None else {"before_sort_key": before})
            answer = self.ask(uid, "pull_old", body)
            assert answer["version_id"] == self.model.version(session_id)
            found = answer["messages"] + found
            if not answer["more"]:
                break
            before = answer["messages"][0]["sort_key"]
        assert [_timeless(message) for message in found] == expected

    @rule(one=who, after=st.integers(0, 20), limit=page)
    def pull_contacts(self, one: int, after: int, limit: int) -> None:
        uid = self.uids[one]
        expected = [view for view in self.model.contacts(uid) if view["version_id"] > after]
        found: list[Json] = []
        while True:
            answer = self.ask(uid, "pull_contacts", {"after_version": after, "limit": limit})
            found += answer["contacts"]
            after = answer["version_id"]
            if not answer["more"]:
                break
        assert [_timeless_contact(contact) for contact in found] == expected

    @rule(one=who, other=who, after=st.integers(0, 20))
    def pull_hidden(self, one: int, other: int, after: int) -> None:
        uid, session_id = self.session(one, other)
        talk = self.model.talks.get(session_id)
        line = talk.lines.get(uid) if talk is not None else None
        hidden = line.hidden if line is not None else {}
        answer = self.ask(uid, "pull_hidden", {"session_id": session_id, "after_version": after})
        assert {int(msg_id) for msg_id in answer["msg_ids"]} == {m for m, version in hidden.items() if version > after}

    @rule(one=who, other=who)
    def look_at_one(self, one: int, other: int) -> None:
        uid, session_id = self.session(one, other)
        talk = self.model.talks.get(session_id)
        if talk is None or uid not in talk.lines:
            with pytest.raises(Refused, match="not_found"):
                self.ask(uid, "contact", {"session_id": session_id})
        else:
            answer = self.ask(uid, "contact", {"session_id": session_id})
            assert _timeless_contact(answer["contact"]) == self.model.contact_view(uid, session_id)
        assert self.ask(uid, "unread", {})["unread_total"] == self.model.total(uid)

    @rule(seconds=st.sampled_from([-3_600, -1, 1, 119, 121, 86_400]))
    def time_passes_or_steps_back(self, seconds: int) -> None:
        self.now_ms += seconds * 1_000

    @rule()
    def restart(self) -> None:
        self.runner.run(self._stop())
        self.nodes = self.runner.run(self._start())

    @precondition(lambda self: self.cache)
    @rule()
    def forget_the_cache(self) -> None:
        for node in self.nodes:
            node.cache.forget()


async def _nothing() -> None:
    """A store that many nodes use is open, and stays open: so a restart costs nothing."""


async def _in_time(call: Any) -> Any:
    async with asyncio.timeout(10):
        return await call


def _timeless(message: Json) -> Json:
    return {name: value for name, value in message.items() if name not in ("sent_at_ms", "changed_at_ms")}


def _timeless_contact(contact: Json) -> Json:
    preview = contact["last_message"]
    return contact | {"last_message": None if preview is None else _timeless(preview)}


# A store that others may write has no cache.
HERE = [(place, cache) for place in MODEL for cache in ([True, False] if place.store != "PostgreSQL" else [False])]


@pytest.fixture(params=HERE, ids=lambda here: f"{here[0]}, {'warm' if here[1] else 'cold'}")
def here(request: pytest.FixtureRequest) -> Iterator[type[Operations]]:
    place, cache = request.param
    ground = Ground(place, request)
    store = ground.store()
    close = store.close
    with asyncio.Runner() as runner:
        runner.run(store.open())
        store.open = store.close = _nothing  # type: ignore[method-assign]
        try:
            yield type(
                "OperationsHere", (Operations,), {"ground": ground, "store": store, "runner": runner, "cache": cache}
            )
        finally:
            with suppress(SixinError):
                runner.run(close())


def test_the_server_does_what_the_model_says(here: type[Operations]) -> None:
    run_state_machine_as_test(
        here,
        settings=settings(
            max_examples=EXAMPLES if here.ground.place in (MEMORY, SQLITE) else EXAMPLES_ELSEWHERE,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
