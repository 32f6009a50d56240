"""Sync vectors: what a `Sync` was told, in JSON, and what it gave back. Written from runs of the simulated afternoon;
read by this language and by the browser's.

A step is `{"do": method, "with": arguments, "writes" | "gives": result}`. Pulls are numbered as they are made, and
named by their number where they come back. After each step its writes are taken by the heads and by the store, which
holds what `ends` says when all is over.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from sixin.client.heads import Heads
from sixin.client.held import Held
from sixin.client.model import State, Writes
from sixin.client.ranges import Range
from sixin.client.requests import Pull, PullContacts, PullHidden, PullNew, PullOld
from sixin.client.store.base import Store
from sixin.client.store.memory import MemoryStore
from sixin.client.sync import Sizes, Sync
from sixin.core.ids import MsgId, SessionId
from sixin.core.limits import SAFE_INTEGER_MAX
from sixin.core.message import Message
from sixin.core.wire.bodies import ContactView, MessageView
from sixin.core.wire.codec import decode_as, encode
from sixin.core.wire.views import contact_of, contact_view, message_of, message_view

FOLDER = Path(__file__).parents[1] / "vectors" / "sync"

_OPS = {PullContacts: "pull_contacts", PullNew: "pull_new", PullOld: "pull_old", PullHidden: "pull_hidden"}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return json.loads(encode(value))


def pull_in_json(pull: Pull) -> dict[str, Any]:
    """A pull by its operation, ids as text."""
    return {"pull": _OPS[type(pull)], **plain(pull)}


def held_in_json(held: Held) -> dict[str, Any]:
    """Ranges as objects, for readers."""
    ranges = [{"low": one.low, "high": one.high, "version": one.version} for one in held.ranges]
    return {"session_id": held.session_id, "ranges": ranges, "hidden_version": held.hidden_version}


def writes_in_json(writes: Writes) -> dict[str, Any]:
    """What is to be written, without the fields that are empty."""
    fields = {
        "forget": writes.forget,
        "messages": [plain(message_view(one)) for one in writes.messages],
        "hidden": [{"session_id": one.session_id, "msg_ids": [str(i) for i in one.msg_ids]} for one in writes.hidden],
        "cleared": [{"session_id": one.session_id, "up_to": str(one.up_to)} for one in writes.cleared],
        "gaps": plain(writes.gaps),
        "contacts": [plain(contact_view(one)) for one in writes.contacts],
        "contact_version": writes.contact_version,
        "held": [held_in_json(one) for one in writes.held],
    }
    # Not `in (None, False, [])`: 0 is equal to False, and to go back to version 0 is something to write.
    return {name: value for name, value in fields.items() if value is not None and value is not False and value != []}


def copy_from(heads: Heads) -> Store:
    """A reference store that holds what a device holds, but for the messages."""
    store = MemoryStore()
    begin_copy(store, heads)
    return store


def begin_copy(store: Store, heads: Heads) -> None:
    """The same in any new store."""
    store.open()
    contacts, held = list(heads.contacts.values()), list(heads.held.values())
    store.apply(Writes(contacts=contacts, held=held, contact_version=heads.contact_version))


def copy_in_json(store: Store) -> dict[str, Any]:
    """All that a store holds of the timelines: by session, messages oldest first."""
    store.close()
    state = store.open()
    sessions = sorted({one.session_id for one in state.contacts} | {one.session_id for one in state.held})
    messages = [one for session_id in sessions for one in reversed(_page(store, session_id))]
    return {
        "contact_version": state.contact_version,
        "contacts": [plain(contact_view(one)) for one in sorted(state.contacts, key=lambda one: one.session_id)],
        "held": [held_in_json(one) for one in sorted(state.held, key=lambda one: one.session_id)],
        "messages": [plain(message_view(one)) for one in messages],
    }


def _page(store: Store, session_id: SessionId) -> list[Message]:
    return store.page(session_id, low=0, high=SAFE_INTEGER_MAX, limit=SAFE_INTEGER_MAX)


class Replay:
    """One vector, step by step, against a `Sync` of its own."""

    def __init__(self, vector: dict[str, Any], *stores: Store) -> None:
        """`stores`: new ones that are to follow."""
        state = vector["state"]
        self.heads = Heads(
            State(
                uid=0,
                device_id="",
                contact_version=state["contact_version"],
                last_seq_id=0,
                contacts=[_contact(one) for one in state["contacts"]],
                held=[_held(one) for one in state["held"]],
                entries=[],
            )
        )
        self.sync = Sync(self.heads, Sizes(**vector["sizes"]))
        self.pulls: list[Pull] = []
        self._stores = stores
        for store in stores:
            begin_copy(store, self.heads)

    def step(self, step: dict[str, Any]) -> dict[str, Any]:
        """Do it, and give the step as it should have been recorded."""
        given = dict(step.get("with", {}))
        if "pull" in given:
            given["pull"] = self.pulls[given["pull"]]
        outcome = CALLS[step["do"]](self.sync, given)
        came: dict[str, Any] = {name: step[name] for name in ("do", "with") if name in step}
        if isinstance(outcome, Writes):
            self.heads.take(outcome)
            for store in self._stores:
                store.apply(outcome)
            came["writes"] = writes_in_json(outcome)
        elif isinstance(outcome, list):
            self.pulls += outcome
            came["gives"] = [pull_in_json(pull) for pull in outcome]
        return came


def _message(view: Any) -> Any:
    return None if view is None else message_of(decode_as(MessageView, json.dumps(view, ensure_ascii=False).encode()))


def _contact(view: Any) -> Any:
    return None if view is None else contact_of(decode_as(ContactView, json.dumps(view, ensure_ascii=False).encode()))


def _held(view: dict[str, Any]) -> Held:
    return Held(view["session_id"], tuple(Range(**one) for one in view["ranges"]), view["hidden_version"])


def _pulled(sync: Sync, given: dict[str, Any]) -> Writes:
    pull, answer = given["pull"], given["answer"]
    version_id, more = answer["version_id"], answer["more"]
    match pull:
        case PullContacts():
            return sync.contacts_pulled(pull, [_contact(one) for one in answer["contacts"]], version_id, more=more)
        case PullNew():
            return sync.new_pulled(pull, [_message(one) for one in answer["messages"]], version_id, more=more)
        case PullOld():
            return sync.old_pulled(pull, [_message(one) for one in answer["messages"]], version_id, more=more)
        case _:
            return sync.hidden_pulled(pull, [MsgId(int(one)) for one in answer["msg_ids"]], version_id, more=more)


CALLS: dict[str, Callable[[Sync, dict[str, Any]], Any]] = {
    "connected": lambda sync, given: sync.connected(given["contact_version"]),
    "disconnected": lambda sync, given: sync.disconnected(),
    "list_entered": lambda sync, given: sync.list_entered(),
    "chat_opened": lambda sync, given: sync.chat_opened(given["session_id"]),
    "chat_closed": lambda sync, given: sync.chat_closed(given["session_id"]),
    "timer": lambda sync, given: sync.timer(),
    "wanted": lambda sync, given: sync.wanted(given["session_id"]),
    "message_noticed": lambda sync, given: sync.message_noticed(
        given["session_id"], given["version_id"], _message(given["message"])
    ),
    "contact_noticed": lambda sync, given: sync.contact_noticed(given["version_id"], _contact(given["contact"])),
    "pulled": _pulled,
    "refused": lambda sync, given: sync.refused(given["pull"], again=given["again"]),
    "requests": lambda sync, given: sync.requests(),
    "page_of": lambda sync, given: [
        sync.newest_of(given["session_id"], given["limit"])
        if given["before"] is None
        else sync.page_of(given["session_id"], given["before"], given["limit"])
    ],
}


def stored() -> list[Path]:
    """Every vector there is."""
    return sorted(FOLDER.glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    """One vector."""
    return dict(msgspec.json.decode(path.read_bytes()))
