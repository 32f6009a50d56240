"""`sixin chat`: two terminals, through pipes and on a real terminal."""

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from sixin.cli.chat_lines import contact_line, entry_line, list_lines, message_line
from sixin.cli.terminal import printable
from sixin.client import Entry
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.message import Message, Status
from tests.client.serving import DEADLINE_S, SIXIN, Serving, Terminal


def test_two_terminals_talk_read_recall_and_scroll(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving, Terminal(serving, 1001) as ann, Terminal(serving, 1002) as ben:
        ann.shows("nobody has said anything yet")
        ben.shows("nobody has said anything yet")
        ann.types("/to 1002")
        ann.shows("== you and 1002 ==")
        ann.types("你好")
        assert ann.shows("你好").endswith("✓")
        assert "/to 1001" in ben.shows("你好")
        ben.types("/list")
        ben.shows("-- 1 unread --")
        ben.types("/to 1001")
        ben.shows("== you and 1001 ==")
        ann.shows("✓✓ read up to #1")
        ben.types("hello")
        assert "#2" in ann.shows("1002: hello")
        ben.shows("you: hello ✓")
        ben.types("/recall")
        assert "#2" in ann.shows("(taken back)")
        ben.types("/nonsense")
        ben.shows("there is no /nonsense")
        ben.types("/recall #99")
        ben.shows("! Name a message")
        ben.types("/history")
        ben.shows("this is the beginning")
        assert (ann.ends(), ben.ends()) == (0, 0)


def test_a_reply_says_which_message_it_answers_also_when_that_one_is_taken_back(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving, Terminal(serving, 1001, "--to", "1002") as ann:
        with Terminal(serving, 1002, "--to", "1001") as ben:
            ann.types("seven or eight?")
            ben.shows("1001: seven or eight?")
            ben.types("/reply #1 seven, the usual place")
            ben.shows("you: ↪#1 seven, the usual place ✓")
            ann.shows("1002: ↪#1 seven, the usual place")
            ben.types("/reply #1")
            ben.shows("! Say what you answer")
            ben.types("/reply #9 what?")
            ben.shows("! Name a message")
            ann.types("/recall #1")
            ben.shows("1001: (taken back)")
        # On a device that comes later the first is still the one that is answered.
        with Terminal(serving, 1002, "--to", "1001") as later:
            later.shows("you: ↪#1 seven, the usual place")


def test_what_is_written_offline_is_pending_and_leaves_later_even_after_a_restart(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "ann.db"), "--to", "1002")
    with Serving(tmp_path) as serving:
        with Terminal(serving, 1001, *store) as ann:
            ann.shows("== you and 1002 ==")
            ann.types("/offline")
            ann.shows("-- offline")
            ann.types("written on the train")
            assert ann.shows("written on the train").startswith("…")
            assert ann.ends() == 0
            ann.shows("-- 1 waiting in the outbox --")
        with Terminal(serving, 1001, *store) as ann, Terminal(serving, 1002, "--to", "1001") as ben:
            ben.shows("1001: written on the train")
            assert ann.shows("written on the train").startswith("#1")
            assert ann.ends() == 0


def test_a_pipe_that_ends_at_once_still_says_what_was_in_it(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        command = [*SIXIN, "chat", "--as", "1001", "--to", "1002", "--url", serving.url, "--data", str(serving.data)]
        ended = subprocess.run(
            command, input="one\ntwo\n", capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert ended.returncode == 0, ended.stderr
        with Terminal(serving, 1002, "--to", "1001") as ben:
            ben.shows("1001: one")
            ben.shows("1001: two")


def test_it_works_on_a_terminal(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*SIXIN, "chat", "--as", "1001", "--to", "1002", "--url", serving.url, "--data", str(serving.data)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        ends = time.monotonic() + DEADLINE_S
        os.write(ours, "你好\n/quit\n".encode())
        while process.poll() is None and time.monotonic() < ends:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # how a terminal says that nobody is at its other end
                break
        assert process.wait(DEADLINE_S) == 0
        os.close(ours)
        assert "== you and 1002 ==" in shown.decode()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--as", "me"], "A uid must be"),
        (["--as", "1001", "--to", "0"], "A uid must be"),
        (["--as", "1001", "--url", "nowhere"], "not the address"),
        (["--as", "1001", "--data", "/nonexistent"], "There is no secret"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(options: list[str], says: str, tmp_path: Path) -> None:
    token = [] if "--data" in options else ["--token", "x"]
    ended = subprocess.run(
        [*SIXIN, "chat", *options, *token],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def message(text: str, *, sender: int = 1002, status: Status = "normal") -> Message:
    content = b'{"text":"%b","type":"text"}' % text.encode() if status == "normal" else b""
    return Message(
        MsgId(7),
        SessionId("1001:1002"),
        Uid(sender),
        1,
        12,
        3,
        3,
        status,
        content,
        b"",
        0,
        0,
    )


def test_nobody_steers_another_ones_terminal() -> None:
    assert printable("\x1b[2Jgone\x07") == "�[2Jgone�"
    assert printable("one\r\ntwo\nthree") == "one ⏎ two ⏎ three"
    assert printable("\u202eright to left") == "�right to left"
    assert printable("👨‍👩‍👧 家") == "👨‍👩‍👧 家"
    assert "\x1b" not in message_line(message(r"\u001b[31mred"), uid=1001, peer_read_msg_id=0)


def test_marks_say_how_far_a_message_has_come() -> None:
    own = message("hi", sender=1001)
    assert message_line(own, uid=1001, peer_read_msg_id=6).endswith("you: hi ✓")
    assert message_line(own, uid=1001, peer_read_msg_id=7).endswith("you: hi ✓✓")
    assert message_line(message("hi"), uid=1001, peer_read_msg_id=7).endswith("1002: hi")
    assert message_line(message("", status="recalled"), uid=1001, peer_read_msg_id=0).endswith("(taken back)")
    waiting = Entry(1, SessionId("1001:1002"), "send", b'{"text":"hi","type":"text"}', 0, 5)
    assert entry_line(waiting).startswith("…")
    refused = Entry(1, SessionId("1001:1002"), "send", b'{"text":"hi","type":"text"}', 0, 5, "forbidden", "no")
    assert entry_line(refused).startswith("✗")
    assert entry_line(refused).endswith("(forbidden: no)")


def test_the_list_shows_pins_mutes_and_counts() -> None:
    contact = Contact(
        Uid(1001), SessionId("1001:1002"), Uid(1002), unread=3, pinned=True, muted=True, last_message=message("hi")
    )
    assert contact_line(contact).split() == ["^z", "1002", "(3)", "hi"]
    assert list_lines([contact], 3)[0] == "-- 3 unread --"
    assert "nobody" in list_lines([], 0)[0]
