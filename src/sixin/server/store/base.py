"""The store seam: what a storage engine promises to the writer above it (docs/storage.md).

An engine knows rows and transactions, and none of the rules. `memory.py` is the reference; every engine passes
`tests/conformance/`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from msgspec import Struct

from sixin.core import errors
from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.rows import Changes as Changes
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session, SlotHead
from sixin.core.timeline import ContactPage, HiddenPage, MessagePage, TailRead


class Transaction(ABC):
    """One batch's sight of the store: what `load` gave stays true until `commit`."""

    @abstractmethod
    async def load(self, keys: Keys) -> Loaded:
        """The rows that exist of those named, contacts with their `last_message`.

        Where others may write, every row named by `slots`, `sessions`, `users` and `contacts` is locked, in that
        order and each sorted, whether or not it exists yet. May be called more than once in an engine that is
        `owned`; once otherwise. Raises `Unavailable`, and `Held` where somebody does not let go of a row.
        """

    @abstractmethod
    async def commit(self, changes: Changes) -> None:
        """Write the rows and make them durable and visible, all of them or none.

        Returns only when they survive a crash of the process and of the machine. Raises `Unavailable`: whether they
        were written is then not known, and the next transaction's `load` finds out.
        """


class Store(ABC):
    """Timelines on some engine. Every method raises `Unavailable` when the engine cannot answer in time."""

    owned: ClassVar[bool] = True
    """True where this process is the only writer: what was loaded or written may stay in memory. Every other store is
    a `SharedStore`."""

    @abstractmethod
    async def open(self) -> None:
        """Connect, take the file or the pool, and bring the schema to this version.

        Raises `StoreRefused` with what to do about it, when that is not possible.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. What was committed stays; what was not is rolled back."""

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction; left without a commit, it leaves no trace. The writer opens one at a time.

        Where others may write, it may end in `Collided`.
        """

    @abstractmethod
    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""

    @abstractmethod
    async def user(self, uid: Uid) -> UserHead:
        """How far a user's contact timeline has come, with the total; at 0 for one without contacts."""

    @abstractmethod
    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked: the uid, and from which time on (Unix seconds) they are believed again."""

    @abstractmethod
    async def session(self, session_id: SessionId) -> Session:
        """How far a session's timeline has come; at 0 for one without messages."""

    @abstractmethod
    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Messages visible to `owner` that changed after a version, by version; one snapshot.

        Visible: above the owner's clear watermark and not hidden by him. With `born_up_to`, only those with
        `sort_key <= born_up_to`. Full pages: what is not visible takes no place (`core.timeline.page_after`).
        """

    @abstractmethod
    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """The newest page of visible messages below a sort key, oldest first; one snapshot."""

    @abstractmethod
    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts that changed after a version, by version, deleted ones included; one snapshot."""

    @abstractmethod
    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Messages the owner hid in a session after a contact version, by version; one snapshot. The cursor of the
        last page is the owner's contact version. `limit` is at least `DELETE_MESSAGES_MAX`."""

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        """The ends of sessions' timelines, for the cache: all rows of each, whoever may see them; one snapshot.

        May leave out sessions, so that the answer stays small. A store that others write too has no cache above it,
        and gives none.
        """
        return []

    @abstractmethod
    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """A session's messages as they are stored, newest first, for the inspector and the checker."""


class FollowedStore(Store):
    """A store of this process alone that takes the next batch while it still writes the one before."""

    @abstractmethod
    def follow(self, changes: Changes) -> asyncio.Future[Any]:
        """Take what was decided on top of the commit, or the `follow`, that is under way; one at a time.

        When it is done, it is as durable and visible as after `Transaction.commit`. Where what it builds on was not
        written, it is not either. It fails with `Unavailable`, at once where that is known.
        """


class Heads(Struct, frozen=True, gc=False):
    """The heads that a batch was decided on. Whatever else it read cannot change without one of them."""

    slots: list[SlotHead]
    sessions: list[Session]
    users: list[UserHead]


class SharedStore(Store):
    """A store that other nodes write too, and that can say whether what is remembered still holds."""

    owned = False

    @abstractmethod
    async def peek(self, keys: Keys) -> Loaded:
        """What `Transaction.load` loads, without a lock: it may be old by the time it is used."""

    @abstractmethod
    async def commit_if(self, relied_on: Heads, changes: Changes) -> None:
        """Write the changes, durable and visible, if these heads are still what they were; also where nothing is to
        be written, so that whoever decided so may rely on it. Raises `Collided` if not, and then wrote nothing;
        `Held` where somebody holds one of them and does not let go; `Unavailable` where it is not known whether it
        did."""

    async def held(self, keys: Keys) -> tuple[Keys, Keys]:
        """Of some slots, sessions and users: those that somebody else holds at this moment, and those that are not
        there yet, so that nobody can see whether somebody is making them. Waits for nobody. Raises `Unavailable`."""
        return Keys(), Keys()


class StoreRefused(Exception):
    """The store cannot be opened; the message says why and what to do."""


class Held(errors.Unavailable):
    """Somebody else holds rows of the batch and does not let go: nothing of it was written."""


class Collided(Exception):
    """Another node was in the way, and nothing of the transaction was written: the same batch may be tried again."""
