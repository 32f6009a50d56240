"""Mutations of the rules: the pure functions of the core, done wrong."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from msgspec.structs import replace

from sixin.core import commands, decide, errors
from sixin.core.contact import Contact
from sixin.core.decide import Decision
from sixin.core.ids import MsgId, Tick, pair_members, tick_at
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from sixin.core.rows import Keys, Rows
from sixin.server.store import writer
from tests.simulation.mutations import Hooks, Install, Mutation, Several, every, patched

Decider = Callable[[Rows, Any, int, Any], Decision]


def _rule(target: Any, name: str, make: Callable[[Any], Any]) -> Install:
    return lambda: patched(target, name, make)


def _decider(kind: type[Any], make: Callable[[Decider], Decider]) -> Install:
    """Replace the decision about one kind of command."""

    def install() -> AbstractContextManager[Hooks]:
        def with_mutant(deciders: dict[type[Any], Decider]) -> dict[type[Any], Decider]:
            return deciders | {kind: make(deciders[kind])}

        return patched(decide, "_DECIDERS", with_mutant)

    return install


def _changed(decision: Decision, change: Callable[[Message], Message]) -> Decision:
    """A decision with each message changed, in what is written, answered and told alike."""

    def in_contact(contact: Contact) -> Contact:
        preview = contact.last_message
        return contact if preview is None else replace(contact, last_message=change(preview))

    answer = decision.answer
    return Decision(
        change(answer) if isinstance(answer, Message) else answer,
        replace(
            decision.changed,
            born=tuple(map(change, decision.changed.born)),
            emptied=tuple(map(change, decision.changed.emptied)),
            contacts=tuple(map(in_contact, decision.changed.contacts)),
        ),
        tuple(
            replace(notice, message=change(notice.message))
            if isinstance(notice, MessageChanged)
            else ContactChanged(in_contact(notice.contact))
            if isinstance(notice, ContactChanged)
            else notice
            for notice in decision.notices
        ),
    )


# Sentences 2 and 3.


def _never_seen_before(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.Send, now_ms: int, policy: Any) -> Decision:
        loaded.seqs[command.session_id, command.actor, command.seq_id] = None
        return before(loaded, command, now_ms, policy)

    return decided


def _any_content(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.Send, now_ms: int, policy: Any) -> Decision:
        known = loaded.message_by_seq((command.session_id, command.actor, command.seq_id))
        return Decision(known) if known is not None else before(loaded, command, now_ms, policy)

    return decided


def _answers_anew(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.Send, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        if decision.changed or not isinstance(decision.answer, Message):
            return decision
        return Decision(replace(decision.answer, sent_at_ms=now_ms))

    return decided


def _id_without_slot(before: Any) -> Any:
    def msg_id_of(tick: Tick, slot: int) -> MsgId:
        return MsgId(before(tick, slot) // 10_000 * 10_000)

    return msg_id_of


def _id_of_first_second(before: Any) -> Any:
    def next_tick(last: Tick, now_ms: int) -> Tick:
        return Tick(last + 1 if last else 1)

    return next_tick


# Sentence 4.


def _tick_of_the_clock(before: Any) -> Any:
    calls = 0

    def next_tick(last: Tick, now_ms: int) -> Tick:
        nonlocal calls
        calls += 1
        # The clock goes back and forth by a minute, as two nodes that disagree would have it.
        return Tick(tick_at(now_ms - (calls % 2) * 60_000) + calls)

    return next_tick


def _recall_takes_an_ordinal(before: Decider) -> Decider:
    def decided(loaded: Rows, command: Any, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        sessions = tuple(replace(one, last_ordinal=one.last_ordinal + 1) for one in decision.changed.sessions)
        return replace(decision, changed=replace(decision.changed, sessions=sessions))

    return decided


def _recall_moves(before: Any) -> Any:
    def emptied(self: Message, *args: Any, **kwargs: Any) -> Message:
        gone: Message = before(self, *args, **kwargs)
        return replace(gone, sort_key=gone.version_id)

    return emptied


# Sentence 5.


def _skips_a_version(before: Decider) -> Decider:
    now = every(10)

    def decided(loaded: Rows, command: commands.Send, now_ms: int, policy: Any) -> Decision:
        session = loaded.sessions[command.session_id]
        if now():
            loaded.sessions[command.session_id] = replace(session, version_id=session.version_id + 1)
        return before(loaded, command, now_ms, policy)

    return decided


def _same_version(before: Any) -> Any:
    def emptied(self: Message, status: Any, *, version_id: int, now_ms: int) -> Message:
        gone: Message = before(self, status, version_id=version_id - 1, now_ms=now_ms)
        return gone

    return emptied


def _head_stands_still(before: Any) -> Any:
    now = every(15)

    def head_after(head: Any, was: Contact, after: Contact) -> Any:
        new = before(head, was, after)
        return replace(new, version_id=head.version_id) if now() else new

    return head_after


# Sentence 7.


def _counts_own(before: Any) -> Any:
    def with_message(self: Contact, message: Message, version_id: int) -> Contact:
        after: Contact = before(self, message, version_id)
        return replace(after, unread=after.unread + (message.sender == self.owner))

    return with_message


def _recalled_stays_unread(before: Any) -> Any:
    def with_emptied(self: Contact, message: Message, *, unread_less: int) -> Contact:
        after: Contact = before(self, message, unread_less=0)
        return after

    return with_emptied


def _read_counts_twice(before: Any) -> Any:
    def with_read_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        after: Contact = before(self, up_to, unread_less=unread_less)
        return replace(after, unread=max(0, after.unread - 1)) if after is not self else after

    return with_read_mark


def _muted_counts(before: Any) -> Any:
    return property(lambda self: 0 if self.status == "deleted" else self.unread)


def _clear_leaves_unread(before: Any) -> Any:
    def with_clear_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        after: Contact = before(self, up_to, unread_less=0)
        return after

    return with_clear_mark


# Sentence 8.


def _reads_back(before: Any) -> Any:
    def with_read_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        return replace(self, last_read_msg_id=up_to, unread=max(0, self.unread - unread_less))

    return with_read_mark


def _clears_back(before: Any) -> Any:
    def with_clear_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        return replace(self, last_del_msg_id=up_to, unread=max(0, self.unread - unread_less))

    return with_clear_mark


def _clears_a_version(before: Any) -> Any:
    def with_clear_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        after: Contact = before(self, self.message_version, unread_less=0)
        return after

    return with_clear_mark


def _peer_untold(before: Any) -> Any:
    now = every(3)

    def with_peer_read_mark(self: Contact, up_to: int) -> Contact:
        after: Contact = before(self, up_to)
        return self if now() else after

    return with_peer_read_mark


# Sentence 9.


def _preview_stays(before: Any) -> Any:
    def with_emptied(self: Contact, message: Message, *, unread_less: int) -> Contact:
        after: Contact = before(self, message, unread_less=unread_less)
        return replace(after, last_message=self.last_message)

    return with_emptied


def _told_of_the_cleared(before: Decider) -> Decider:
    def decided(loaded: Rows, command: Any, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        notices = tuple(
            replace(notice, unseen_by=()) if isinstance(notice, MessageChanged) else notice
            for notice in decision.notices
        )
        return Decision(decision.answer, decision.changed, notices)

    return decided


def _moderated_on_one_side(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.DeleteForAll, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        if not command.moderator:
            return decision
        changed, actor = decision.changed, command.actor
        mine = replace(
            changed,
            users=tuple(head for head in changed.users if head.uid == actor),
            contacts=tuple(contact for contact in changed.contacts if contact.owner == actor),
        )
        told = tuple(
            notice
            for notice in decision.notices
            if not isinstance(notice, ContactChanged) or notice.contact.owner == actor
        )
        return Decision(decision.answer, mine, told)

    return decided


def _keeps_content(before: Any) -> Any:
    def emptied(self: Message, *args: Any, **kwargs: Any) -> Message:
        gone: Message = before(self, *args, **kwargs)
        return replace(gone, content=self.content)

    return emptied


# Sentence 10.


def _pin_forgotten(before: Any) -> Any:
    def with_message(self: Contact, message: Message, version_id: int) -> Contact:
        after: Contact = before(replace(self, pinned=False), message, version_id)
        return after

    return with_message


def _pin_without_lift(before: Any) -> Any:
    def with_pin(self: Contact, pinned: bool) -> Contact:
        return self if pinned == self.pinned else replace(self, pinned=pinned)

    return with_pin


def _pin_falls_down(before: Any) -> Any:
    def with_message(self: Contact, message: Message, version_id: int) -> Contact:
        after: Contact = before(self, message, version_id)
        return replace(after, sort_key=version_id)

    return with_message


def _mute_forgotten(before: Any) -> Any:
    def with_message(self: Contact, message: Message, version_id: int) -> Contact:
        after: Contact = before(replace(self, muted=False), message, version_id)
        return after

    return with_message


def _reading_moves_up(before: Any) -> Any:
    def with_read_mark(self: Contact, up_to: int, *, unread_less: int) -> Contact:
        after: Contact = before(self, up_to, unread_less=unread_less)
        return after if after is self else replace(after, sort_key=after.sort_key + 1)

    return with_read_mark


def _both_sides(change: Callable[[Contact, Contact], Contact]) -> Callable[[Decider], Decider]:
    """What one side sets is set on the other side too."""

    def make(before: Decider) -> Decider:
        def decided(loaded: Rows, command: Any, now_ms: int, policy: Any) -> Decision:
            decision = before(loaded, command, now_ms, policy)
            mine, changed = decision.answer, decision.changed
            peers = loaded.contacts.get((mine.peer, mine.session_id)) if isinstance(mine, Contact) else None
            if not changed or not isinstance(mine, Contact) or peers is None or mine.peer == mine.owner:
                return decision
            head, after = decide._at_next_version(loaded, peers, change(peers, mine))
            both = replace(changed, users=(*changed.users, head), contacts=(*changed.contacts, after))
            return Decision(mine, both, (*decision.notices, ContactChanged(after)))

        return decided

    return make


def _with_peer_loaded(make: Callable[[Decider], Decider], kind: type[Any]) -> Install:
    """The same, where the batch has to load the other side's rows first."""

    def with_peer(before: Any) -> Any:
        def add_keys(keys: Keys, command: Any, policy: Any) -> None:
            before(keys, command, policy)
            if isinstance(command, kind):
                for member in pair_members(command.session_id):
                    keys.users.add(member)
                    keys.contacts.add((member, command.session_id))

        return add_keys

    return lambda: Several(patched(writer, "add_keys", with_peer), _decider(kind, make)())


# Sentence 11.


def _anybody_recalls(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.Recall, now_ms: int, policy: Any) -> Decision:
        message = loaded.message(command.session_id, command.msg_id)
        actor = command.actor if message is None else message.sender
        return before(loaded, replace(command, actor=actor), now_ms, policy)

    return decided


def _anybody_moderates(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.DeleteForAll, now_ms: int, policy: Any) -> Decision:
        return before(loaded, replace(command, moderator=True), now_ms, policy)

    return decided


def _speaks_for_the_peer(before: Decider) -> Decider:
    now = every(12)

    def decided(loaded: Rows, command: commands.Send, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        if not decision.changed or not now():
            return decision

        def change(message: Message) -> Message:
            return replace(message, sender=next(n.members for n in told if message.sender in n.members)[0])

        told = [notice for notice in decision.notices if isinstance(notice, MessageChanged)]
        return _changed(decision, change)

    return decided


# Sentence 12.


def _moderator_refused(before: Decider) -> Decider:
    def decided(loaded: Rows, command: commands.DeleteForAll, now_ms: int, policy: Any) -> Decision:
        return before(loaded, replace(command, moderator=False), now_ms, policy)

    return decided


def _refused_and_done(before: Decider) -> Decider:
    now = every(2)

    def decided(loaded: Rows, command: Any, now_ms: int, policy: Any) -> Decision:
        decision = before(loaded, command, now_ms, policy)
        if decision.changed and now():
            loaded.put(decision.changed)
            raise errors.Forbidden("You may not do this.")
        return decision

    return decided


def _lost_on_the_way(before: Decider) -> Decider:
    now = every(6)

    def decided(loaded: Rows, command: commands.Read, now_ms: int, policy: Any) -> Decision:
        if now():
            raise errors.NotFound
        return before(loaded, command, now_ms, policy)

    return decided


MUTATIONS = [
    Mutation(
        "retry is new",
        2,
        "twice",
        "rule of send",
        "A `seq_id` is never recognised.",
        _decider(commands.Send, _never_seen_before),
    ),
    Mutation(
        "conflict overlooked",
        2,
        "conflict",
        "rule of send",
        "Another content under a used `seq_id` is acknowledged.",
        _decider(commands.Send, _any_content),
    ),
    Mutation(
        "retry dated anew",
        2,
        "first answer",
        "rule of send",
        "A retry is answered with the time of the retry.",
        _decider(commands.Send, _answers_anew),
    ),
    Mutation(
        "slot left out of msg_id",
        2,
        "msg_id",
        "ids",
        "A `msg_id` ends in 0000.",
        _rule(decide, "msg_id_of", _id_without_slot),
    ),
    Mutation(
        "ids from the clock alone",
        4,
        "one order",
        "ids",
        "A clock that steps back takes the `msg_id` back with it.",
        _rule(decide, "next_tick", _tick_of_the_clock),
    ),
    Mutation(
        "recall takes an ordinal",
        4,
        "ordinal",
        "rule of recall",
        "A recall counts as a message.",
        _decider(commands.Recall, _recall_takes_an_ordinal),
    ),
    Mutation(
        "recall moves the message",
        4,
        "place",
        "message",
        "A recalled message moves to the end of the timeline.",
        _rule(Message, "emptied", _recall_moves),
    ),
    Mutation(
        "version skipped",
        5,
        "consecutive",
        "rule of send",
        "One version in ten stands on no message.",
        _decider(commands.Send, _skips_a_version),
    ),
    Mutation(
        "recall without a version",
        5,
        "consecutive",
        "message",
        "An emptied message takes the version that is there already.",
        _rule(Message, "emptied", _same_version),
    ),
    Mutation(
        "contact version twice",
        5,
        "consecutive",
        "rules",
        "A user's head stays behind, and two contacts get one version.",
        _rule(decide, "_head_after", _head_stands_still),
    ),
    Mutation(
        "own messages unread",
        7,
        "unread",
        "contact",
        "What one sends counts as unread.",
        _rule(Contact, "with_message", _counts_own),
    ),
    Mutation(
        "recalled stays unread",
        7,
        "unread",
        "contact",
        "A recall leaves the count alone.",
        _rule(Contact, "with_emptied", _recalled_stays_unread),
    ),
    Mutation(
        "unread off by one",
        7,
        "unread",
        "contact",
        "Reading takes one too many.",
        _rule(Contact, "with_read_mark", _read_counts_twice),
    ),
    Mutation(
        "muted counted",
        7,
        "total",
        "contact",
        "A muted contact is in the total.",
        _rule(Contact, "counted", _muted_counts),
    ),
    Mutation(
        "clear leaves unread",
        7,
        "unread",
        "contact",
        "Clearing leaves the count alone.",
        _rule(Contact, "with_clear_mark", _clear_leaves_unread),
    ),
    Mutation(
        "read mark back",
        8,
        "never back",
        "contact",
        "Reading an older message moves the mark back.",
        _rule(Contact, "with_read_mark", _reads_back),
    ),
    Mutation(
        "clear mark lowered",
        8,
        "never back",
        "contact",
        "Clearing less than before lowers the watermark.",
        _rule(Contact, "with_clear_mark", _clears_back),
    ),
    Mutation(
        "watermark is a version",
        8,
        "done as asked",
        "contact",
        "The clear watermark is compared with versions.",
        _rule(Contact, "with_clear_mark", _clears_a_version),
    ),
    Mutation(
        "peer not told of reading",
        8,
        "the peer's mark",
        "contact",
        "One read mark in three does not reach the peer.",
        _rule(Contact, "with_peer_read_mark", _peer_untold),
    ),
    Mutation(
        "recalled in the preview",
        9,
        "content is gone",
        "contact",
        "The preview keeps what was recalled.",
        _rule(Contact, "with_emptied", _preview_stays),
    ),
    Mutation(
        "told of the cleared",
        9,
        "below the watermark",
        "rule of recall",
        "Who cleared a message is shown it when it is recalled.",
        _decider(commands.Recall, _told_of_the_cleared),
    ),
    Mutation(
        "moderated on one side",
        9,
        "content is gone",
        "rule of delete",
        "What a moderator deletes for all stays in the other side's preview.",
        _decider(commands.DeleteForAll, _moderated_on_one_side),
        moderators=True,
    ),
    Mutation(
        "recall keeps content",
        9,
        "content is gone",
        "message",
        "A recalled message keeps its content.",
        _rule(Message, "emptied", _keeps_content),
    ),
    Mutation(
        "pin lost",
        10,
        "changed by its owner alone",
        "contact",
        "A new message undoes the pin.",
        _rule(Contact, "with_message", _pin_forgotten),
    ),
    Mutation(
        "pin without effect",
        10,
        "place in the list",
        "contact",
        "A pinned contact stays where it was.",
        _rule(Contact, "with_pin", _pin_without_lift),
    ),
    Mutation(
        "pinned falls down",
        10,
        "place in the list",
        "contact",
        "A new message puts a pinned contact among the others.",
        _rule(Contact, "with_message", _pin_falls_down),
    ),
    Mutation(
        "mute lost",
        10,
        "changed by its owner alone",
        "contact",
        "A new message undoes the mute.",
        _rule(Contact, "with_message", _mute_forgotten),
    ),
    Mutation(
        "reading moves up",
        10,
        "place in the list",
        "contact",
        "Reading moves a contact in the list.",
        _rule(Contact, "with_read_mark", _reading_moves_up),
    ),
    Mutation(
        "clear clears both",
        10,
        "for oneself alone",
        "rule of clear",
        "The peer's history is cleared too.",
        _with_peer_loaded(
            _both_sides(
                lambda peers, mine: replace(peers, last_del_msg_id=max(peers.last_del_msg_id, mine.last_del_msg_id))
            ),
            commands.Clear,
        ),
    ),
    Mutation(
        "pin is told to the peer",
        10,
        "for oneself alone",
        "rule of pin",
        "The peer's contact gets a version that changes nothing.",
        _with_peer_loaded(_both_sides(lambda peers, mine: peers), commands.Pin),
    ),
    Mutation(
        "anybody recalls",
        11,
        "who speaks",
        "rule of recall",
        "The peer may recall a message.",
        _decider(commands.Recall, _anybody_recalls),
    ),
    Mutation(
        "anybody moderates",
        11,
        "who speaks",
        "rule of delete",
        "Whoever is no moderator deletes for all what another said.",
        _decider(commands.DeleteForAll, _anybody_moderates),
        moderators=True,
    ),
    Mutation(
        "wrong sender",
        11,
        "who speaks",
        "rule of send",
        "One message in twelve stands under the other's name.",
        _decider(commands.Send, _speaks_for_the_peer),
    ),
    Mutation(
        "moderator refused",
        12,
        "says which rule",
        "rule of delete",
        "A moderator is forbidden what he may do.",
        _decider(commands.DeleteForAll, _moderator_refused),
        moderators=True,
    ),
    Mutation(
        "refused and done",
        12,
        "refused and done",
        "rule of mute",
        "A refused command leaves its rows for the next one.",
        _decider(commands.Mute, _refused_and_done),
    ),
    Mutation(
        "acknowledged and not found",
        12,
        "same answers",
        "rule of read",
        "One read in six does not find a message that is there.",
        _decider(commands.Read, _lost_on_the_way),
    ),
    Mutation(
        "one id for two sessions",
        2,
        "msg_id",
        "ids",
        "Each session counts its own ids, without the slot.",
        lambda: Several(
            _rule(decide, "next_tick", _id_of_first_second)(), _rule(decide, "msg_id_of", _id_without_slot)()
        ),
    ),
]
