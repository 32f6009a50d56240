"""Tokens (docs/operating.md): JWT, HS256; `sub` is the uid, `exp` and `jti` are required. No default secret."""

import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import jwt
from msgspec import Struct

from sixin.core import errors
from sixin.core.ids import Uid, parse_uid
from sixin.core.limits import DEVICE_ID_CHARS_MAX, TOKEN_CHARS_MAX
from sixin.server.config import SettingsRefused

SECRET_CHARS_MIN = 32
"""HS256 is no stronger than its key: RFC 7518 §3.2 asks for at least the 256 bits of its hash."""

Role = Literal["user", "admin"]


class Identity(Struct, frozen=True):
    """Who a token says somebody is, after its signature was checked."""

    uid: Uid
    expires_at_s: float
    """Unix seconds."""
    token_id: str
    issued_at_s: float = 0.0
    """Unix seconds; 0 where the token does not say, so that any revocation ends it."""
    device_id: str | None = None
    role: Role = "user"


class Tokens:
    """Mints and checks the tokens of one deployment."""

    def __init__(self, secret: str) -> None:
        """Raises `ValueError` for a secret below 32 characters."""
        if len(secret) < SECRET_CHARS_MIN:
            raise ValueError(f"The secret must have at least {SECRET_CHARS_MIN} characters.")
        self._secret = secret
        self._tokens_from_s: dict[Uid, int] = {}

    def revoke(self, uid: Uid, tokens_from_s: int) -> None:
        """Believe no token of this user that was issued before this time (Unix seconds)."""
        self._tokens_from_s[uid] = max(tokens_from_s, self._tokens_from_s.get(uid, 0))

    def refuse_ended(self, identity: Identity, *, now_s: float) -> None:
        """Raises `Unauthenticated` where the token has expired or was revoked: also since it was checked."""
        if not identity.expires_at_s > now_s:
            raise errors.Unauthenticated("The token has expired.")
        if identity.issued_at_s < self._tokens_from_s.get(identity.uid, 0):
            raise errors.Unauthenticated("The token was revoked.")

    def withhold_from_ended(self, identity: Identity, *, now_s: float) -> None:
        """Before an answer that was waited for is given. Raises `Unavailable` where the token has ended meanwhile.

        Not `Unauthenticated`: what was asked may be done, and a refusal says that nothing is.
        """
        try:
            self.refuse_ended(identity, now_s=now_s)
        except errors.Unauthenticated:
            raise errors.Unavailable("The token ended before the answer was there; ask again with another.") from None

    def mint(self, uid: Uid, *, now_s: float, ttl_s: float, device_id: str | None = None, role: Role = "user") -> str:
        """A token for `uid` that is good for `ttl_s` seconds from `now_s`."""
        claims: dict[str, Any] = {
            "sub": str(uid),
            "iat": int(now_s),
            "exp": int(now_s + ttl_s),
            "jti": secrets.token_urlsafe(12),
        }
        if device_id is not None:
            claims["device_id"] = device_id
        if role != "user":
            claims["role"] = role
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def check(self, token: str, *, now_s: float) -> Identity:
        """Who this token says somebody is. Raises `Unauthenticated`, which tells no more than it must."""
        if len(token) > TOKEN_CHARS_MAX:
            raise errors.Unauthenticated
        try:
            # The time is compared below, against the clock that was handed in.
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                options={
                    "require": ["sub", "exp", "jti"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            identity = _identity(claims, now_s)
        except (jwt.InvalidTokenError, errors.BadRequest, ValueError, TypeError, OverflowError, RecursionError):
            raise errors.Unauthenticated from None
        self.refuse_ended(identity, now_s=now_s)
        return identity


def _identity(claims: dict[str, Any], now_s: float) -> Identity:
    if "nbf" in claims and _time(claims["nbf"]) > now_s:
        raise errors.Unauthenticated("The token is not good yet.")
    if not claims["jti"]:
        raise errors.Unauthenticated
    device_id = claims.get("device_id")
    if device_id is not None and not (isinstance(device_id, str) and 0 < len(device_id) <= DEVICE_ID_CHARS_MAX):
        raise errors.Unauthenticated
    role = claims.get("role", "user")
    if role not in ("user", "admin"):
        raise errors.Unauthenticated
    return Identity(
        parse_uid(str(claims["sub"])),
        _time(claims["exp"]),
        str(claims["jti"]),
        issued_at_s=_time(claims.get("iat", 0)),
        device_id=device_id,
        role=role,
    )


def _time(claim: Any) -> float:
    """A NumericDate (RFC 7519 §2). Neither a text nor for ever is one. Raises `ValueError`."""
    if isinstance(claim, int | float) and not isinstance(claim, bool) and math.isfinite(claim):
        return float(claim)
    raise ValueError("not a time")


@contextmanager
def secret_refused() -> Iterator[None]:
    """Around the secret and what is made of it: what is wrong with it is raised as `SettingsRefused`."""
    try:
        yield
    except OSError as error:
        raise SettingsRefused(str(error)) from None
    except ValueError as error:
        raise SettingsRefused(f"secret: {error}") from None


def load_secret(data: Path, configured: str = "") -> str:
    """The configured secret, else the one in the data folder, which is generated on first use with mode 0600.

    Raises `OSError` where that folder cannot be read or made; its text says so.
    """
    if configured:
        return configured
    try:
        return _secret_in(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"The data folder {data} cannot be used ({reason}): name another one with --data.") from None


def _secret_in(data: Path) -> str:
    path = data / "secret"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        pass
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not in Base64: one in 64 would begin with a dash, and be taken for a flag where it follows `--secret`.
    fresh = secrets.token_hex(32)
    # Linked into place whole: two processes that start together end up with one secret, and none reads half of it.
    draft = data / f".secret-{os.getpid()}-{secrets.token_hex(4)}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(fresh + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text("ascii").strip()
    finally:
        draft.unlink()
    return fresh
