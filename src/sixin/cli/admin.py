"""Asking a running server as its operator: what several commands share."""

import argparse
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from sixin.cli.settings import settings_of
from sixin.core.ids import Uid
from sixin.server.auth import Tokens, load_secret

TOKEN_TTL_S = 3_600
TIMEOUT_S = 10

ADMIN = Uid(1)
"""Whom the commands act as; the role, not the uid, is what lets them."""


def url_and_token(args: argparse.Namespace) -> tuple[str, str]:
    """Which server, and with which token: the flags', or those of the local settings and secret.

    Raises `SettingsRefused`, `OSError`, or `ValueError` for a secret that is too short.
    """
    settings = settings_of(args)
    token = args.token
    if token is None:
        tokens = Tokens(load_secret(Path(settings.data), settings.secret))
        token = tokens.mint(ADMIN, now_s=time.time(), ttl_s=TOKEN_TTL_S, role="admin")
    return args.url or f"http://{settings.host}:{settings.port}", token


def ask(url: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST with a body. Raises `OSError` where nobody answers, `ValueError` with what was refused."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("the URL must start with http:// or https://")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as refused:
        raise ValueError(json.load(refused)["error"]["message"]) from None
