"""`sixin revoke UID`: believe no token of a user issued up to now, and end his connections."""

import argparse
import sys
from typing import Any

from sixin.cli.admin import ask, url_and_token
from sixin.cli.settings import add_settings
from sixin.core import errors
from sixin.core.ids import parse_uid
from sixin.server.config import SettingsRefused


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("revoke", help="revoke a user's tokens", description=__doc__)
    parser.add_argument("uid", metavar="UID", help="whose tokens")
    parser.add_argument("--url", default=None, help="the server [http://HOST:PORT of the settings]")
    parser.add_argument("--token", default=None, help="an admin's token [minted with the local secret]")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Revoke them."""
    try:
        uid = parse_uid(args.uid)
        url, token = url_and_token(args)
    except (SettingsRefused, errors.BadRequest, ValueError, OSError) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    try:
        ask(f"{url}/v1/admin/revoke", token, {"uid": str(uid)})
    except (OSError, ValueError) as error:
        print(f"sixin: {url}: {error}", file=sys.stderr)
        return 1
    print(f"No token of {uid} issued up to now is believed any more.")
    return 0
