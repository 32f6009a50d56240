"""What a commit and a page cost the SQLite engine while its file grows, far past what can be said through sockets.

    python -m bench.engine_growth [--messages 10000000] [--users 1000] [--contacts 20]

One process, no network: the real rules decide each send, the real engine writes it, `synchronous=FULL` where it is
measured (between the steps the file is filled without). At each power of ten from 10,000 on: commits of 64 and 256
sends between users who have always talked, then pages of sessions and lists picked by chance, none of them cached by
us. Kept in bench/results/engine-growth.json, which `python -m bench.page` shows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from resource import RUSAGE_THREAD, getrusage
from sqlite3 import Connection

import msgspec
from msgspec import Struct

from sixin.bench.machine import Machine, this_machine
from sixin.bench.traffic import text_content
from sixin.core.commands import Policy, Send
from sixin.core.contact import UserHead
from sixin.core.content import canonical
from sixin.core.decide import decide
from sixin.core.ids import SessionId, Tick, Uid, pair_members, pair_session_id, slot_of
from sixin.core.rows import Rows, merged
from sixin.core.session import Session, SlotHead
from sixin.server.store.sqlite_checkpoints import Checkpoints
from sixin.server.store.sqlite_engine import SqliteEngine
from sixin.server.store.sqlite_file import database_path, open_for_writing, prepare_folder
from sixin.server.store.sqlite_requests import PullContacts, PullNew, PullOld, commit_of

RESULT = Path(__file__).parent / "results" / "engine-growth.json"
BUILD = Path(__file__).parents[1] / "build"
FIRST_UID = 1_000_000
FIRST_STEP = 10_000
FILLED_AT_ONCE = 4_096
MEASURED_SENDS = 12_800
MEASURED_PAGES = 2_000


class Commits(Struct):
    """Commits of one size."""

    batch: int
    cpu_us: float
    """Of the thread that commits, for each send."""
    written_kib: float
    """Handed to the kernel for each send, copies into the file included."""
    p50_ms: float
    p99_ms: float


class Step(Struct):
    """One size of the file."""

    messages: int
    file_mb: float
    commits: list[Commits]
    pages_us: dict[str, float]
    """CPU for each page, by operation."""


class Growth(Struct):
    """The whole run."""

    machine: Machine
    at: str
    command: str
    users: int
    contacts: int
    steps: list[Step]


class Talk:
    """Users who talk, each with so many others in turn by chance; and what the writer would keep of them."""

    def __init__(self, users: int, contacts: int) -> None:
        self._chance = Random(1)  # noqa: S311 - a load, not a secret
        self._rows = Rows()
        self._content = canonical(text_content(100))
        self._now_ms = 1_795_000_000_000
        self._policy = Policy()
        pairs = [(one, (one + apart) % users) for one in range(users) for apart in range(1, contacts // 2 + 1)]
        self.sessions = [pair_session_id(Uid(FIRST_UID + one), Uid(FIRST_UID + other)) for one, other in pairs]
        for uid in range(FIRST_UID, FIRST_UID + users):
            self._rows.users[Uid(uid)] = UserHead(Uid(uid))
        for session_id in self.sessions:
            self._rows.slots[slot_of(session_id)] = SlotHead(slot_of(session_id), Tick(0))
            self._rows.sessions[session_id] = Session(session_id)
            for member in pair_members(session_id):
                self._rows.contacts[member, session_id] = None

    def batch(self, size: int) -> Callable[[SqliteEngine], None]:
        """So many sends, decided; what commits them."""
        rows, parts = self._rows, []
        for _ in range(size):
            self._now_ms += 1
            session_id = self._chance.choice(self.sessions)
            sender = self._chance.choice(pair_members(session_id))
            seq_id = self._now_ms * 2**10 + self._chance.randrange(2**10)
            rows.seqs[session_id, sender, seq_id] = None
            send = Send(sender, session_id, seq_id, self._content.encoded, self._content.digest)
            parts.append(decide(rows, send, self._now_ms, self._policy).changed)
            rows.put(parts[-1])
        rows.messages.clear()
        rows.seqs.clear()
        commit = commit_of(merged(parts), 0)
        return lambda engine: engine.commit(commit)

    def somewhere(self) -> tuple[SessionId, Uid, int]:
        """A session by chance, one of its members, and its version."""
        session_id = self._chance.choice(self.sessions)
        return session_id, pair_members(session_id)[0], self._rows.sessions[session_id].version_id


def cpu_s() -> float:
    """User and system time of this thread: the checkpoints beside it have their own."""
    used = getrusage(RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime


def written_bytes() -> int:
    """What this process handed to the kernel so far."""
    for line in Path("/proc/self/io").read_text("ascii").splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0


def commits_of(engine: SqliteEngine, checkpoints: Checkpoints, talk: Talk, batch: int) -> Commits:
    """Measure commits of one size."""
    commits = [talk.batch(batch) for _ in range(MEASURED_SENDS // batch)]
    took: list[float] = []
    cpu_before, written_before = cpu_s(), written_bytes()
    for commit in commits:
        began = time.perf_counter()
        commit(engine)
        checkpoints.run()
        took.append(time.perf_counter() - began)
    sends = batch * len(commits)
    took.sort()
    return Commits(
        batch=batch,
        cpu_us=round((cpu_s() - cpu_before) / sends * 1e6, 1),
        written_kib=round((written_bytes() - written_before) / sends / 1_024, 1),
        p50_ms=round(took[len(took) // 2] * 1_000, 1),
        p99_ms=round(took[len(took) * 99 // 100] * 1_000, 1),
    )


def pages_of(engine: SqliteEngine, talk: Talk) -> dict[str, float]:
    """Measure pages: ten messages forward, twenty back from the middle, a list's newest five."""

    def new() -> None:
        session_id, owner, version_id = talk.somewhere()
        engine.pull_new(PullNew(owner, session_id, max(0, version_id - 10), None, 10))

    def old() -> None:
        session_id, owner, version_id = talk.somewhere()
        engine.pull_old(PullOld(owner, session_id, version_id // 2 + 1, 20))

    def contacts() -> None:
        _, owner, _ = talk.somewhere()
        engine.pull_contacts(PullContacts(owner, 0, 5))

    found = {}
    for name, pull in (("pull_new", new), ("pull_old", old), ("pull_contacts", contacts)):
        before = cpu_s()
        for _ in range(MEASURED_PAGES):
            pull()
        found[name] = round((cpu_s() - before) / MEASURED_PAGES * 1e6, 1)
    return found


def fill(connection: Connection, engine: SqliteEngine, checkpoints: Checkpoints, talk: Talk, count: int) -> None:
    """Say so many more, as fast as it goes."""
    connection.execute("PRAGMA synchronous = OFF")
    while count > 0:
        talk.batch(min(count, FILLED_AT_ONCE))(engine)
        checkpoints.run()
        count -= FILLED_AT_ONCE
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def measure(data: Path, messages: int, users: int, contacts: int) -> list[Step]:
    """Every step up to so many messages."""
    prepare_folder(data)
    steps: list[Step] = []
    connection, _ = open_for_writing(data)
    with closing(connection):
        checkpoints = Checkpoints(database_path(data), connection)
        try:
            engine, talk, said, step = SqliteEngine(connection), Talk(users, contacts), 0, FIRST_STEP
            while step <= messages:
                fill(connection, engine, checkpoints, talk, step - said)
                size_mb = round(database_path(data).stat().st_size / 1e6, 1)
                commits = [commits_of(engine, checkpoints, talk, batch) for batch in (64, 256)]
                said = step + len(commits) * MEASURED_SENDS
                steps.append(Step(step, size_mb, commits, pages_of(engine, talk)))
                print(msgspec.json.encode(steps[-1]).decode(), file=sys.stderr, flush=True)
                step *= 10
        finally:
            checkpoints.close()
    return steps


def main() -> None:
    """Measure, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000_000, help="how far it goes")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--contacts", type=int, default=20, help="of each user")
    args = parser.parse_args()
    BUILD.mkdir(exist_ok=True)  # on the disk of the project: a temporary folder may lie in memory
    with tempfile.TemporaryDirectory(prefix="growth-", dir=BUILD) as folder:
        steps = measure(Path(folder) / "data", args.messages, args.users, args.contacts)
    growth = Growth(
        machine=this_machine(),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        command=f"python -m bench.engine_growth --messages {args.messages} --users {args.users}"
        f" --contacts {args.contacts}",
        users=args.users,
        contacts=args.contacts,
        steps=steps,
    )
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(growth), indent=1) + b"\n")


if __name__ == "__main__":
    main()
