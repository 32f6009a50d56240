"""Who talks with whom: made from a few numbers, so that every process of a run knows it without being told."""

from msgspec import Struct

from sixin.core.ids import SessionId, Uid, pair_session_id


class Population(Struct, frozen=True):
    """Users in a ring, each talking with his nearest neighbours on both sides."""

    users: int
    contacts: int = 10
    """Contacts of each user; fewer where the ring is shorter."""
    first_uid: int = 1_000_000

    def uid(self, user: int) -> Uid:
        """The uid of the user with this number, counted from 0 and around the ring."""
        return Uid(self.first_uid + user % self.users)

    def peers(self, user: int) -> list[Uid]:
        """Whom this user talks with; himself where he is alone."""
        near = range(1, min(self.contacts, self.users - 1) // 2 + 1)
        around = [self.uid(user + step * side) for step in near for side in (1, -1)]
        if not around:
            around = [self.uid(user + 1)]
        return list(dict.fromkeys(around))

    def sessions(self, user: int) -> list[SessionId]:
        """The sessions of this user, in the order of `peers`."""
        return [pair_session_id(self.uid(user), peer) for peer in self.peers(user)]
