"""Throw-away users: uids that nobody has, and the tokens of their devices."""

import time
from collections.abc import Iterable
from random import SystemRandom
from typing import Final

from sixin.bench.tokens import mint
from sixin.client.identity import uid_of_token
from sixin.core.ids import Uid
from sixin.trial.tap import Login

FIRST_UID: Final = 2**62
"""Far above what counters and snowflake ids have reached."""

ISSUED_EARLIER_S: Final = 86_400
"""Tokens say that they are a day old: a revocation ends them, also where the server's clock is behind ours."""


class Users:
    """The users of one run, and who got which token."""

    def __init__(self, uids: list[int], *, secret: str = "", tokens: dict[int, str] | None = None) -> None:
        """Of `minted` or `given`."""
        self.uids = uids
        self._secret = secret
        self._given = tokens or {}
        self._issued: dict[tuple[int, str], str] = {}
        self._logins: dict[str, Login] = {}
        self._issued_s = dict.fromkeys(uids, int(time.time()) - ISSUED_EARLIER_S)
        self._generations = dict.fromkeys(uids, 1)

    @classmethod
    def minted(cls, count: int, secret: str) -> "Users":
        """New users. Their uids are no part of the seed: a second run with it meets nobody it knows."""
        first = SystemRandom().randrange(FIRST_UID, 2**63 - count, count)
        return cls([first + number for number in range(count)], secret=secret)

    @classmethod
    def given(cls, tokens: Iterable[str]) -> "Users":
        """Users whose tokens somebody else has made. Raises `ValueError`."""
        by_uid = {uid_of_token(token): token for token in tokens}
        if 0 in by_uid or len(by_uid) < 2:
            raise ValueError("The file has to hold tokens of at least two users, one on each line.")
        return cls(sorted(by_uid), tokens=by_uid)

    @property
    def admin(self) -> str:
        """A token for what only an operator may do; empty where none can be made."""
        return mint(self._secret, Uid(self.uids[0]), admin=True) if self._secret else ""

    def token(self, uid: int, device: str) -> str:
        """The token that a device gets now: the same again, while it is believed."""
        token = self._issued.get((uid, device)) or self._given.get(uid, "")
        if not token:
            # A second apart for each device, so that no two get the same.
            issued_s = self._issued_s[uid] + len(self._issued)
            token = self._issued[uid, device] = mint(self._secret, Uid(uid), issued_s=issued_s)
        self._logins.setdefault(token, Login(uid, device, f"login {self._generations[uid]}"))
        return token

    def of(self, token: str) -> Login | None:
        """Whose token this is."""
        return self._logins.get(token)

    def revoked(self, uid: int, tokens_from_s: int) -> str:
        """A user's tokens are believed from this time on only. What the history calls those before it."""
        name = f"login {self._generations[uid]}"
        self._generations[uid] += 1
        self._issued_s[uid] = tokens_from_s
        self._issued = {key: token for key, token in self._issued.items() if key[0] != uid}
        return name
