"""Timelines: pages of them, and tails that can prove they are complete.

Versions of a timeline are consecutive and each change stands on exactly one row. So a tail that took in every
version from `first` to `last` holds every row whose version lies between: it can answer for that range without
asking the store, and knows for which ranges it cannot (docs/write-path.md).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from sixin.core.contact import Contact
from sixin.core.ids import SessionId
from sixin.core.limits import CONTACT_TAIL_ROWS_MAX, PAGE_BYTES_MAX, TAIL_ROWS_MAX
from sixin.core.message import Message


class MessagePage(Struct, frozen=True, gc=False):
    """Messages of one session, in the order the operation names."""

    messages: list[Message]
    version_id: int
    """pull_new: the new cursor. pull_old: the session's version the page was read at."""
    more: bool


class ContactPage(Struct, frozen=True, gc=False):
    """Contacts of one owner by version."""

    contacts: list[Contact]
    version_id: int
    more: bool
    unread_total: int


class HiddenPage(Struct, frozen=True, gc=False):
    """Messages one owner deleted for himself in one session, by version."""

    msg_ids: list[int]
    version_id: int
    more: bool


class TailRead(Struct, frozen=True, gc=False):
    """The end of a session's timeline as a store holds it: every message whose version lies in `first … last`, whoever
    may see it, by version."""

    session_id: SessionId
    first: int
    last: int
    messages: list[Message]


def tails_of(found: Iterable[tuple[Message, int]], versions_max: int) -> list[TailRead]:
    """`found`: every message of some sessions whose version is one of the last `versions_max`, in any order, each with
    its session's version, read in one snapshot."""
    by_session: dict[SessionId, TailRead] = {}
    for message, version_id in found:
        tail = by_session.get(message.session_id)
        if tail is None:
            first = max(1, version_id - versions_max + 1)
            tail = by_session[message.session_id] = TailRead(message.session_id, first, version_id, [])
        tail.messages.append(message)
    for tail in by_session.values():
        tail.messages.sort(key=_VERSION)
    return list(by_session.values())


def page_after(found: Sequence[Message], *, limit: int, version_id: int) -> MessagePage:
    """A page of `pull_new`. `found`: visible messages by version, up to `limit + 1` of them; `version_id`: the
    session's, read together with them. The cursor of the last page is the session's version, so that a change
    this user must not see is passed by and not asked for again."""
    fit = _fit((len(message.content) for message in found), limit)
    if fit == len(found):
        return MessagePage(list(found), version_id, more=False)
    return MessagePage(list(found[:fit]), found[fit - 1].version_id, more=True)


def page_before(found: Sequence[Message], *, limit: int, version_id: int) -> MessagePage:
    """A page of `pull_old`. `found`: visible messages, newest first, up to `limit + 1`; the page is oldest first."""
    fit = _fit((len(message.content) for message in found), limit)
    return MessagePage(list(found[:fit])[::-1], version_id, more=fit < len(found))


def page_of_contacts(found: Sequence[Contact], *, limit: int, version_id: int, unread_total: int) -> ContactPage:
    """A page of `pull_contacts`. `found`: contacts by version, up to `limit + 1`."""
    fit = _fit(map(_contact_bytes, found), limit)
    if fit == len(found):
        return ContactPage(list(found), version_id, more=False, unread_total=unread_total)
    return ContactPage(list(found[:fit]), found[fit - 1].version_id, more=True, unread_total=unread_total)


def _contact_bytes(contact: Contact) -> int:
    """What may be large in a contact: its preview, and labels at four bytes a character."""
    preview = contact.last_message
    return (len(preview.content) if preview is not None else 0) + 4 * sum(map(len, contact.labels))


def page_of_hidden(found: Sequence[tuple[int, int]], *, limit: int, version_id: int) -> HiddenPage:
    """A page of `pull_hidden`. `found`: (version_id, msg_id) by version and id, up to `limit + 1`.

    One delete hides several messages under one version, and a cursor cannot stand inside a version: so a page ends
    where a version ends. `limit` is never below the number of messages one delete may name.
    """
    if len(found) <= limit:
        return HiddenPage([msg_id for _, msg_id in found], version_id, more=False)
    cut = found[limit][0]
    kept = [(version, msg_id) for version, msg_id in found[:limit] if version < cut]
    return HiddenPage([msg_id for _, msg_id in kept], kept[-1][0], more=True)


def _fit(sizes: Iterable[int], limit: int) -> int:
    """How many rows a page takes: at least one, at most `limit`, and no more than `PAGE_BYTES_MAX` of content."""
    total = count = 0
    for size in islice(sizes, limit):
        total += size
        if total > PAGE_BYTES_MAX and count:
            break
        count += 1
    return count


class _Versioned(Protocol):
    @property
    def version_id(self) -> int: ...


R = TypeVar("R", bound=_Versioned)


class Tail(Generic[R]):
    """The newest rows of one timeline: every row whose version lies in `first … last`, by version."""

    __slots__ = ("_key", "_rows", "_rows_max", "first", "last", "size", "whole")

    def __init__(self, last: int, key: Callable[[R], Hashable], rows_max: int = TAIL_ROWS_MAX) -> None:
        """An empty tail of a timeline at version `last`; `key` tells one row from another."""
        self._rows_max = rows_max
        self.first = last + 1
        self.last = last
        self.size = 0
        """Rows held."""
        self.whole = True
        """Whether the rows are as they were at `last`, and not later: see `take`."""
        self._key = key
        self._rows: dict[Hashable, R] = {}

    def extend(self, row: R) -> bool:
        """Take in the next version. False, and nothing happens, where it is not the next: drop the tail then."""
        if row.version_id != self.last + 1:
            return False
        rows, key = self._rows, self._key(row)
        rows.pop(key, None)  # a row that changes again moves to the end
        rows[key] = row
        self.last = row.version_id
        if len(rows) > self._rows_max:
            self._drop_oldest()
        self.size = len(rows)
        return True

    def take(self, rows: Iterable[R], last: int, *, whole: bool = True) -> None:
        """Take in all that changed in the versions up to `last`. `rows`: by version, as they are at `last`; or later,
        where they are a page that others follow. Such a tail lacks what has changed again behind its end, so it
        answers for no range until the last page is taken in."""
        held = self._rows
        for row in rows:
            key = self._key(row)
            held.pop(key, None)
            held[key] = row
        self.last = last
        self.whole = whole
        while len(held) > self._rows_max:
            self._drop_oldest()
        self.size = len(held)

    def _drop_oldest(self) -> None:
        # Some at once where it is long: a dict looks for its first row among the places of all that went before.
        for oldest in list(islice(self._rows, max(1, self._rows_max // 256))):
            self.first = self._rows.pop(oldest).version_id + 1

    def after(self, version_id: int) -> list[R] | None:
        """Every row that changed after a version; None where this tail cannot prove that it knows them all."""
        if not self.whole or not self.first - 1 <= version_id <= self.last:
            return None
        newest_first: list[R] = []
        for row in reversed(self._rows.values()):
            if row.version_id <= version_id:
                break
            newest_first.append(row)
        return newest_first[::-1]

    def get(self, key: Hashable) -> R | None:
        """One row as it now is, if its newest change lies in the tail."""
        return self._rows.get(key)

    @property
    def rows(self) -> Iterable[R]:
        """What it holds, by version."""
        return self._rows.values()


_VERSION: Callable[[Message], int] = attrgetter("version_id")
_MSG_ID: Callable[[Message], Hashable] = attrgetter("msg_id")
_SESSION_ID: Callable[[Contact], Hashable] = attrgetter("session_id")


def message_tail(last: int) -> Tail[Message]:
    """A tail of a session's messages."""
    return Tail(last, _MSG_ID)


def contact_tail(last: int) -> Tail[Contact]:
    """A tail of a user's contacts."""
    return Tail(last, _SESSION_ID, CONTACT_TAIL_ROWS_MAX)


def newest_of(
    tail: Tail[Message], *, before_sort_key: int | None, above_msg_id: int, limit: int
) -> list[Message] | None:
    """Up to `limit + 1` messages below a sort key, newest first; None where the tail cannot prove completeness.

    A row's version is at least its sort key, so a tail from `first` on holds every message with
    `sort_key >= first`: those below may be missing even where a late change brought some of them in.
    """
    if before_sort_key is not None and before_sort_key < tail.first:
        return None
    known = sorted(
        (
            message
            for message in tail.rows
            if message.sort_key >= tail.first and (before_sort_key is None or message.sort_key < before_sort_key)
        ),
        key=lambda message: -message.sort_key,
    )
    found = [message for message in known if message.msg_id > above_msg_id][: limit + 1]
    # Short of a full page it is the end only if the timeline's beginning, or a cleared message, is in the tail.
    if len(found) <= limit and tail.first > 1 and len(found) == len(known):
        return None
    return found
