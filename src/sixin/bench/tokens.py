"""Tokens for users that exist only for a run, signed with the secret of the server under test."""

import time

import jwt

from sixin.core.ids import Uid

TTL_S = 86_400


def mint(secret: str, uid: Uid, *, admin: bool = False, issued_s: int | None = None) -> str:
    """A token as an application would make one: any JWT library will do (docs/operating.md)."""
    now_s = int(time.time())
    claims = {
        "sub": str(uid),
        "iat": now_s if issued_s is None else issued_s,
        "exp": now_s + TTL_S,
        "jti": f"bench-{uid}",
    }
    if admin:
        claims["role"] = "admin"
    return jwt.encode(claims, secret, algorithm="HS256")
