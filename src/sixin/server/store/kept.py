"""What a writer that owns its store keeps in memory between batches: what the next one will name again.

Nobody else writes, so it stays true as long as every commit is known to have been done; after a doubt it is dropped.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

from sixin.core.commands import Command, Policy, Send
from sixin.core.ids import pair_members, slot_of
from sixin.core.rows import Changes, Keys, Rows, SeqKey

K = TypeVar("K", bound=Hashable)

KEPT_CONTACTS_MAX = 50_000
"""Rows of each kind: some tens of megabytes."""

KEPT_CONTENT_BYTES_MAX = 1_024
"""A row with a larger content is not kept: 50,000 of 16 KiB each would be most of a gigabyte."""


class Kept:
    """The working set, over which batches are decided."""

    def __init__(self) -> None:
        self.rows = Rows()

    def is_at_hand(self, command: Command, policy: Policy) -> bool:
        """Whether this is a send, all that it names is here, and its `seq_id` is surely new: that is nearly every one.

        Naming its rows first and looking for each of them then costs 3.5 µs, and this 0.6.
        """
        if type(command) is not Send or policy.registered_only:
            return False
        rows, session_id = self.rows, command.session_id
        if session_id not in rows.sessions or slot_of(session_id) not in rows.slots:
            return False
        for member in pair_members(session_id):
            if member not in rows.users or (member, session_id) not in rows.contacts:
                return False
        return self._note_if_new((session_id, command.actor, command.seq_id))

    def missing(self, keys: Keys) -> Keys:
        """What must be loaded because it is not here."""
        for key in keys.seqs:
            self._note_if_new(key)
        rows = self.rows
        return Keys(
            slots=_without(keys.slots, rows.slots),
            sessions=_without(keys.sessions, rows.sessions),
            users=_without(keys.users, rows.users),
            contacts=_without(keys.contacts, rows.contacts),
            messages=_without(keys.messages, rows.messages),
            seqs=_without(keys.seqs, rows.seqs),
            hidden=_without(keys.hidden, rows.hidden),
            profiles=_without(keys.profiles, rows.profiles),
            facts=keys.facts,
        )

    def _note_if_new(self, key: SeqKey) -> bool:
        """Note that a `seq_id` is new where it is above the largest its sender ever used in the session: no look
        needed."""
        session_id, sender, seq_id = key
        contact = self.rows.contacts.get((sender, session_id))
        if contact is None or seq_id <= contact.last_seq_id:
            return False
        self.rows.seqs[key] = None
        return True

    def trim(self, keys: Keys, changes: Changes) -> None:
        """After a batch: keep heads and contacts, which the next one needs again; the rest is read when it is named.

        Rows of a batch that follows may be among what goes, before it is written: whoever names them next loads them,
        and a load waits until nothing is under way.
        """
        rows = self.rows
        for passing in (rows.messages, rows.seqs, rows.hidden, rows.unread, rows.previews):
            passing.clear()
        for contact in (*(rows.contacts[key] for key in keys.contacts), *changes.contacts):
            if contact is None or contact.last_message is None:
                continue
            if len(contact.last_message.content) > KEPT_CONTENT_BYTES_MAX:
                rows.contacts.pop((contact.owner, contact.session_id), None)
        for kept in (rows.sessions, rows.users, rows.contacts, rows.profiles):
            _drop_oldest(kept)


def _without(named: set[K], kept: Mapping[K, object]) -> set[K]:
    # Not `named - kept.keys()`, which walks through everything that is kept: 18 ms for each batch.
    return {key for key in named if key not in kept}


def _drop_oldest(kept: dict[Any, Any]) -> None:
    for key in list(_first(kept, len(kept) - KEPT_CONTACTS_MAX)):
        del kept[key]


def _first(kept: Iterable[Hashable], count: int) -> Iterable[Hashable]:
    return (key for _, key in zip(range(max(0, count)), kept, strict=False))
