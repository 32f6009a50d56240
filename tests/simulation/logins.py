"""Logins: the tokens that the application gives its users, and their names in the history."""

from collections.abc import Callable

from sixin.core.ids import Uid
from sixin.server.auth import Role, Tokens
from sixin.trial.tap import Login

LIFE_S = 40 * 366 * 86_400
"""Longer than any run, with all its years."""


class Logins:
    """Issues tokens. After a revocation the next ones are new, and the ones before it are dead."""

    def __init__(
        self,
        tokens: Tokens,
        now_s: Callable[[], int],
        life_s: float,
        issued: Callable[[int, str], None],
        moderates: Callable[[str], bool],
    ) -> None:
        """`life_s`: of each token; 0: they outlast the run. `issued`: told of each new login. `moderates`: whether
        the tokens of a device are a moderator's."""
        self._tokens = tokens
        self._now_s = now_s
        self._life_s = life_s or LIFE_S
        self._tell = issued
        self._moderates = moderates
        self._logins: dict[str, Login] = {}
        self._issued: dict[tuple[int, str], tuple[str, int]] = {}
        self._from_s: dict[int, int] = {}
        self._issued_s: dict[int, list[int]] = {}
        """When each of a user's tokens was issued, in order: the nth is named `login n`."""

    def token(self, uid: int, device: str) -> str:
        """The token that a device gets now: the same again, while it is believed."""
        token, at_s = self._issued.get((uid, device), ("", -1))
        now_s = self._now_s()
        if at_s < self._from_s.get(uid, 0) or now_s >= at_s + self._life_s:
            moderator = self._moderates(device)
            role: Role = "admin" if moderator else "user"
            token = self._tokens.mint(Uid(uid), now_s=now_s, ttl_s=self._life_s, device_id=device, role=role)
            self._issued[uid, device] = (token, now_s)
            issued_s = self._issued_s.setdefault(uid, [])
            issued_s.append(now_s)
            self._logins[token] = Login(uid, device, f"login {len(issued_s)}", moderator)
            self._tell(uid, f"login {len(issued_s)}")
        return token

    def of(self, token: str) -> Login | None:
        """Whose token this is."""
        return self._logins.get(token)

    def revoked(self, uid: int, tokens_from_s: int) -> list[str]:
        """A user's tokens are believed from this time on only. The names of those that are dead now; not of one
        that was issued while the revocation was still on its way, if it was not before that time."""
        self._from_s[uid] = max(tokens_from_s, self._from_s.get(uid, 0))
        issued_s = self._issued_s.get(uid, [])
        return [f"login {nth}" for nth, at_s in enumerate(issued_s, 1) if at_s < tokens_from_s]
