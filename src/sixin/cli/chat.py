"""`sixin chat`: talk from a terminal, through the SDK, online and offline.

It reads lines and prints lines, so it works in a pipe too.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import sixin.client
from sixin.cli.chat_talk import Talk, leave, show_events
from sixin.cli.terminal import complain, lines_of, say
from sixin.client import LinkLost, StoreFailed, StoreRefused
from sixin.core import errors
from sixin.core.ids import Uid, parse_uid
from sixin.server.auth import Tokens, load_secret
from sixin.server.config import SettingsRefused, load_settings

TOKEN_TTL_S = 7 * 86_400
FIRST_LOOK_S = 3.0
"""How long to wait for the server before the list is shown as it was when this device was last online."""

LEAVE_S = 5.0
"""How long the last lines of a pipe have to leave."""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("chat", help="talk from a terminal", description=__doc__)
    parser.add_argument("--as", dest="uid", metavar="UID", required=True, help="who you are")
    parser.add_argument("--to", metavar="UID", help="whom to talk to first")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server [%(default)s]")
    parser.add_argument("--token", help="your token [minted with the local secret]")
    parser.add_argument("--data", metavar="FOLDER", help="where the server's secret is, to mint a token")
    parser.add_argument(
        "--store", metavar="FILE", help="keeps your copy and your outbox between two calls [in memory, for this one]"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk until the end of the input."""
    try:
        uid = parse_uid(args.uid)
        client = sixin.client.connect(args.url, args.token or _local_token(uid, args.data), store=args.store)
        if args.to is not None:
            parse_uid(args.to)
    except (errors.BadRequest, SettingsRefused, ValueError, OSError) as refused:
        complain(str(refused))
        return 2
    try:
        return asyncio.run(_chat(client, uid, args.to))
    except (StoreRefused, StoreFailed, LinkLost, errors.SixinError) as refused:
        complain(str(refused))
        return 1


def _local_token(uid: Uid, data: str | None) -> str:
    """A token made with the secret of the server on this machine. Raises `SettingsRefused` and `OSError`."""
    settings = load_settings({"data": data}, os.environ, None)
    folder = Path(settings.data)
    if not settings.secret and not (folder / "secret").exists():
        raise SettingsRefused(f"There is no secret in {folder}: name the server's --data folder, or give a --token.")
    return Tokens(load_secret(folder, settings.secret)).mint(uid, now_s=time.time(), ttl_s=TOKEN_TTL_S)


async def _chat(client: sixin.client.Client, uid: Uid, to: str | None) -> int:
    async with client as me:
        if me.uid != uid:
            raise errors.Unauthenticated(f"The token is of {me.uid}, not of {uid}.")
        talk = Talk(me)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await me.synced()
        say(f"you are {uid}{'' if me.online else ', and offline'}; /help lists what you can type")
        events = me.events()
        await talk.typed("/list" if to is None else f"/to {to}")

        showing = asyncio.get_running_loop().create_task(show_events(talk, events))
        try:
            async for line in lines_of(sys.stdin):
                if not await talk.typed(line):
                    break
            await leave(me, within_s=LEAVE_S)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            await talk.close()
    return 0
