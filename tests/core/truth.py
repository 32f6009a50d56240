"""People and their timelines in memory: commands are decided one by one, and what they changed is kept."""

from msgspec.structs import replace

from sixin.core import commands
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact, Hidden, UserHead
from sixin.core.content import canonical
from sixin.core.decide import Decision, decide
from sixin.core.ids import MsgId, SessionId, Uid, pair_session_id
from sixin.core.message import Message
from sixin.core.rows import Keys, Rows, add_keys
from sixin.core.session import Session
from sixin.server.store.memory import MemoryStore

ANN = Uid(1001)
BOB = Uid(1002)
CAT = Uid(1003)

NOON_MS = 1_800_000_000_000


class Truth:
    """A store, a clock that is turned by hand, and the rules."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.now_ms = NOON_MS
        self.store = MemoryStore()
        self._seq_id = 0

    def do(self, command: Command) -> Decision:
        """Decide a command and keep what it changes. Raises what refuses it."""
        keys = Keys()
        add_keys(keys, command, self.policy)
        rows = Rows()
        rows.add(keys, self.store.load(keys))
        decision = decide(rows, command, self.now_ms, self.policy)
        self.store.write(decision.changed)
        return decision

    def send(self, sender: Uid, to: Uid, text: str = "hi", *, seq_id: int | None = None) -> Message:
        """Say something; without a `seq_id`, under a new one."""
        if seq_id is None:
            self._seq_id += 1
            seq_id = self._seq_id
        message = self.do(send(sender, to, text, seq_id=seq_id)).answer
        assert isinstance(message, Message)
        return message

    def contact(self, owner: Uid, other: Uid) -> Contact:
        """One's line for a session that has begun."""
        contact = self.rows.contacts[owner, pair_session_id(owner, other)]
        assert contact is not None
        return contact

    def message(self, msg_id: int) -> Message:
        """A message that was said, as it now is."""
        message = self.rows.messages[MsgId(msg_id)]
        assert message is not None
        return message

    def messages(self, session_id: SessionId) -> list[Message]:
        """A session's messages by sort key."""
        found = [row for row in self.rows.messages.values() if row is not None and row.session_id == session_id]
        return sorted(found, key=lambda message: message.sort_key)

    def head(self, uid: Uid) -> UserHead:
        """How far a user's contacts have come."""
        return self.rows.users.get(uid) or UserHead(uid)

    def session(self, one: Uid, other: Uid) -> Session:
        """How far a session has come."""
        session_id = pair_session_id(one, other)
        return self.rows.sessions.get(session_id) or Session(session_id)

    def hidden(self, owner: Uid) -> list[Hidden]:
        """What somebody deleted for himself, in the order he did."""
        return [row for row in self.rows.hidden.values() if row is not None and row.owner == owner]

    @property
    def rows(self) -> Rows:
        """Everything there is."""
        return self.store._rows  # the reference store is read as it is: it has no second copy that could differ

    def frozen(self) -> tuple[object, ...]:
        """Everything there is, as a value that later commands do not change."""
        rows = self.rows
        return tuple(
            dict(kind)
            for kind in (
                rows.slots,
                rows.sessions,
                rows.users,
                rows.contacts,
                rows.messages,
                rows.seqs,
                rows.hidden,
                rows.profiles,
            )
        )


def send(sender: Uid, to: Uid, text: str = "hi", *, seq_id: int = 1) -> commands.Send:
    """The command that says something."""
    content = canonical(b'{"type":"text","text":"%b"}' % text.encode())
    return commands.Send(sender, pair_session_id(sender, to), seq_id, content.encoded, content.digest)


def unversioned(contact: Contact) -> Contact:
    """A contact without its version, to compare what else changed."""
    return replace(contact, version_id=0)
