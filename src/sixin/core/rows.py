"""The working set: the rows a batch of commands names, and what the commands made of them.

`keys_of` says which rows a command names, so that a store can load those of a whole batch at once, set-wise.
`Rows` holds what was loaded. A command sees what the commands before it in the batch have changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from msgspec import Struct

from sixin.core import commands
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.ids import MsgId, SessionId, Slot, Tick, Uid, pair_members, slot_of
from sixin.core.message import Message
from sixin.core.session import Session, SlotHead

ContactKey = tuple[Uid, SessionId]
SeqKey = tuple[SessionId, Uid, int]
HiddenKey = tuple[Uid, MsgId]


class Changes(Struct, frozen=True, gc=False):
    """Rows as they will be, by kind and each once: what one decision changes, or a whole batch.

    By kind, because whoever takes it in (the working set, an engine, the cache) has one place for each.
    """

    slots: tuple[SlotHead, ...] = ()
    sessions: tuple[Session, ...] = ()
    users: tuple[UserHead, ...] = ()
    contacts: tuple[Contact, ...] = ()
    """Stored without the content of `last_message`: its id alone, so that content is stored once."""
    born: tuple[Message, ...] = ()
    """Messages that were not there before. One that lost its content in the batch it was sent in is here, empty."""
    emptied: tuple[Message, ...] = ()
    """Messages that lost their content; it must not survive in the store's files. By version, as they became so."""
    hidden: tuple[Hidden, ...] = ()
    profiles: tuple[Profile, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes. Whatever happens in a session or to a user changes a head."""
        return bool(self.users or self.profiles)


NO_CHANGES: Final = Changes()


def merged(parts: Sequence[Changes]) -> Changes:
    """What several decisions, one after the other, come to: each row once, as the last of them left it."""
    born = {row.msg_id: row for part in parts for row in part.born}
    emptied = {row.msg_id: row for part in parts for row in part.emptied}
    for msg_id in born.keys() & emptied.keys():
        born[msg_id] = emptied.pop(msg_id)
    return Changes(
        slots=tuple({row.slot: row for part in parts for row in part.slots}.values()),
        sessions=tuple({row.session_id: row for part in parts for row in part.sessions}.values()),
        users=tuple({row.uid: row for part in parts for row in part.users}.values()),
        contacts=tuple({(row.owner, row.session_id): row for part in parts for row in part.contacts}.values()),
        born=tuple(born.values()),
        emptied=tuple(emptied.values()),
        hidden=tuple({(row.owner, row.msg_id): row for part in parts for row in part.hidden}.values()),
        profiles=tuple({row.uid: row for part in parts for row in part.profiles}.values()),
    )


class UnreadUpTo(Struct, frozen=True, gc=False):
    """How many unread messages (contract 7) the owner has at or below a message, as stored before the batch."""

    owner: Uid
    session_id: SessionId
    up_to: MsgId


class PreviewWithout(Struct, frozen=True, gc=False):
    """The newest message the owner would see if these were hidden too, as stored before the batch."""

    owner: Uid
    session_id: SessionId
    msg_ids: tuple[MsgId, ...]


Fact = UnreadUpTo | PreviewWithout
"""Something only the store can work out, because it depends on rows too many to load.

A fact speaks of the state before the batch. So a command that needs one is the first of its session in its batch:
the writer ends a batch before it otherwise.
"""


@dataclass(slots=True)
class Keys:
    """What a batch names. A store locks in the order of these fields, each sorted."""

    slots: set[Slot] = field(default_factory=set)
    sessions: set[SessionId] = field(default_factory=set)
    users: set[Uid] = field(default_factory=set)
    contacts: set[ContactKey] = field(default_factory=set)
    messages: set[MsgId] = field(default_factory=set)
    seqs: set[SeqKey] = field(default_factory=set)
    hidden: set[HiddenKey] = field(default_factory=set)
    profiles: set[Uid] = field(default_factory=set)
    facts: set[Fact] = field(default_factory=set)
    replaced: set[ContactKey] = field(default_factory=set)
    """Of `contacts`, those whose `last_message` nobody looks at before a send replaces it: a store may leave it out."""

    def __bool__(self) -> bool:
        """Whether anything is named at all."""
        return any(getattr(self, name) for name in self.__slots__)


class Loaded(Struct):
    """What a store found of some keys; what is not here does not exist. Contacts come with their `last_message`."""

    slots: list[SlotHead] = []
    sessions: list[Session] = []
    users: list[UserHead] = []
    contacts: list[Contact] = []
    messages: list[Message] = []
    """Those named by id and those found by `seq_id`."""
    hidden: list[Hidden] = []
    profiles: list[Profile] = []
    unread: list[tuple[UnreadUpTo, int]] = []
    previews: list[tuple[PreviewWithout, Message | None]] = []


def fact_of(command: Command) -> Fact | None:
    """The fact a command needs, if any."""
    match command:
        case commands.Read():
            return UnreadUpTo(command.actor, command.session_id, command.msg_id)
        case commands.Clear() if command.up_to_msg_id is not None:
            return UnreadUpTo(command.actor, command.session_id, command.up_to_msg_id)
        case commands.DeleteForMe():
            return PreviewWithout(command.actor, command.session_id, command.msg_ids)
        case _:
            return None


def session_of(command: Command) -> SessionId | None:
    """The session a command is about; none for those about a user alone."""
    return None if isinstance(command, commands.OfUser) else command.session_id


def add_keys(keys: Keys, command: Command, policy: Policy) -> None:
    """Add what a command names."""
    if isinstance(command, commands.OfUser):
        keys.profiles.add(command.uid)
        # A profile has no head of its own. Whoever writes it holds its user's, so that two nodes do not at once.
        keys.users.add(command.uid)
        return

    session_id = command.session_id
    members = pair_members(session_id)
    # Whose lines it may change. A command about oneself must not reach the other side's (contract 10).
    lines_of: tuple[Uid, ...] = (command.actor,)
    match command:
        case commands.Send():
            lines_of = members
            keys.slots.add(slot_of(session_id))
            keys.seqs.add((session_id, command.actor, command.seq_id))
            if policy.registered_only:
                keys.profiles.update(members)
        case commands.Recall():
            lines_of = members
            keys.messages.add(command.msg_id)
            keys.hidden.update((member, command.msg_id) for member in members)
        case commands.DeleteForAll():
            lines_of = members
            keys.messages.update(command.msg_ids)
            keys.hidden.update((member, msg_id) for member in members for msg_id in command.msg_ids)
        case commands.DeleteForMe():
            keys.messages.update(command.msg_ids)
            keys.hidden.update((command.actor, msg_id) for msg_id in command.msg_ids)
        case commands.Read():
            lines_of = members
            keys.messages.add(command.msg_id)
        case commands.Clear():
            if command.up_to_msg_id is not None:
                keys.messages.add(command.up_to_msg_id)
        case commands.DeleteContact() | commands.Pin() | commands.Mute() | commands.Label():
            pass
        case _:
            assert_never(command)
    keys.sessions.add(session_id)
    keys.users.update(lines_of)
    for member in lines_of:
        contact_key = (member, session_id)
        if not isinstance(command, commands.Send):
            keys.replaced.discard(contact_key)
        elif contact_key not in keys.contacts:
            keys.replaced.add(contact_key)
        keys.contacts.add(contact_key)
    fact = fact_of(command)
    if fact is not None:
        keys.facts.add(fact)


class Rows:
    """The rows of a batch. Asking for a row that was not loaded is a mistake of ours and raises `KeyError`."""

    __slots__ = (
        "contacts",
        "hidden",
        "messages",
        "previews",
        "profiles",
        "seqs",
        "sessions",
        "slots",
        "unread",
        "users",
    )

    def __init__(self) -> None:
        self.slots: dict[Slot, SlotHead] = {}
        self.sessions: dict[SessionId, Session] = {}
        self.users: dict[Uid, UserHead] = {}
        self.contacts: dict[ContactKey, Contact | None] = {}
        self.messages: dict[MsgId, Message | None] = {}
        self.seqs: dict[SeqKey, MsgId | None] = {}
        self.hidden: dict[HiddenKey, Hidden | None] = {}
        self.profiles: dict[Uid, Profile | None] = {}
        self.unread: dict[UnreadUpTo, int] = {}
        self.previews: dict[PreviewWithout, Message | None] = {}

    def add(self, keys: Keys, loaded: Loaded) -> None:
        """Take in what a store found, and that it did not find the rest."""
        for slot in keys.slots:
            self.slots[slot] = SlotHead(slot, Tick(0))
        for session_id in keys.sessions:
            self.sessions[session_id] = Session(session_id)
        for uid in keys.users:
            self.users[uid] = UserHead(uid)
        self.contacts.update(dict.fromkeys(keys.contacts))
        self.messages.update(dict.fromkeys(keys.messages))
        self.seqs.update(dict.fromkeys(keys.seqs))
        self.hidden.update(dict.fromkeys(keys.hidden))
        self.profiles.update(dict.fromkeys(keys.profiles))
        self.put(
            Changes(
                slots=tuple(loaded.slots),
                sessions=tuple(loaded.sessions),
                users=tuple(loaded.users),
                contacts=tuple(loaded.contacts),
                born=tuple(loaded.messages),
                hidden=tuple(loaded.hidden),
                profiles=tuple(loaded.profiles),
            )
        )
        self.unread.update(loaded.unread)
        self.previews.update(loaded.previews)

    def put(self, changes: Changes) -> None:
        """Rows as they now are."""
        for slot in changes.slots:
            self.slots[slot.slot] = slot
        for session in changes.sessions:
            self.sessions[session.session_id] = session
        for user in changes.users:
            self.users[user.uid] = user
        for contact in changes.contacts:
            self.contacts[contact.owner, contact.session_id] = contact
        for message in changes.born:
            self.messages[message.msg_id] = message
            self.seqs[message.session_id, message.sender, message.seq_id] = message.msg_id
        for message in changes.emptied:
            self.messages[message.msg_id] = message
        for hidden in changes.hidden:
            self.hidden[hidden.owner, hidden.msg_id] = hidden
        for profile in changes.profiles:
            self.profiles[profile.uid] = profile

    def message(self, session_id: SessionId, msg_id: MsgId) -> Message | None:
        """A message of this session; one of another session is none of its business."""
        message = self.messages[msg_id]
        return message if message is not None and message.session_id == session_id else None

    def message_by_seq(self, key: SeqKey) -> Message | None:
        """The message that a `seq_id` has already become, if it has."""
        msg_id = self.seqs[key]
        return None if msg_id is None else self.messages[msg_id]
