"""What each command does, as pure functions: rows and a command in, a decision out.

A decision is taken inside the transaction that makes it visible, so the versions it gives out appear in order
(contract 5). A refusal is a raised `SixinError`; it has changed nothing. See `docs/write-path.md`.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sixin.core import commands, errors
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.ids import MsgId, SessionId, Uid, msg_id_of, next_tick, pair_members, peer_of, slot_of
from sixin.core.message import Message, Status
from sixin.core.notices import ContactChanged, MessageChanged, Notice, TokensRevoked
from sixin.core.rows import NO_CHANGES, Changes, PreviewWithout, Rows, UnreadUpTo
from sixin.core.session import Session, SlotHead


class Decision(Struct, frozen=True, gc=False):
    """What a command comes to."""

    answer: Message | Contact | Profile
    changed: Changes = NO_CHANGES
    """The rows as they will be; none when the command was done before."""
    notices: tuple[Notice, ...] = ()


def decide(rows: Rows, command: Command, now_ms: int, policy: Policy) -> Decision:
    """Decide one command over the rows it names. `now_ms` is the server's time in Unix milliseconds.

    Raises a `SixinError` that says which rule refuses. Changes nothing: the caller puts `changed` into `rows`.
    """
    return _DECIDERS[type(command)](rows, command, now_ms, policy)


def _decide_send(rows: Rows, command: commands.Send, now_ms: int, policy: Policy) -> Decision:
    session_id, sender = command.session_id, command.actor
    members = pair_members(session_id)
    # A send alone asks for no row that only members have, so nothing else below would stop a stranger.
    if sender not in members:
        raise errors.NotFound
    said_before = rows.message_by_seq((session_id, sender, command.seq_id))
    if said_before is not None:
        if said_before.digest != command.digest:
            raise errors.Conflict
        return Decision(said_before)

    if policy.registered_only:
        _refuse_unregistered(rows, sender, members)

    slot = slot_of(session_id)
    tick = next_tick(rows.slots[slot].last_tick, now_ms)
    before = rows.sessions[session_id]
    version_id = before.version_id + 1
    message = Message(
        msg_id=msg_id_of(tick, slot),
        session_id=session_id,
        sender=sender,
        seq_id=command.seq_id,
        ordinal=before.last_ordinal + 1,
        version_id=version_id,
        sort_key=version_id,
        status="normal",
        content=command.content,
        digest=command.digest,
        sent_at_ms=now_ms,
        changed_at_ms=now_ms,
    )
    users: list[UserHead] = []
    contacts: list[Contact] = []
    for member in members:
        contact = rows.contacts[member, session_id] or Contact(member, session_id, peer_of(session_id, member))
        head = rows.users[member]
        # The version is taken here, where the row that carries it is written. Taken before the transaction, a slow
        # writer could commit version 7 after a device has pulled 8, and that device would never see 7.
        after = contact.with_message(message, head.version_id + 1)
        users.append(_head_after(head, contact, after))
        contacts.append(after)
    changed = Changes(
        slots=(SlotHead(slot, tick),),
        sessions=(Session(session_id, version_id, message.ordinal, message.msg_id),),
        users=tuple(users),
        contacts=tuple(contacts),
        born=(message,),
    )
    return Decision(message, changed, (MessageChanged(message, members), *map(ContactChanged, contacts)))


def _decide_recall(rows: Rows, command: commands.Recall, now_ms: int, policy: Policy) -> Decision:
    message = _visible_message(rows, command, command.msg_id)
    if message.sender != command.actor:
        raise errors.Forbidden("Only its sender may recall a message.")
    if message.status != "normal":
        return Decision(message)
    if now_ms - message.sent_at_ms > policy.recall_window_ms:
        raise errors.TooLate(f"A message can be recalled for {policy.recall_window_ms // 1_000} s after it was sent.")

    changed, notices = _emptied(rows, [message], "recalled", now_ms)
    return Decision(changed.emptied[0], changed, notices)


def _decide_delete_for_all(rows: Rows, command: commands.DeleteForAll, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    messages = [_visible_message(rows, command, msg_id) for msg_id in dict.fromkeys(command.msg_ids)]
    if not command.moderator and any(message.sender != command.actor for message in messages):
        raise errors.Forbidden("Only its sender or a moderator may delete a message for all.")
    normal = [message for message in messages if message.status == "normal"]
    if not normal:
        return Decision(contact)

    changed, notices = _emptied(rows, normal, "deleted", now_ms)
    mine = next(row for row in changed.contacts if row.owner == command.actor)
    return Decision(mine, changed, notices)


def _emptied(
    rows: Rows, messages: list[Message], status: Status, now_ms: int
) -> tuple[Changes, tuple[MessageChanged | ContactChanged, ...]]:
    """Take the content out of messages of one session, everywhere it is shown, and tell every member."""
    session_id = messages[0].session_id
    members = pair_members(session_id)
    session = rows.sessions[session_id]
    emptied = [
        message.emptied(status, version_id=session.version_id + nth, now_ms=now_ms)
        for nth, message in enumerate(messages, 1)
    ]
    told = [
        MessageChanged(message, members, tuple(member for member in members if not _sees(rows, member, message)))
        for message in emptied
    ]
    users: list[UserHead] = []
    contacts: list[Contact] = []
    for member in members:
        contact = rows.contacts[member, session_id]
        if contact is None:
            continue
        after = contact
        for message, gone in zip(messages, emptied, strict=True):
            was_unread = contact.counts(message) and rows.hidden[member, message.msg_id] is None
            after = after.with_emptied(gone, unread_less=int(was_unread))
        head, after = _at_next_version(rows, contact, after)
        users.append(head)
        contacts.append(after)
    changed = Changes(
        sessions=(replace(session, version_id=emptied[-1].version_id),),
        users=tuple(users),
        contacts=tuple(contacts),
        emptied=tuple(emptied),
    )
    return changed, (*told, *map(ContactChanged, contacts))


def _decide_delete_for_me(rows: Rows, command: commands.DeleteForMe, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    seen: list[Message] = []
    for msg_id in dict.fromkeys(command.msg_ids):
        message = rows.message(command.session_id, msg_id)
        if message is None:
            raise errors.NotFound
        if _sees(rows, command.actor, message):
            seen.append(message)
    if not seen:
        return Decision(contact)

    version_id = rows.users[command.actor].version_id + 1
    preview = contact.last_message
    if preview is not None and any(message.msg_id == preview.msg_id for message in seen):
        preview = rows.previews[PreviewWithout(command.actor, command.session_id, command.msg_ids)]
    after = replace(
        contact,
        hidden_version=version_id,
        last_message=preview,
        unread=contact.unread - sum(contact.counts(message) for message in seen),
    )
    hidden = tuple(Hidden(command.actor, command.session_id, message.msg_id, version_id) for message in seen)
    return _decided_alone(rows, contact, after, hidden)


def _decide_clear(rows: Rows, command: commands.Clear, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    up_to = command.up_to_msg_id
    if up_to is None:
        return _decided_alone(rows, contact, _cleared(contact))
    if rows.message(command.session_id, up_to) is None:
        raise errors.NotFound
    unread_less = rows.unread[UnreadUpTo(command.actor, command.session_id, up_to)]
    return _decided_alone(rows, contact, contact.with_clear_mark(up_to, unread_less=unread_less))


def _decide_delete_contact(rows: Rows, command: commands.DeleteContact, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    return _decided_alone(rows, contact, _cleared(contact).as_deleted())


def _cleared(contact: Contact) -> Contact:
    """Everything cleared. The watermark is the stored `last_msg_id`, so what is being sent meanwhile stays."""
    return contact.with_clear_mark(contact.last_msg_id, unread_less=contact.unread)


def _decide_read(rows: Rows, command: commands.Read, now_ms: int, policy: Policy) -> Decision:
    reader, session_id, up_to = command.actor, command.session_id, command.msg_id
    contact = _own_contact(rows, command.actor, command.session_id)
    if rows.message(session_id, up_to) is None:
        raise errors.NotFound
    after = contact.with_read_mark(up_to, unread_less=rows.unread[UnreadUpTo(reader, session_id, up_to)])
    if after is contact:
        return Decision(contact)
    if contact.peer == reader:
        return _decided_alone(rows, contact, after.with_peer_read_mark(up_to))

    peers = rows.contacts[contact.peer, session_id]
    lines = [_at_next_version(rows, contact, after)]
    if peers is not None:
        lines.append(_at_next_version(rows, peers, peers.with_peer_read_mark(up_to)))
    users, contacts = zip(*lines, strict=True)
    return Decision(contacts[0], Changes(users=users, contacts=contacts), tuple(map(ContactChanged, contacts)))


def _decide_pin(rows: Rows, command: commands.Pin, now_ms: int, policy: Policy) -> Decision:
    contact = _listed_contact(rows, command)
    return _decided_alone(rows, contact, contact.with_pin(command.pinned))


def _decide_mute(rows: Rows, command: commands.Mute, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    return _decided_alone(rows, contact, replace(contact, muted=command.muted))


def _decide_label(rows: Rows, command: commands.Label, now_ms: int, policy: Policy) -> Decision:
    contact = _own_contact(rows, command.actor, command.session_id)
    return _decided_alone(rows, contact, replace(contact, labels=command.labels))


def _decide_put_profile(rows: Rows, command: commands.PutProfile, now_ms: int, policy: Policy) -> Decision:
    before = rows.profiles[command.uid]
    # What an application tells about a user brings no revoked token back.
    after = replace(command.profile, tokens_from_s=before.tokens_from_s) if before else command.profile
    return Decision(after, NO_CHANGES if after == before else Changes(profiles=(after,)))


def _decide_revoke_tokens(rows: Rows, command: commands.RevokeTokens, now_ms: int, policy: Policy) -> Decision:
    before = rows.profiles[command.uid] or Profile(command.uid, registered=False)
    if command.tokens_from_s <= before.tokens_from_s:
        return Decision(before)
    after = replace(before, tokens_from_s=command.tokens_from_s)
    return Decision(after, Changes(profiles=(after,)), (TokensRevoked(after.uid, after.tokens_from_s),))


def _own_contact(rows: Rows, actor: Uid, session_id: SessionId) -> Contact:
    contact = rows.contacts[actor, session_id]
    if contact is None:
        raise errors.NotFound
    return contact


def _listed_contact(rows: Rows, command: commands.Pin) -> Contact:
    contact = _own_contact(rows, command.actor, command.session_id)
    if contact.status == "deleted":
        raise errors.NotFound("A deleted contact is not in the list, so it cannot be pinned there.")
    return contact


def _visible_message(rows: Rows, command: commands.Recall | commands.DeleteForAll, msg_id: MsgId) -> Message:
    """A message the actor can see: what he cleared or hid does not exist for him."""
    message = rows.message(command.session_id, msg_id)
    if message is None or not _sees(rows, command.actor, message):
        raise errors.NotFound
    return message


def _sees(rows: Rows, member: Uid, message: Message) -> bool:
    contact = rows.contacts[member, message.session_id]
    return (
        contact is not None and message.msg_id > contact.last_del_msg_id and rows.hidden[member, message.msg_id] is None
    )


def _decided_alone(rows: Rows, before: Contact, after: Contact, hidden: tuple[Hidden, ...] = ()) -> Decision:
    """A decision that changes one line of the actor and nothing that anybody else could see."""
    if after == before:
        return Decision(before)
    head, after = _at_next_version(rows, before, after)
    return Decision(after, Changes(users=(head,), contacts=(after,), hidden=hidden), (ContactChanged(after),))


def _at_next_version(rows: Rows, before: Contact, after: Contact) -> tuple[UserHead, Contact]:
    """A changed contact at its owner's next version, and the owner's head with that version and the right total."""
    head = rows.users[before.owner]
    after = replace(after, version_id=head.version_id + 1)
    return _head_after(head, before, after), after


def _head_after(head: UserHead, before: Contact, after: Contact) -> UserHead:
    return UserHead(head.uid, after.version_id, head.unread_total + after.counted - before.counted)


def _refuse_unregistered(rows: Rows, sender: Uid, members: tuple[Uid, ...]) -> None:
    if not _is_registered(rows.profiles[sender]):
        raise errors.Forbidden("Only registered users may send.")
    if not all(_is_registered(rows.profiles[member]) for member in members):
        raise errors.NotFound


def _is_registered(profile: Profile | None) -> bool:
    return profile is not None and profile.registered


_DECIDERS: dict[type[Command], Callable[[Rows, Any, int, Policy], Decision]] = {
    commands.Send: _decide_send,
    commands.Recall: _decide_recall,
    commands.DeleteForMe: _decide_delete_for_me,
    commands.DeleteForAll: _decide_delete_for_all,
    commands.Clear: _decide_clear,
    commands.DeleteContact: _decide_delete_contact,
    commands.Read: _decide_read,
    commands.Pin: _decide_pin,
    commands.Mute: _decide_mute,
    commands.Label: _decide_label,
    commands.PutProfile: _decide_put_profile,
    commands.RevokeTokens: _decide_revoke_tokens,
}
