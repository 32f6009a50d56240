"""Mutations of the parts: the store, the writer, the cache, the hub and the dispatch, done wrong."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from msgspec.structs import replace

from sixin.core import commands, errors
from sixin.core.contact import Contact
from sixin.core.ids import MsgId
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from sixin.core.rows import Keys, Loaded
from sixin.core.timeline import MessagePage, Tail, TailRead
from sixin.server.app import Node
from sixin.server.auth import Identity, Tokens
from sixin.server.bus.base import Told, Typing
from sixin.server.cache import Cache
from sixin.server.gateway import dispatch
from sixin.server.gateway.framing import text_frame
from sixin.server.notify.following import Following
from sixin.server.notify.hub import Hub
from sixin.server.operations import contacts, messages, pulls
from sixin.server.operations.actor import Actor
from sixin.server.store import memory
from sixin.server.store.base import Changes
from sixin.server.store.memory import MemoryStore
from sixin.server.store.writer import Writer
from tests.simulation.disk import Disk, SimulatedSharedStore, SimulatedStore, SimulatedTransaction
from tests.simulation.mutations import Hooks, Install, Mutation, Several, every, patched
from tests.simulation.plan import Faults

BAD_DISK = Faults(network=0.3, disk=3.0, notices=0)


def _part(target: Any, name: str, make: Callable[[Any], Any]) -> Install:
    return lambda: patched(target, name, make)


def _sabotage(make: Callable[[], Callable[[Node], None]]) -> Install:
    return lambda: nullcontext(Hooks(sabotage=make()))


def _commit(make: Callable[[], Callable[[Disk, Changes], Changes]]) -> Install:
    """Change what every commit writes; `make` gives a fresh mistake for each run."""

    def install() -> AbstractContextManager[Hooks]:
        mistake = make()

        def mutant(before: Any) -> Any:
            async def commit(self: SimulatedTransaction, changes: Changes) -> None:
                await before(self, mistake(self._disk, changes))

            return commit

        return patched(SimulatedTransaction, "commit", mutant)

    return install


# The store.


def _loses_a_message() -> Callable[[Disk, Changes], Changes]:
    now = every(15)

    def mistake(disk: Disk, changes: Changes) -> Changes:
        return replace(changes, born=changes.born[1:], contacts=(), users=()) if changes.born and now() else changes

    return mistake


def _loses_a_reading() -> Callable[[Disk, Changes], Changes]:
    now = every(8)

    def mistake(disk: Disk, changes: Changes) -> Changes:
        reads_only = changes.contacts and not (changes.born or changes.emptied or changes.hidden)
        return Changes() if reads_only and now() else changes

    return mistake


def _forgets_mutes() -> Callable[[Disk, Changes], Changes]:
    def mistake(disk: Disk, changes: Changes) -> Changes:
        return replace(changes, contacts=tuple(replace(contact, muted=False) for contact in changes.contacts))

    return mistake


def _one_contact_only() -> Callable[[Disk, Changes], Changes]:
    now = every(3)

    def mistake(disk: Disk, changes: Changes) -> Changes:
        return replace(changes, contacts=changes.contacts[:1]) if len(changes.contacts) > 1 and now() else changes

    return mistake


def _keeps_what_was_emptied() -> Callable[[Disk, Changes], Changes]:
    def mistake(disk: Disk, changes: Changes) -> Changes:
        before = [disk.rows._rows.messages.get(message.msg_id) for message in changes.emptied]
        kept = tuple(
            replace(message, content=was.content if was is not None else b"")
            for message, was in zip(changes.emptied, before, strict=True)
        )
        return replace(changes, emptied=kept)

    return mistake


def _swaps_neighbours() -> Callable[[Disk, Changes], Changes]:
    now = every(12)

    def mistake(disk: Disk, changes: Changes) -> Changes:
        ids = disk.rows._timelines.get(changes.born[0].session_id, []) if changes.born else []
        last = disk.rows._rows.messages.get(ids[-1]) if ids else None
        if last is None or last.status != "normal" or not now():
            return changes
        born = changes.born[0]
        lower = replace(born, sort_key=last.sort_key, version_id=last.version_id, ordinal=last.ordinal)
        upper = replace(last, sort_key=born.sort_key, version_id=born.version_id, ordinal=born.ordinal)
        disk.rows._rows.put(Changes(emptied=(upper,)))
        return replace(changes, born=(lower, *changes.born[1:]))

    return mistake


def _acknowledges_before_the_sync(before: Any) -> Any:
    async def commit(self: SimulatedTransaction, changes: Changes) -> None:
        """Written to the page cache: visible at once, and gone with the process."""
        disk, process = self._disk, self._process
        undone = _copy(disk.rows)
        disk.write(changes)

        def forget() -> None:
            disk.rows = undone

        if process is not None:
            process.deaths.insert(0, forget)
            _synced_later(process.deaths, forget)

    return commit


def _synced_later(deaths: list[Callable[[], None]], forget: Callable[[], None]) -> None:
    """The operating system syncs by itself after some seconds."""

    def synced() -> None:
        if forget in deaths:
            deaths.remove(forget)

    asyncio.get_running_loop().call_later(5.0, synced)


def _copy(rows: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    for name in copy._rows.__slots__:
        getattr(copy._rows, name).update(getattr(rows._rows, name))
    copy._timelines = {session_id: list(ids) for session_id, ids in rows._timelines.items()}
    return copy


def _repeats_in_doubt(before: Any) -> Any:
    async def commit(self: SimulatedTransaction, changes: Changes) -> None:
        try:
            await before(self, changes)
        except errors.Unavailable:
            # Nobody knows whether it was written, so it is written once more, under new numbers, to be safe.
            self._disk.write(changes)
            again = tuple(_renumbered(message) for message in changes.born)
            heads = tuple(
                replace(head, version_id=head.version_id + 1, last_ordinal=head.last_ordinal + 1)
                for head in changes.sessions
            )
            if len(again) == 1:
                self._disk.write(Changes(born=again, sessions=heads))
            raise

    return commit


def _renumbered(message: Message) -> Message:
    version_id = message.version_id + 1
    return replace(
        message,
        msg_id=MsgId(message.msg_id + 10_000),
        ordinal=message.ordinal + 1,
        version_id=version_id,
        sort_key=version_id,
    )


def _row_visible_late(before: Any) -> Any:
    """The version is given out before the transaction: the row follows later."""
    now = every(4)

    async def pull_new(self: SimulatedStore, *args: Any, **kwargs: Any) -> MessagePage:
        page: MessagePage = await before(self, *args, **kwargs)
        if page.messages and not page.more and now():
            return replace(page, messages=page.messages[:-1])
        return page

    return pull_new


def _ignores_the_watermark(before: Any) -> Any:
    def visible(self: MemoryStore, owner: Any, session_id: Any) -> list[Message]:
        return [message for message in self._timeline(session_id) if (owner, message.msg_id) not in self._rows.hidden]

    return visible


def _ignores_the_hidden(before: Any) -> Any:
    def visible(self: MemoryStore, owner: Any, session_id: Any) -> list[Message]:
        contact = self._rows.contacts.get((owner, session_id))
        mark = contact.last_del_msg_id if contact else 0
        return [message for message in self._timeline(session_id) if message.msg_id > mark]

    return visible


def _hides_from_all(before: Any) -> Any:
    def visible(self: MemoryStore, owner: Any, session_id: Any) -> list[Message]:
        hidden = {msg_id for (_, msg_id), row in self._rows.hidden.items() if row is not None}
        return [message for message in before(self, owner, session_id) if message.msg_id not in hidden]

    return visible


def _counts_the_hidden(before: Any) -> Any:
    def unread_up_to(self: MemoryStore, fact: Any) -> int:
        contact = self._rows.contacts.get((fact.owner, fact.session_id))
        found = (m for m in self._timeline(fact.session_id) if m.msg_id <= fact.up_to)
        return sum(contact.counts(message) for message in found) if contact is not None else 0

    return unread_up_to


def _preview_of_the_cleared(before: Any) -> Any:
    def preview_without(self: MemoryStore, fact: Any) -> Message | None:
        seen = [message for message in self._timeline(fact.session_id) if message.msg_id not in fact.msg_ids]
        return seen[-1] if seen else None

    return preview_without


def _forgets_seq_ids(before: Any) -> Any:
    """Retries are recognised in memory alone."""

    async def load(self: SimulatedTransaction, keys: Keys) -> Loaded:
        loaded: Loaded = await before(
            self, Keys(**{name: getattr(keys, name) for name in Keys.__slots__ if name != "seqs"})
        )
        return loaded

    return load


# Pages.


def _cursor_too_far(before: Any) -> Any:
    def page_after(found: Sequence[Message], *, limit: int, version_id: int) -> MessagePage:
        page: MessagePage = before(found, limit=limit, version_id=version_id)
        return replace(page, version_id=found[len(page.messages)].version_id) if page.more else page

    return page_after


def _page_ends_the_timeline(before: Any) -> Any:
    def page_after(found: Sequence[Message], *, limit: int, version_id: int) -> MessagePage:
        page: MessagePage = before(found, limit=limit, version_id=version_id)
        return replace(page, version_id=version_id, more=False)

    return page_after


def _skips_a_contact(before: Any) -> Any:
    def page_of_contacts(found: Sequence[Contact], **kwargs: Any) -> Any:
        return before(found[1:] if len(found) > 2 else found, **kwargs)

    return page_of_contacts


# The writer.


def _tells_before_the_commit(before: Any) -> Any:
    async def commit(self: Writer, batch: Any) -> Any:
        decide = self._decide

        def deciding(rows: Any, command: Any) -> Any:
            outcome = decide(rows, command)
            if not isinstance(outcome, errors.SixinError):
                self._committed([outcome])
                self._tell([outcome])
            return outcome

        self._decide = deciding  # type: ignore[method-assign]
        try:
            return await before(self, batch)
        finally:
            del self._decide

    return commit


def _remembers_after_a_failure(before: Any) -> Any:
    """What was decided is kept in memory although it was not written."""

    def fail(self: Writer, batch: Any, error: Any) -> None:
        kept = self._kept
        before(self, batch, error)
        self._kept = kept

    return fail


async def _whatever_became_of_it(self: SimulatedTransaction) -> bool:
    await self.ended.wait()
    return True


async def _does_not_wait(self: Writer, following: Any) -> Any:
    return following.outcomes


def _batches_facts(before: Any) -> Any:
    """A command's fact is taken although an earlier command of its batch may change it."""

    def next_batch(self: Writer) -> list[Any]:
        batch: list[Any] = []
        while self._queue and len(batch) < self._batch_max:
            batch.append(self._queue.popleft())
        return batch

    return next_batch


# The cache.


def _misses_commits(before: Any) -> Any:
    """A tail that is not followed any more still answers."""
    now = every(3)

    def committed(self: Cache, changed: Changes) -> None:
        if not now():
            before(self, changed)

    return committed


def _tail_read_short(before: Any) -> Any:
    async def read_tails(self: Any, session_ids: Any, *, versions_max: int) -> list[TailRead]:
        tails = await before(self, session_ids, versions_max=versions_max)
        return [replace(tail, messages=tail.messages[:-1]) for tail in tails]

    return read_tails


def _extends_over_gaps(before: Any) -> Any:
    def extend(self: Tail[Any], row: Any) -> bool:
        self.last = row.version_id - 1
        return bool(before(self, row))

    return extend


def _keeps_old_rows(before: Any) -> Any:
    """A row that changes keeps its old form in the cache, and only its version moves."""

    def extend(self: Tail[Any], row: Any) -> bool:
        old = self._rows.get(self._key(row))
        if isinstance(row, Message) and old is not None:
            row = replace(row, content=old.content, status=old.status)
        return bool(before(self, row))

    return extend


def _stale_heads(before: Any) -> Any:
    now = every(5)

    def user(self: Cache, uid: Any) -> Any:
        head = before(self, uid)
        return replace(head, unread_total=head.unread_total + 1) if head is not None and now() else head

    return user


def _cached_though_shared() -> Callable[[Node], None]:
    def sabotage(node: Node) -> None:
        node.cache._enabled = True

    return sabotage


# The hub.


def _told_without_the_recall() -> Callable[[Node], None]:
    """The notice of a recall carries the message as it was."""
    said: dict[int, bytes] = {}

    def sabotage(node: Node) -> None:
        before = node.hub.encoded.message_notice

        def message_notice(notice: MessageChanged, *, seen: bool) -> bytes:
            message = notice.message
            if message.status == "normal":
                said[message.msg_id] = message.content
            return before(replace(notice, message=replace(message, content=said.get(message.msg_id, b""))), seen=seen)

        node.hub.encoded.message_notice = message_notice  # type: ignore[method-assign]
        node.hub.encoded._messages = _Forgetful()

    return sabotage


class _Forgetful(dict[Any, Any]):
    def __setitem__(self, key: Any, value: Any) -> None:
        """Remember nothing."""


def _telling(change: Callable[[list[Told]], list[Told]]) -> Callable[[], Callable[[Node], None]]:
    def make() -> Callable[[Node], None]:
        def sabotage(node: Node) -> None:
            before = node.hub._tell_here
            node.hub._tell_here = lambda told: before(change(list(told)))  # type: ignore[method-assign]

        return sabotage

    return make


def _to_a_stranger(told: list[Told]) -> list[Told]:
    return [
        replace(one, members=(*one.members, 1000, 1001, 1002)) if isinstance(one, MessageChanged) else one
        for one in told
    ]


def _typing_to_a_stranger(told: list[Told]) -> list[Told]:
    return [replace(one, to=(1000, 1001, 1002)) if isinstance(one, Typing) else one for one in told]


def _contact_to_the_peer() -> Callable[[Node], None]:
    def sabotage(node: Node) -> None:
        before = node.hub._tell_here

        def tell(told: Sequence[Told]) -> None:
            before(told)
            for one in told:
                if isinstance(one, ContactChanged):
                    outlets = node.hub._outlets.get(one.contact.peer, {})
                    node.hub._put(outlets, text_frame(node.hub.encoded.contact_notice(one.contact)))

        node.hub._tell_here = tell  # type: ignore[method-assign]

    return sabotage


def _of_the_next_version(told: list[Told]) -> list[Told]:
    return [
        replace(one, message=replace(one.message, version_id=one.message.version_id + 1))
        if isinstance(one, MessageChanged)
        else one
        for one in told
    ]


def _revokes_at_the_door(before: Any) -> Any:
    def revoked(self: Hub, uid: Any, tokens_from_s: int) -> None:
        self._tokens.revoke(uid, tokens_from_s)

    return revoked


def _hands_out(before: Any) -> Any:
    def withhold_from_ended(self: Tokens, identity: Identity, *, now_s: float) -> None:
        return

    return withhold_from_ended


def _never_looks(before: Any) -> Any:
    async def follow(self: Following) -> None:
        await asyncio.sleep(1_000)

    return follow


# The doors and the operations.


def _any_session(before: Any) -> Any:
    def session_named(actor: Actor, body: Any) -> Any:
        try:
            return before(actor, body)
        except errors.NotFound:
            return body.session_id

    return session_named


def _sender_of_the_body(before: Any) -> Any:
    now = every(15)

    def send(actor: Actor, body: Any) -> Any:
        command: commands.Send = before(actor, body)
        members = [int(part) for part in command.session_id.split(":")]
        other = members[0] if members[1] == actor.uid else members[1]
        return replace(command, actor=other) if now() else command

    return send


def _answer_of_the_first_time(before: Any) -> Any:
    """Answers to sends are remembered, whatever happened to the message since."""
    first: dict[tuple[int, str, int], bytes] = {}

    def begin(self: Any, actor: Actor, op: str, body: Any, reply: Any) -> None:
        if op != "send":
            before(self, actor, op, body, reply)
            return
        key = (actor.uid, "", hash(bytes(body)))

        def remembered(answer: Any) -> None:
            reply(first.setdefault(key, answer) if isinstance(answer, bytes) else answer)

        before(self, actor, op, body, remembered)

    return begin


MUTATIONS = [
    Mutation(
        "acknowledged and lost",
        1,
        "acknowledged and lost",
        "store",
        "One message in fifteen is not written.",
        _commit(_loses_a_message),
    ),
    Mutation(
        "acknowledged before the sync",
        1,
        "acknowledged and lost",
        "store",
        "A commit returns before its fsync; a crash takes it back.",
        _part(SimulatedTransaction, "commit", _acknowledges_before_the_sync),
        faults=Faults(0.3, 0, 0),
        crashes=True,
    ),
    Mutation(
        "retries known in memory alone",
        2,
        "twice",
        "store",
        "Used `seq_id`s are not looked up in the store.",
        _part(SimulatedTransaction, "load", _forgets_seq_ids),
    ),
    Mutation(
        "acknowledged with the one before",
        1,
        "acknowledged and lost",
        "writer",
        "What follows a commit is acknowledged when that is durable.",
        _part(Writer, "_landed", lambda before: _does_not_wait),
        faults=BAD_DISK,
        crashes=True,
    ),
    Mutation(
        "repeated in doubt",
        3,
        "once or not at all",
        "store",
        "A commit that is in doubt is repeated under new numbers.",
        _part(SimulatedTransaction, "commit", _repeats_in_doubt),
        faults=BAD_DISK,
        crashes=True,
    ),
    Mutation(
        "another node overlooked",
        4,
        "place",
        "store",
        "What a node remembers is written although another node wrote in between.",
        _part(SimulatedSharedStore, "_still_so", lambda before: lambda self, relied_on: True),
        nodes=2,
    ),
    Mutation(
        "neighbours swapped",
        4,
        "place",
        "store",
        "A message takes the place of the one before it.",
        _commit(_swaps_neighbours),
    ),
    Mutation(
        "row visible late",
        5,
        "nothing missed",
        "store",
        "A pull reaches a version whose row is not yet visible.",
        _part(SimulatedStore, "pull_new", _row_visible_late),
        cache=False,
    ),
    Mutation(
        "read ahead too short",
        5,
        "nothing missed",
        "store",
        "Sessions that are read together each lack their newest row.",
        _part(SimulatedStore, "read_tails", _tail_read_short),
        acquaintances=60,
    ),
    Mutation(
        "cursor too far",
        5,
        "in version order",
        "pages",
        "The cursor of a page names the row after it.",
        _part(memory, "page_after", _cursor_too_far),
        cache=False,
    ),
    Mutation(
        "page ends the timeline",
        5,
        "nothing missed",
        "pages",
        "A full page says that there is no more.",
        _part(memory, "page_after", _page_ends_the_timeline),
        cache=False,
    ),
    Mutation(
        "contact skipped",
        5,
        "nothing missed",
        "pages",
        "A page of contacts lacks its first.",
        _part(memory, "page_of_contacts", _skips_a_contact),
        cache=False,
        devices=1,
    ),
    Mutation(
        "one contact not written",
        5,
        "consecutive",
        "store",
        "One batch in three writes one contact only.",
        _commit(_one_contact_only),
    ),
    Mutation(
        "notice before commit",
        5,
        "shown before stored",
        "writer",
        "Devices are told while the batch is being decided.",
        _part(Writer, "_commit", _tells_before_the_commit),
        faults=BAD_DISK,
        crashes=True,
    ),
    Mutation(
        "written on what was not",
        5,
        "consecutive",
        "store",
        "What follows a commit is written although that was not.",
        _part(SimulatedTransaction, "is_synced", lambda before: _whatever_became_of_it),
        faults=BAD_DISK,
        crashes=True,
    ),
    Mutation(
        "notice of the next version",
        5,
        "consecutive",
        "hub",
        "A notice names a version too high.",
        _sabotage(_telling(_of_the_next_version)),
    ),
    Mutation(
        "hidden counted",
        7,
        "unread",
        "store",
        "Reading counts what its reader deleted for himself.",
        _part(MemoryStore, "_unread_up_to", _counts_the_hidden),
    ),
    Mutation(
        "facts of before the batch",
        7,
        "unread",
        "writer",
        "Unread is counted as it was before the batch.",
        _part(Writer, "_next_batch", _batches_facts),
    ),
    Mutation(
        "total one too high",
        7,
        "total",
        "cache",
        "A cached total is sometimes wrong.",
        _part(Cache, "user", _stale_heads),
    ),
    Mutation(
        "recalled kept in the store",
        9,
        "content is gone",
        "store",
        "The row of a recalled message keeps its content.",
        _commit(_keeps_what_was_emptied),
    ),
    Mutation(
        "recalled kept in the cache",
        9,
        "content is gone",
        "cache",
        "A cached message keeps its content.",
        _part(Tail, "extend", _keeps_old_rows),
    ),
    Mutation(
        "recalled in the notice",
        9,
        "content is gone",
        "hub",
        "The notice of a recall carries the content.",
        _sabotage(_told_without_the_recall),
    ),
    Mutation(
        "recalled in the retry",
        9,
        "content is gone",
        "dispatch",
        "A retry is answered as the first time, after the recall too.",
        _part(dispatch.Dispatch, "begin", _answer_of_the_first_time),
    ),
    Mutation(
        "cleared comes back",
        9,
        "below the watermark",
        "store",
        "Pulls ignore the clear watermark.",
        _part(MemoryStore, "_visible", _ignores_the_watermark),
        cache=False,
    ),
    Mutation(
        "deleted for me comes back",
        9,
        "deleted for oneself",
        "store",
        "Pulls ignore what their reader deleted for himself.",
        _part(MemoryStore, "_visible", _ignores_the_hidden),
        cache=False,
    ),
    Mutation(
        "preview of the cleared",
        9,
        "below the watermark",
        "store",
        "After a deletion the preview falls back on what was cleared.",
        _part(MemoryStore, "_preview_without", _preview_of_the_cleared),
    ),
    Mutation(
        "hidden from all",
        10,
        "for oneself alone",
        "store",
        "What one deletes for himself the other cannot see either.",
        _part(MemoryStore, "_visible", _hides_from_all),
        cache=False,
    ),
    Mutation(
        "told to a stranger",
        11,
        "strangers",
        "hub",
        "Message notices go to a third user.",
        _sabotage(_telling(_to_a_stranger)),
    ),
    Mutation(
        "typing told to a stranger",
        11,
        "strangers",
        "hub",
        "Typing is told to a third user.",
        _sabotage(_telling(_typing_to_a_stranger)),
    ),
    Mutation(
        "contact told to the peer",
        11,
        "strangers",
        "hub",
        "The peer is told how one's contact looks.",
        _sabotage(_contact_to_the_peer),
    ),
    Mutation(
        "revoked and still connected",
        11,
        "cut off",
        "hub",
        "A revoked token opens no door, and the connection that stands on it stays.",
        _part(Hub, "revoked", _revokes_at_the_door),
    ),
    Mutation(
        "revocation lost on the way",
        11,
        "cut off",
        "node",
        "A node that was not told of a revocation never looks for it.",
        _part(Following, "_follow_revocations", _never_looks),
        nodes=2,
        faults=Faults(0, 0, 5),
    ),
    Mutation(
        "answered after the end",
        11,
        "cut off",
        "gateway",
        "A request over HTTP that waits for the store is answered although its token has ended.",
        _part(Tokens, "withhold_from_ended", _hands_out),
        nodes=2,
        faults=BAD_DISK,
        life_s=5.0,
    ),
    Mutation(
        "any session is one's own",
        11,
        "strangers",
        "operations",
        "Whoever names a session is let in.",
        lambda: _everywhere(_any_session),
    ),
    Mutation(
        "sender from the body",
        11,
        "who speaks",
        "operations",
        "The sender is not the one of the token.",
        _part(dispatch, "CHANGES", lambda changes: changes | {"send": _sender_of_the_body(changes["send"])}),
    ),
    Mutation(
        "stale cache",
        12,
        "as new as known",
        "cache",
        "The cache overlooks every third commit.",
        _part(Cache, "committed", _misses_commits),
    ),
    Mutation(
        "cache over a gap",
        5,
        "nothing missed",
        "cache",
        "After a commit in doubt a tail goes on, over versions it does not have.",
        lambda: Several(
            patched(Tail, "extend", _extends_over_gaps), patched(Cache, "forget", lambda before: lambda self: None)
        ),
        faults=BAD_DISK,
        crashes=True,
    ),
    Mutation(
        "cache of a shared store",
        12,
        "as new as known",
        "cache",
        "A node answers from memory what another has changed.",
        _sabotage(_cached_though_shared),
        nodes=2,
        faults=Faults(0, 0, 1),
    ),
    Mutation(
        "reading lost",
        12,
        "as new as known",
        "store",
        "One batch in eight that only reads is not written.",
        _commit(_loses_a_reading),
        cache=False,
    ),
    Mutation(
        "mutes kept in memory",
        12,
        "same answers",
        "store",
        "Muting is forgotten by a restart.",
        _commit(_forgets_mutes),
    ),
    Mutation(
        "memory ahead of the store",
        12,
        "as new as known",
        "writer",
        "What a failed batch decided stays in memory.",
        _part(Writer, "_fail", _remembers_after_a_failure),
        faults=BAD_DISK,
        crashes=True,
    ),
]


def _everywhere(make: Callable[[Any], Any]) -> AbstractContextManager[Hooks]:
    return Several(*(patched(module, "session_named", make) for module in (contacts, messages, pulls)))
