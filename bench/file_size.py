"""What a message and a contact cost in the SQLite file: bytes of each table and index, after talk of an ordinary kind.

    python -m bench.file_size [--messages 100000] [--sessions 5000] [--text 100]

Pairs talk in turn, each message with so many characters of ASCII; then the file is closed, and SQLite's own `dbstat`
says where its pages went.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

from sixin.core.commands import Policy, Send
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.server.store.sqlite import SqliteStore
from sixin.server.store.sqlite_file import database_path
from sixin.server.store.writer import Writer

CONTACTS_EACH = 10
"""Sessions of one user."""

AT_ONCE = 4_096


def send(nth: int, sessions: int, text: str) -> Send:
    """The n-th message: sessions take turns, and so do the two who talk."""
    session = nth % sessions
    one, other = Uid(1_000_000 + session // CONTACTS_EACH), Uid(2_000_000 + session % (sessions // CONTACTS_EACH))
    sender = one if nth // sessions % 2 == 0 else other
    content = canonical(msgspec.json.encode({"type": "text", "text": text}))
    return Send(sender, pair_session_id(one, other), 2**40 + nth, content.encoded, content.digest)


async def fill(data: Path, messages: int, sessions: int, text: str) -> None:
    """Say it all through the real writer."""
    store = SqliteStore(data)
    await store.open()
    writer = Writer(store, now_ms=lambda: time.time_ns() // 1_000_000, policy=Policy(), committed=lambda _: None)
    running = asyncio.create_task(writer.run())
    for start in range(0, messages, AT_ONCE):
        part = range(start, min(start + AT_ONCE, messages))
        await asyncio.gather(*(writer.change(send(nth, sessions, text)) for nth in part))
    writer.stop()
    await running
    await store.close()


def sizes(path: Path) -> list[tuple[str, int]]:
    """Bytes of each table and index."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()


def main() -> None:
    """Fill, and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=5_000)
    parser.add_argument("--text", type=int, default=100, help="characters of each message")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill(Path(folder), asked.messages, asked.sessions, "x" * asked.text))
        path = database_path(Path(folder))
        print(
            f"{asked.messages} messages, {asked.sessions} sessions: {path.stat().st_size / asked.messages:.0f} B each"
        )
        for name, size in sizes(path):
            print(f"{name:32} {size / asked.messages:8.1f} B a message {size / (2 * asked.sessions):10.1f} B a contact")


if __name__ == "__main__":
    main()
