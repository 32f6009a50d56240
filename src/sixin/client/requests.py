"""The pulls that sync asks for, and how each stands on the wire."""

from typing import Any

from msgspec import UNSET, Struct

from sixin.core.ids import SessionId
from sixin.core.wire.bodies import PullContactsBody, PullHiddenBody, PullNewBody, PullOldBody


class PullContacts(Struct, frozen=True):
    """What changed in the contacts."""

    after: int
    limit: int


class PullNew(Struct, frozen=True):
    """What changed in a session."""

    session_id: SessionId
    after: int
    limit: int
    born_up_to: int | None = None


class PullOld(Struct, frozen=True):
    """A page of history: the newest where `before` is None."""

    session_id: SessionId
    before: int | None
    limit: int
    hidden_version: int = 0
    """The contact's when this was asked: a page read later leaves out what was hidden up to then."""


class PullHidden(Struct, frozen=True):
    """What the owner deleted for himself in a session."""

    session_id: SessionId
    after: int


OfSession = PullNew | PullOld | PullHidden
Pull = PullContacts | OfSession


def on_wire(pull: Pull) -> tuple[str, Any]:
    """The operation and its body."""
    match pull:
        case PullContacts():
            return "pull_contacts", PullContactsBody(pull.after, pull.limit)
        case PullNew():
            born_up_to = UNSET if pull.born_up_to is None else pull.born_up_to
            return "pull_new", PullNewBody(
                session_id=pull.session_id, after_version=pull.after, limit=pull.limit, born_up_to=born_up_to
            )
        case PullOld():
            before = UNSET if pull.before is None else pull.before
            return "pull_old", PullOldBody(session_id=pull.session_id, before_sort_key=before, limit=pull.limit)
        case PullHidden():
            return "pull_hidden", PullHiddenBody(session_id=pull.session_id, after_version=pull.after)
