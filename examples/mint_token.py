"""Make a token as an application does when somebody signs in: `SIXIN_SECRET=… python examples/mint_token.py UID`."""

import os
import secrets
import sys
import time

import jwt


def token_for(uid: int, secret: str, *, good_for_s: int = 3_600) -> str:
    """A token that says who somebody is, and until when. Any JWT library in any language does the same."""
    now_s = int(time.time())
    claims = {"sub": str(uid), "iat": now_s, "exp": now_s + good_for_s, "jti": secrets.token_urlsafe(12)}
    return jwt.encode(claims, secret, algorithm="HS256")


print(token_for(int(sys.argv[1]), os.environ["SIXIN_SECRET"]))
