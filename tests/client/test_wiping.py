"""What was taken back is in no byte of a copy's file once that was closed, however SQLite moved its rows around."""

import re
import shutil
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from sixin.client.model import Cleared, Hidden, Writes
from sixin.client.store.sqlite import SqliteStore
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId, Uid, pair_session_id
from sixin.core.message import Message

ANN = Uid(1001)
PEERS = 8
TOKEN = re.compile(rb"<[0-9]{7}>")

SEEDS = [(0, (10, 60, 300)), (6, (10, 30, 60, 100)), (13, (10, 30, 60, 100)), (3, (1, 300, 3_000, 9_000))]
"""With SQLite 3.40 the first three leave words behind if secure_delete alone sees to it."""


def token(message: Message) -> bytes:
    return b"<%07d>" % message.seq_id


def said(random: Random, nth: int, sizes: tuple[int, ...]) -> Message:
    """Ids of several sessions, which do not come in the order of a table."""
    peer = Uid(2_000 + random.randrange(PEERS))
    msg_id = MsgId(10_000_000_000 + nth * 10_000 + random.randrange(-2, 3) * 10_000 + peer)
    content = b'{"text":"<%07d>%b","type":"text"}' % (nth, b"x" * random.choice(sizes))
    return Message(msg_id, pair_session_id(ANN, peer), peer, nth, nth, nth, nth, "normal", content, b"", 0, 0)


def line(message: Message, version_id: int) -> Contact:
    return Contact(
        ANN,
        message.session_id,
        message.sender,
        version_id=version_id,
        last_msg_id=message.msg_id,
        last_message=message,
        message_version=message.version_id,
    )


def tokens_in(folder: Path) -> set[bytes]:
    return {found for path in folder.iterdir() for found in TOKEN.findall(path.read_bytes())}


class Talk:
    """A copy that is written as it is in life: message by message, with the list, and some of it taken back."""

    def __init__(self, path: Path, seed: int, sizes: tuple[int, ...]) -> None:
        self.random = Random(seed)
        self.sizes = sizes
        self.store = SqliteStore(path)
        self.store.open()
        self.alive: dict[MsgId, Message] = {}
        self.newest: dict[SessionId, Message] = {}
        self.recalled: list[Message] = []

    def hear(self, nth: int) -> None:
        message = said(self.random, nth, self.sizes)
        if message.msg_id not in self.alive:
            self.alive[message.msg_id] = self.newest[message.session_id] = message
            self.store.apply(Writes(messages=[message], contacts=[line(message, nth)]))

    def recall(self, nth: int) -> None:
        message = self.random.choice(list(self.alive.values())[-40:])
        if message.content:
            self.recalled.append(message)
            empty = message.emptied("recalled", version_id=1_000_000 + nth, now_ms=1)
            self.alive[message.msg_id] = empty
            if self.newest[message.session_id] is message:
                self.newest[message.session_id] = empty
            preview = self.newest[message.session_id]
            self.store.apply(Writes(messages=[empty], contacts=[line(preview, 1_000_000 + nth)]))

    def go_on(self, messages: int) -> None:
        for nth in range(1, messages):
            self.hear(nth)
            if self.random.random() < 0.25:
                self.recall(nth)

    @property
    def kept(self) -> set[bytes]:
        return {token(message) for message in self.alive.values() if message.content}


@pytest.mark.parametrize(("seed", "sizes"), SEEDS)
def test_what_was_recalled_is_gone_when_the_file_is_closed(tmp_path: Path, seed: int, sizes: tuple[int, ...]) -> None:
    talk = Talk(tmp_path / "copy.db", seed, sizes)
    talk.go_on(600)
    talk.store.close()
    assert len(talk.recalled) > 100
    assert tokens_in(tmp_path) == talk.kept


def test_a_word_that_is_recalled_while_the_program_runs_is_gone_at_once(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "copy.db", 5, (300,))
    for nth in range(1, 20):
        talk.hear(nth)
        talk.recall(nth)
        assert tokens_in(tmp_path).isdisjoint(token(message) for message in talk.recalled)
    talk.store.close()


@pytest.mark.parametrize(("seed", "sizes"), SEEDS[:2])
def test_it_goes_also_when_the_program_died_before_it_closed_the_file(
    tmp_path: Path, seed: int, sizes: tuple[int, ...]
) -> None:
    (tmp_path / "then").mkdir()
    talk = Talk(tmp_path / "then" / "copy.db", seed, sizes)
    talk.go_on(600)
    shutil.copytree(tmp_path / "then", tmp_path / "now")  # the disk as the next start finds it
    talk.store.close()

    again = SqliteStore(tmp_path / "now" / "copy.db")
    again.open()
    again.close()
    assert tokens_in(tmp_path / "now") == talk.kept


@pytest.mark.parametrize("how", ["hidden", "cleared"])
def test_what_was_deleted_or_cleared_for_oneself_is_gone_too(tmp_path: Path, how: str) -> None:
    talk = Talk(tmp_path / "copy.db", 5, (10, 60, 300))
    talk.go_on(300)
    for session_id, newest in talk.newest.items():
        ids = [message.msg_id for message in talk.alive.values() if message.session_id == session_id]
        talk.store.apply(
            Writes(
                hidden=[Hidden(session_id, tuple(ids))] if how == "hidden" else [],
                cleared=[Cleared(session_id, max(ids))] if how == "cleared" else [],
                contacts=[replace(line(newest, 2_000_000), last_message=None)],
            )
        )
    talk.store.close()
    assert tokens_in(tmp_path) == set()


def test_a_preview_that_was_recalled_behind_a_newer_one_is_gone_though_its_message_was_never_held(
    tmp_path: Path,
) -> None:
    random = Random(1)
    store = SqliteStore(tmp_path / "copy.db")
    store.open()
    newest: dict[SessionId, Message] = {}
    for nth in range(1, 400):
        message = said(random, nth, (10, 60, 300, 900))
        newest[message.session_id] = message
        store.apply(Writes(contacts=[line(message, nth)]))
    for message in newest.values():  # all that a list alone is told of a recall further back
        store.apply(Writes(contacts=[replace(line(message, 10_000), message_version=5_000)]))
    store.close()
    assert tokens_in(tmp_path) == {token(message) for message in newest.values()}
