"""`sixin inspect SESSION|UID`: the timelines as the server sees them."""

import argparse
import json
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sixin.cli.admin import ask, url_and_token
from sixin.cli.settings import add_settings
from sixin.core import errors
from sixin.core.ids import EPOCH_S, MsgId, msg_id_parts, parse_session_id, parse_uid
from sixin.core.limits import PINNED_SORT_KEY_BASE
from sixin.server.config import SettingsRefused

PREVIEW_COLUMNS = 32

View = dict[str, Any]
Cell = Callable[[View], str]


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("inspect", help="show the timelines of a session or a user", description=__doc__)
    parser.add_argument("what", metavar="SESSION|UID", help='"1001:1002" or "1001"')
    parser.add_argument("--url", default=None, help="the server [http://HOST:PORT of the settings]")
    parser.add_argument("--token", default=None, help="an admin's token [minted with the local secret]")
    parser.add_argument("--watch", action="store_true", help="show it again each second, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print what the server answered")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show it once, or again and again."""
    try:
        path = _path_of(args.what)
        url, token = url_and_token(args)
    except (SettingsRefused, errors.BadRequest, ValueError, OSError) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    while True:
        try:
            found = ask(f"{url}/v1/admin/inspect/{path}", token)
        except (OSError, ValueError) as error:
            print(f"sixin: {url}: {error}", file=sys.stderr)
            return 1
        shown = json.dumps(found, ensure_ascii=False, indent=2) if args.json else render(found)
        if not args.watch:
            print(shown)
            return 0
        print(f"\x1b[2J\x1b[H{shown}", flush=True)
        time.sleep(1)


def _path_of(what: str) -> str:
    return f"session/{parse_session_id(what)}" if ":" in what or what.startswith("g") else f"user/{parse_uid(what)}"


def render(found: View) -> str:
    """What the inspector answered, as tables."""
    if "session" in found:
        session = found["session"]
        head = (
            f"session {session['session_id']}   version {session['version_id']}   "
            f"messages {session['last_ordinal']}   newest {session['last_msg_id'] or '-'}"
        )
        return f"{head}\n\n{_table(MESSAGE_COLUMNS, found['messages'])}\n\n{_table(CONTACT_COLUMNS, found['contacts'])}"
    user = found["user"]
    head = f"user {user['uid']}   contact version {user['version_id']}   unread in all {user['unread_total']}"
    contacts = sorted(found["contacts"], key=lambda contact: -contact["sort_key"])
    return f"{head}\n\n{_table(CONTACT_COLUMNS, contacts)}"


def _said(message: View | None) -> str:
    if message is None:
        return "-"
    content = message["content"]
    if content is None:
        return f"({message['status']})"
    text = content.get("text") or f"[{content['type']}]"
    return _cut("".join(char if char.isprintable() else "·" for char in text))


def _msg_id_apart(message: View) -> str:
    seconds, counter, slot = msg_id_parts(MsgId(int(message["msg_id"])))
    at = datetime.fromtimestamp(EPOCH_S + seconds, UTC).strftime("%m-%d %H:%M:%S")
    return f"{at} +{counter} @{slot}"


def _sort_key(contact: View) -> str:
    key = int(contact["sort_key"])
    return f"pin+{key - PINNED_SORT_KEY_BASE}" if key >= PINNED_SORT_KEY_BASE else str(key)


def _mark(name: str) -> Cell:
    return lambda contact: "-" if contact[name] == "0" else contact[name]


MESSAGE_COLUMNS: Sequence[tuple[str, Cell]] = (
    ("msg_id", lambda message: message["msg_id"]),
    ("time +counter @slot", _msg_id_apart),
    ("version_id", lambda message: str(message["version_id"])),
    ("sort_key", lambda message: str(message["sort_key"])),
    ("ordinal", lambda message: str(message["ordinal"])),
    ("sender", lambda message: message["sender"]),
    ("status", lambda message: message["status"]),
    ("content", _said),
)

CONTACT_COLUMNS: Sequence[tuple[str, Cell]] = (
    ("owner", lambda contact: contact["owner"]),
    ("session_id", lambda contact: contact["session_id"]),
    ("version_id", lambda contact: str(contact["version_id"])),
    ("sort_key", _sort_key),
    ("unread", lambda contact: str(contact["unread"]) + (" (muted)" if contact["muted"] else "")),
    ("cleared up to", _mark("last_del_msg_id")),
    ("read up to", _mark("last_read_msg_id")),
    ("peer read up to", _mark("peer_read_msg_id")),
    ("status", lambda contact: contact["status"]),
    ("preview", lambda contact: _said(contact["last_message"])),
)


def _table(columns: Sequence[tuple[str, Cell]], rows: Sequence[View]) -> str:
    lines = [[title for title, _ in columns], *([cell(row) for _, cell in columns] for row in rows)]
    widths = [max(_columns_of(line[nth]) for line in lines) for nth in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(text + " " * (width - _columns_of(text)) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _columns_of(text: str) -> int:
    """How wide a terminal shows it: Chinese characters take two columns."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _cut(text: str) -> str:
    if _columns_of(text) <= PREVIEW_COLUMNS:
        return text
    while _columns_of(text) > PREVIEW_COLUMNS - 1:
        text = text[:-1]
    return text + "…"
