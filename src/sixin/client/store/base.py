"""The local store's seam: where a client keeps its copy and its outbox.

An engine knows rows, and none of the rules. `memory.py` is the reference; every engine passes `tests/conformance/`.
Its methods do not wait: a device writes a few rows at a time, and with no other task running between a decision and its
write, the two cannot fall apart. Each raises `StoreFailed` when the engine cannot do it; then nothing was done.
"""

from abc import ABC, abstractmethod

from sixin.client.model import Applied, State, Writes
from sixin.core.ids import MsgId, SessionId
from sixin.core.message import Message


class Store(ABC):
    """The copy of one user on one device."""

    @abstractmethod
    def open(self) -> State:
        """Take the file for this process alone, bring its schema to this version, and read all but the messages.

        Raises `StoreRefused` where another process has it, where it was written by a newer version, and where it is no
        store at all.
        """

    @abstractmethod
    def adopt(self, uid: int, device_id: str) -> None:
        """Say once whose this is, durably. Raises `StoreRefused` where it is another user's already."""

    @abstractmethod
    def apply(self, writes: Writes) -> Applied:
        """All of the writes, or none, in the order of the fields of `Writes`.

        After a crash of the process everything applied is there. After a loss of power, everything up to some
        `apply` is, and that is none before the last with `entries`: those are durable on return.
        """

    @abstractmethod
    def page(self, session_id: SessionId, *, low: int, high: int, limit: int) -> list[Message]:
        """Messages with `low <= sort_key <= high`, newest first, up to `limit`."""

    @abstractmethod
    def message(self, session_id: SessionId, msg_id: MsgId) -> Message | None:
        """One message."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file. May be called twice."""
