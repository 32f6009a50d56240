"""`sixin token UID`: print a token, signed with the deployment's secret."""

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any, Final

from sixin.cli.settings import add_settings, settings_of
from sixin.core import errors
from sixin.core.ids import parse_uid
from sixin.server.auth import Role, Tokens, load_secret
from sixin.server.config import SettingsRefused

UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("token", help="print a user's token", description=__doc__)
    parser.add_argument("uid", metavar="UID", help="the user the token is for")
    parser.add_argument("--ttl", default="7d", type=seconds, help="how long it is good for: 30s, 15m, 12h, 7d [7d]")
    parser.add_argument("--device", default=None, metavar="ID", help="the one device it is for")
    parser.add_argument("--admin", action="store_true", help="may also moderate, inspect and register users")
    add_settings(parser)
    parser.set_defaults(run=run)


def seconds(text: str) -> int:
    """A length of time: a whole number and a unit."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError("a whole number and s, m, h or d, such as 7d")
    return int(match[1]) * UNITS_S[match[2]]


def run(args: argparse.Namespace) -> int:
    """Print it."""
    try:
        settings = settings_of(args)
        tokens = Tokens(load_secret(Path(settings.data), settings.secret))
        uid = parse_uid(args.uid)
    except (SettingsRefused, errors.BadRequest, ValueError, OSError) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    role: Role = "admin" if args.admin else "user"
    print(tokens.mint(uid, now_s=time.time(), ttl_s=args.ttl, device_id=args.device, role=role))
    return 0
