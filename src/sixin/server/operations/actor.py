"""Who acts, as the door found out from the token; and which session he means."""

from functools import lru_cache

from msgspec import UNSET, Struct

from sixin.core import errors
from sixin.core.ids import SessionId, Uid, pair_members, pair_session_id, parse_session_id, parse_uid
from sixin.core.wire.bodies import SendBody, SessionBody


class Actor(Struct, frozen=True, gc=False):
    """A user at work through one device."""

    uid: Uid
    device_id: str = ""
    moderator: bool = False


@lru_cache(maxsize=65_536)
def _pair_with(uid: Uid, to: str) -> SessionId:
    return pair_session_id(uid, parse_uid(to))


def session_named(actor: Actor, body: SessionBody | SendBody) -> SessionId:
    """The session a body names by `session_id` or by `to`: one the actor is a member of.

    Raises `BadRequest` where neither or both are given, `NotFound` for a session that is not his or is nowhere.
    """
    if body.to is not UNSET:
        if body.session_id is not UNSET:
            raise errors.BadRequest("Give `to` or `session_id`, not both.")
        return _pair_with(actor.uid, body.to)
    if body.session_id is UNSET:
        raise errors.BadRequest("Give `session_id`, or `to` for a pair.")
    session_id = parse_session_id(body.session_id)
    if actor.uid not in pair_members(session_id):
        raise errors.NotFound
    return session_id
