"""`sixin verify URL`: try a deployment with throw-away users behind bad links, and judge the twelve sentences."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from random import SystemRandom
from typing import Any

from sixin.trial.ends import CouldNotRun
from sixin.trial.report import for_people
from sixin.trial.run import Wanted
from sixin.trial.run import run as hold
from sixin.trial.users import Users


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("verify", help="try whether a deployment keeps the contract", description=__doc__)
    parser.add_argument("url", metavar="URL", help="the deployment: what a client would be given")
    parser.add_argument(
        "--secret", default=os.environ.get("SIXIN_SECRET", ""), help="signs the users' tokens [SIXIN_SECRET]"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="read the secret from this data folder")
    parser.add_argument("--tokens", type=Path, metavar="FILE", help="tokens of new users, one a line, and no secret")
    parser.add_argument("--seed", type=int, help="decides what is asked and what is broken [chosen, and printed]")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long people talk [30]")
    parser.add_argument("--ops", type=int, default=0, metavar="N", help="end after so many operations; 0: never [0]")
    parser.add_argument("--users", type=int, default=3, help="how many of them, where they are made for it [3]")
    parser.add_argument("--devices", type=int, default=2, help="of each user, half of them with the SDK; 2 or more [2]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here, for an incident")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: the contract was kept; 1: it was broken; 2: there is no verdict."""
    seed = args.seed if args.seed is not None else SystemRandom().getrandbits(32)
    wanted = Wanted(seed, args.seconds, args.ops, args.devices)
    try:
        users = users_of(args)
        say = say_nothing if args.quiet else say_so
        say(f"sixin verify {args.url}: seed {seed}, users {users.uids[0]} to {users.uids[-1]}")
        report = asyncio.run(hold(args.url, users, wanted, say))
        if args.json:
            report.save(args.json)
    except (CouldNotRun, ValueError, OSError) as failed:
        print(f"sixin: {failed}", file=sys.stderr)
        return 2
    print(for_people(report), end="")
    return 0 if report.kept else 1


def users_of(args: argparse.Namespace) -> Users:
    """Who takes part. Raises `ValueError` and `OSError`."""
    if args.seconds <= 0 or args.ops < 0 or not 2 <= args.users <= 50 or not 2 <= args.devices <= 20:
        raise ValueError("--seconds is above 0, --ops not below, --users is 2 to 50, --devices 2 to 20.")
    if args.tokens:
        return Users.given(args.tokens.read_text("utf-8").split())
    secret = args.secret
    if args.data and not secret:
        secret = (args.data / "secret").read_text("ascii").strip()
    if not secret:
        raise ValueError("Tokens for the users: --secret, SIXIN_SECRET or --data sign them, --tokens brings them.")
    return Users.minted(args.users, secret)


def say_so(line: str) -> None:
    """Progress goes to standard error: standard output holds the verdict."""
    print(line, file=sys.stderr, flush=True)


def say_nothing(line: str) -> None:
    """For a script."""
