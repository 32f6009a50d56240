"""One promise, two engines: what a client's local store does, whichever it is."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from sixin.client.errors import StoreFailed, StoreRefused
from sixin.client.held import Held
from sixin.client.model import Applied, Cleared, Entry, Gap, Hidden, State, Writes
from sixin.client.ranges import Range
from sixin.client.store.base import Store
from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.message import Message

HERE = SessionId("1001:1002")
THERE = SessionId("1001:1003")


def message(sort_key: int, *, session_id: SessionId = HERE, version_id: int | None = None) -> Message:
    """A message whose id grows with its place, recalled where its version is not its first."""
    changed = version_id is not None and version_id != sort_key
    base = 10**17 if session_id == HERE else 2 * 10**17
    return Message(
        msg_id=MsgId(base + sort_key),
        session_id=session_id,
        sender=Uid(1001),
        seq_id=sort_key,
        ordinal=sort_key,
        version_id=version_id or sort_key,
        sort_key=sort_key,
        status="recalled" if changed else "normal",
        content=b"" if changed else b'{"text":"%d","type":"text"}' % sort_key,
        digest=b"",
        sent_at_ms=1_790_000_000_000,
        changed_at_ms=1_790_000_000_001,
    )


def contact(version_id: int, session_id: SessionId = HERE) -> Contact:
    return Contact(
        owner=Uid(1001),
        session_id=session_id,
        peer=Uid(1002),
        version_id=version_id,
        sort_key=2**52 + version_id,
        last_message=message(3, session_id=session_id),
        labels=("work", "家"),
    )


def entry(number: int, *, refused: str = "") -> Entry:
    return Entry(number, HERE, "send", b'{"text":"x","type":"text"}', 1_790_000_000_000, 2**53 - number, refused)


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """A function that gives the same store again, as the next start of the program would."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "copy.db")
    only = MemoryStore()
    return lambda: only


@pytest.fixture
def store(make: Callable[[], Store]) -> Iterator[Store]:
    store = make()
    store.open()
    store.adopt(1001, "phone")
    yield store
    store.close()


def reopened(store: Store, make: Callable[[], Store]) -> tuple[Store, State]:
    store.close()
    again = make()
    return again, again.open()


def page(store: Store, session_id: SessionId = HERE) -> list[int]:
    return [one.sort_key for one in store.page(session_id, low=0, high=2**53 - 1, limit=1_000)]


def test_a_new_store_is_empty_and_nobodys(make: Callable[[], Store]) -> None:
    store = make()
    assert store.open() == State(
        uid=0, device_id="", contact_version=0, last_seq_id=0, contacts=[], held=[], entries=[]
    )
    store.close()


def test_everything_written_is_there_after_a_restart(store: Store, make: Callable[[], Store]) -> None:
    held = Held(HERE, (Range(0, 2, 7), Range(9, 12, 12)), 3)
    store.apply(
        Writes(
            messages=[message(1), message(2, version_id=5)],
            contacts=[contact(4), contact(6, THERE)],
            contact_version=6,
            held=[held],
            entries=[entry(2), entry(1, refused="forbidden")],
            last_seq_id=2**53 - 1,
        )
    )
    again, state = reopened(store, make)
    assert state == State(
        uid=1001,
        device_id="phone",
        contact_version=6,
        last_seq_id=2**53 - 1,
        contacts=[contact(4), contact(6, THERE)],
        held=[held],
        entries=[entry(1, refused="forbidden"), entry(2)],
    )
    assert again.message(HERE, message(1).msg_id) == message(1)
    assert again.message(HERE, message(2).msg_id) == message(2, version_id=5)
    again.close()


def test_an_older_version_of_a_message_never_replaces_a_newer(store: Store) -> None:
    assert store.apply(Writes(messages=[message(1, version_id=9)])).born == [message(1, version_id=9)]
    assert store.apply(Writes(messages=[message(1), message(1, version_id=9)])) == Applied()
    assert store.apply(Writes(messages=[message(1, version_id=10)])).changed == [message(1, version_id=10)]
    assert store.message(HERE, message(1).msg_id) == message(1, version_id=10)


def test_a_page_is_cut_by_place_newest_first_and_knows_its_session(store: Store) -> None:
    store.apply(Writes(messages=[message(key) for key in (5, 1, 3, 2)] + [message(4, session_id=THERE)]))
    assert [one.sort_key for one in store.page(HERE, low=2, high=5, limit=2)] == [5, 3]
    assert [one.sort_key for one in store.page(HERE, low=2, high=4, limit=9)] == [3, 2]
    assert store.message(THERE, message(1).msg_id) is None


def test_what_was_hidden_is_gone_and_never_put_back(store: Store, make: Callable[[], Store]) -> None:
    store.apply(Writes(messages=[message(1), message(2)]))
    store.apply(Writes(hidden=[Hidden(HERE, (message(1).msg_id, message(3).msg_id))]))
    assert page(store) == [2]
    again, _ = reopened(store, make)
    assert again.apply(Writes(messages=[message(1, version_id=9), message(3)])) == Applied()
    assert page(again) == [2]
    again.close()


def test_clearing_and_gaps_take_only_what_they_name(store: Store) -> None:
    store.apply(Writes(messages=[message(key) for key in range(1, 8)] + [message(1, session_id=THERE)]))
    store.apply(Writes(cleared=[Cleared(HERE, message(2).msg_id)], gaps=[Gap(HERE, 5, 6)]))
    assert page(store) == [7, 4, 3]
    assert page(store, THERE) == [1]


def test_what_is_cleared_in_the_same_write_as_it_comes_does_not_stay(store: Store) -> None:
    store.apply(Writes(messages=[message(1), message(2)], cleared=[Cleared(HERE, message(1).msg_id)]))
    assert page(store) == [2]


def test_forgetting_keeps_the_outbox_and_the_numbers_of_the_device(store: Store, make: Callable[[], Store]) -> None:
    store.apply(
        Writes(
            messages=[message(1)],
            hidden=[Hidden(HERE, (message(2).msg_id,))],
            contacts=[contact(1)],
            contact_version=1,
            held=[Held(HERE, (Range(0, 1, 1),))],
            entries=[entry(1)],
            last_seq_id=44,
        )
    )
    store.apply(Writes(forget=True, contact_version=0, messages=[message(2)]))
    assert page(store) == [2]
    again, state = reopened(store, make)
    assert (state.contacts, state.held, state.contact_version) == ([], [], 0)
    assert (state.entries, state.last_seq_id, state.device_id) == ([entry(1)], 44, "phone")
    again.close()


def test_a_settled_entry_is_gone_and_a_changed_one_changed(store: Store, make: Callable[[], Store]) -> None:
    store.apply(Writes(entries=[entry(1), entry(2), entry(3)]))
    store.apply(Writes(entries=[entry(2, refused="too_large")], settled=[1]))
    again, state = reopened(store, make)
    assert state.entries == [entry(2, refused="too_large"), entry(3)]
    again.close()


def test_a_store_belongs_to_one_user(store: Store, make: Callable[[], Store]) -> None:
    store.adopt(1001, "phone")
    with pytest.raises(StoreRefused, match="belongs to user 1001, not to 1002"):
        store.adopt(1002, "phone")
    again, state = reopened(store, make)
    assert state.uid == 1001
    again.close()


def test_a_store_is_open_once(store: Store, make: Callable[[], Store]) -> None:
    with pytest.raises(StoreRefused, match="open"):
        make().open()
    assert page(store) == []


def test_both_engines_agree_after_any_writes(tmp_path: Path) -> None:
    chance = Random(11)
    stores: list[Store] = [MemoryStore(), SqliteStore(tmp_path / "copy.db")]
    for one in stores:
        one.open()
    for _ in range(300):
        writes = any_writes(chance)
        applied = [one.apply(writes) for one in stores]
        assert applied[0] == applied[1]
        for session_id in (HERE, THERE):
            assert page(stores[0], session_id) == page(stores[1], session_id)
    for one in stores:
        one.close()
    assert stores[0].open() == stores[1].open()
    stores[1].close()


def any_writes(chance: Random) -> Writes:
    def session() -> SessionId:
        return chance.choice((HERE, THERE))

    def of(key: int, session_id: SessionId) -> Message:
        return message(key, session_id=session_id, version_id=key + chance.randint(0, 5))

    some = chance.randint(0, 4)
    return Writes(
        forget=chance.random() < 0.02,
        messages=[of(chance.randint(1, 30), session()) for _ in range(some)],
        hidden=[Hidden(HERE, (message(chance.randint(1, 30)).msg_id,))] if chance.random() < 0.1 else [],
        cleared=[Cleared(HERE, message(chance.randint(1, 30)).msg_id)] if chance.random() < 0.05 else [],
        gaps=[Gap(THERE, 3, chance.randint(3, 30))] if chance.random() < 0.05 else [],
        contacts=[contact(chance.randint(1, 99), session())] if chance.random() < 0.5 else [],
        contact_version=chance.choice((None, 7, 8)),
        held=[Held(session(), (Range(0, chance.randint(1, 9), 9),))] if chance.random() < 0.5 else [],
        entries=[entry(chance.randint(1, 9))] if chance.random() < 0.5 else [],
        settled=[chance.randint(1, 9)] if chance.random() < 0.5 else [],
        last_seq_id=chance.choice((None, 5, 6)),
    )


# What only a file can do.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def test_a_crash_leaves_whole_writes(file: Path, tmp_path: Path) -> None:
    store = SqliteStore(file)
    store.open()
    for key in range(1, 6):
        store.apply(Writes(messages=[message(key)], held=[Held(HERE, (Range(0, key, key),))]))
        # What a killed process leaves: the files as they are now, nobody having closed them.
        left = tmp_path / f"left{key}"
        left.mkdir()
        for part in tmp_path.glob("copy.db*"):
            shutil.copy(part, left / part.name)
        after = SqliteStore(left / "copy.db")
        (held,) = after.open().held
        assert held.top.high == key
        assert page(after) == list(range(key, 0, -1))
        after.close()
    store.close()


def test_a_write_that_fails_half_way_leaves_nothing(file: Path) -> None:
    store = SqliteStore(file)
    store.open()
    store.apply(Writes(messages=[message(1)]))
    # The same place twice is what no server says; here it stands for any failure in the middle of a write.
    other = replace(message(1), msg_id=MsgId(99))
    with pytest.raises(StoreFailed):
        store.apply(Writes(messages=[message(2), other], contact_version=9))
    assert page(store) == [1]
    store.close()
    again = SqliteStore(file)
    assert again.open().contact_version == 0
    again.close()


def test_what_was_taken_back_is_not_left_in_the_file(file: Path) -> None:
    store = SqliteStore(file)
    store.open()
    said = replace(message(1), content=b'{"text":"never again","type":"text"}')
    store.apply(Writes(messages=[said]))
    store.apply(Writes(messages=[replace(said, version_id=2, status="recalled", content=b"")]))
    store.close()
    assert b"never again" not in b"".join(part.read_bytes() for part in file.parent.iterdir())


def test_a_file_of_a_newer_version_is_refused_and_left_alone(file: Path) -> None:
    store = SqliteStore(file)
    store.open()
    store.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreRefused, match="newer version"):
        SqliteStore(file).open()
    assert file.read_bytes() == before


def test_a_file_that_is_no_store_is_refused_and_left_alone(file: Path) -> None:
    file.write_text("dear diary, " * 1_000)
    with pytest.raises(StoreRefused, match="not an SQLite file"):
        SqliteStore(file).open()
    assert file.read_text() == "dear diary, " * 1_000


def test_the_database_of_another_program_is_refused_and_left_alone(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE recipes (title TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreRefused, match="not a client's store"):
        SqliteStore(file).open()
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="nowhere"):
        SqliteStore(tmp_path / "nowhere" / "copy.db").open()


def test_a_store_that_another_process_has_open_is_refused(file: Path) -> None:
    program = f"""
from sixin.client.store.sqlite import SqliteStore
store = SqliteStore({str(file)!r}); store.open(); print("open", flush=True); input()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreRefused, match="another process has it open"):
            SqliteStore(file).open()
        other.kill()
    # Killed, it holds nothing any more.
    store = SqliteStore(file)
    store.open()
    store.close()
