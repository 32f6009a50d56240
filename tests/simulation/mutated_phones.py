"""Mutations of the SDK: what keeps a device's copy true, and delivers what was said, done wrong."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from msgspec.structs import replace

from sixin.client.client import Client
from sixin.client.history import Page
from sixin.client.model import Writes
from sixin.client.outbox import Outbox
from sixin.client.sender import Sender
from sixin.client.sync import Sync
from sixin.core.contact import Contact
from tests.simulation.mutations import Hooks, Install, Mutation, patched
from tests.simulation.plan import Faults

BAD_NOTICES = Faults(network=0.5, disk=0.3, notices=3)


def _part(target: Any, name: str, make: Callable[[Any], Any]) -> Install:
    def install() -> AbstractContextManager[Hooks]:
        return patched(target, name, make)

    return install


def _believes_every_notice(before: Any) -> Any:
    """A notice is applied whatever was missed before it."""

    def contact_noticed(self: Sync, version_id: int, contact: Contact | None) -> Writes:
        if contact is None or version_id <= self._heads.contact_version:
            return Writes()
        return self._with_contacts([contact], version_id)

    return contact_noticed


def _ignores_what_was_hidden(before: Any) -> Any:
    def hidden_version(self: Sync, session_id: Any) -> int:
        return 0

    return hidden_version


def _keeps_the_cleared(before: Any) -> Any:
    def with_contacts(self: Sync, contacts: Iterable[Contact], version_id: int) -> Writes:
        writes: Writes = before(self, contacts, version_id)
        writes.cleared.clear()
        return writes

    return with_contacts


def _forgets_what_was_sent(before: Any) -> Any:
    """What has left is taken out of the outbox, before anybody has answered."""

    def link_lost(self: Outbox) -> None:
        for number in list(self._sent):
            self.remove(number)
        before(self)

    return link_lost


def _numbers_anew(before: Any) -> Any:
    """Each attempt has a `seq_id` of its own."""

    def link_lost(self: Sender) -> None:
        for entry in self.outbox.entries:
            if entry.kind == "send" and not entry.refused:
                self.outbox.put(replace(entry, seq_id=entry.seq_id + 1_000_000))
        before(self)

    return link_lost


def _passes_over_holes(before: Any) -> Any:
    def look(page: Page) -> Page:
        return replace(page, more=False, hole=False)

    async def history(self: Any, *args: Any, **kwargs: Any) -> Page:
        return look(await before(self, *args, **kwargs))

    return history


MUTATIONS = [
    Mutation(
        "notice applied over a gap",
        6,
        "contacts",
        "SDK: sync",
        "A contact notice is applied whatever was missed before it.",
        _part(Sync, "contact_noticed", _believes_every_notice),
        faults=BAD_NOTICES,
        phones=2,
    ),
    Mutation(
        "hidden on one device alone",
        6,
        "messages",
        "SDK: sync",
        "What was deleted for oneself stays on the other devices.",
        _part(Sync, "_hidden_version", _ignores_what_was_hidden),
        phones=2,
    ),
    Mutation(
        "cleared stays on the device",
        9,
        "below the watermark",
        "SDK: sync",
        "What was cleared elsewhere stays on the device.",
        _part(Sync, "_with_contacts", _keeps_the_cleared),
        phones=2,
    ),
    Mutation(
        "outbox emptied too early",
        6,
        "outbox",
        "SDK: outbox",
        "What was under way when the link broke is forgotten.",
        _part(Outbox, "link_lost", _forgets_what_was_sent),
        faults=Faults(network=3, disk=0, notices=0),
        phones=2,
    ),
    Mutation(
        "another number for each attempt",
        2,
        "twice",
        "SDK: sender",
        "A retry after a broken link has a new `seq_id`.",
        _part(Sender, "link_lost", _numbers_anew),
        faults=Faults(network=3, disk=0, notices=0),
        phones=2,
    ),
    Mutation(
        "hole shown as the end",
        6,
        "no gap unsaid",
        "SDK: history",
        "A page that ends at a hole says that there is nothing more.",
        _part(Client, "history", _passes_over_holes),
        faults=BAD_NOTICES,
        crashes=True,
        phones=2,
    ),
]
