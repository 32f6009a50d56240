"""The judges can fail: each thing a crash could do wrong, done by hand, is found, and by its name."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

import sixin
from sixin.client import Client
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.server.store.sqlite import SqliteStore
from tests.crash.journal import Acknowledged, Done, Intent, Queued, now_ns
from tests.crash.judge import Evidence, files_of, judge
from tests.crash.judge_journals import RENUMBERED, Witness
from tests.crash.plan import DevicePlan, Plan, ProcessPlan, dump_of
from tests.crash.pulls import Stranger
from tests.crash.rows import rows_of_file
from tests.crash.worker import Dump
from tests.server.house import House, open_house

ANN, BEN = Uid(1001), Uid(1002)
HERE = SessionId("1001:1002")
WAIT_S = 30.0


async def say(me: Client, witness: Witness, to: int, number: int) -> Message:
    text = f"<{witness.device.device_id}-{number:06}> hello"
    witness.lines.append(Intent(now_ns(), HERE, text))
    pending = await me.send(to, text)
    witness.lines.append(Queued(HERE, pending.seq_id, text))
    message = await pending.delivered()
    acknowledged = Acknowledged(now_ns(), HERE, pending.seq_id, message.msg_id, message.ordinal, message.sort_key)
    witness.lines.append(acknowledged)
    return message


async def talk(house: House, witnesses: list[Witness], folder: Path) -> None:
    ann_says, ben_says = witnesses
    async with (
        sixin.connect(house.url, house.token(ANN), store=folder / "ann.copy.db") as ann,
        sixin.connect(house.url, house.token(BEN)) as ben,
    ):
        said = []
        for number in range(4):
            said.append(await say(ann, ann_says, BEN, number))
            said.append(await say(ben, ben_says, ANN, number))
        await ann.recall(BEN, said[2].msg_id)
        ann_says.lines.append(Done("recall", HERE, said[2].msg_id))
        for op, pending, message in (
            ("read", await ben.read(ANN, said[4].msg_id), said[4]),
            ("clear", await ben.clear(ANN, said[1].msg_id), said[1]),
            ("delete_me", await ben.delete(ANN, [said[6].msg_id]), said[6]),
        ):
            await pending.delivered()
            ben_says.lines.append(Done(op, HERE, message.msg_id))  # type: ignore[arg-type]  # words of this list
        for client, witness in ((ann, ann_says), (ben, ben_says), (ann, ann_says)):
            await client.synced()
            dump = Dump(copy=client.local_copy(), refused=[], waiting=0, scrolled=HERE)
            dump_of(folder, witness.device).write_bytes(msgspec.msgpack.encode(dump))


@pytest.fixture
async def evidence(tmp_path: Path) -> Evidence:
    """A small run in which nothing went wrong."""
    devices = [DevicePlan(uid, f"{uid}-1", (), 4, 0, 0) for uid in (ANN, BEN)]
    witnesses = [Witness(device, []) for device in devices]
    async with asyncio.timeout(WAIT_S), open_house(store=SqliteStore(tmp_path / "data")) as house:
        await talk(house, witnesses, tmp_path)
        async with aiohttp.ClientSession() as http:
            pulled = [await Stranger(http, house.url, uid, house.token(uid)).pull_all() for uid in (ANN, BEN)]
    database = tmp_path / "data" / "sixin.db"
    plan = Plan(0, 8, [ProcessPlan(0, devices, keeps=True)], [])
    files = files_of([database, tmp_path / "ann.copy.db"])
    return Evidence(plan, tmp_path, rows_of_file(database), witnesses, pulled, files)


def test_a_run_in_which_nothing_went_wrong_is_judged_so(evidence: Evidence) -> None:
    findings = judge(evidence)
    assert findings.ok, findings.lines()
    assert findings.looked_at["stored once by its text"] == 8


def lose_the_last_message(run: Evidence) -> None:
    run.rows.messages[HERE].pop()


def store_one_twice(run: Evidence) -> None:
    last = run.rows.messages[HERE][-1]
    twin = replace(last, msg_id=last.msg_id + 10_000, ordinal=9, version_id=11, sort_key=11)
    run.rows.messages[HERE].append(replace(twin, seq_id=last.seq_id + 1))


def store_one_twice_under_its_seq_id(run: Evidence) -> None:
    store_one_twice(run)
    last = run.rows.messages[HERE][-1]
    run.rows.messages[HERE][-1] = replace(last, seq_id=last.seq_id - 1, digest=b"another")


def skip_an_ordinal(run: Evidence) -> None:
    run.rows.messages[HERE][-1] = replace(run.rows.messages[HERE][-1], ordinal=9)


def skip_a_version(run: Evidence) -> None:
    run.rows.sessions[HERE] = replace(run.rows.sessions[HERE], version_id=10)


def count_one_too_many(run: Evidence) -> None:
    contact = run.rows.contacts[BEN][HERE]
    run.rows.contacts[BEN][HERE] = replace(contact, unread=contact.unread + 1)


def count_a_wrong_total(run: Evidence) -> None:
    run.rows.users[BEN] = replace(run.rows.users[BEN], unread_total=17)


def keep_an_old_preview(run: Evidence) -> None:
    contact = run.rows.contacts[ANN][HERE]
    run.rows.contacts[ANN][HERE] = replace(contact, last_message=run.rows.messages[HERE][0])


def forget_a_recall(run: Evidence) -> None:
    message = run.rows.messages[HERE][2]
    run.rows.messages[HERE][2] = replace(message, status="normal", content=b"{}")


def set_a_read_mark_back(run: Evidence) -> None:
    contact = run.rows.contacts[BEN][HERE]
    run.rows.contacts[BEN][HERE] = replace(contact, last_read_msg_id=0)


def set_a_clear_mark_back(run: Evidence) -> None:
    contact = run.rows.contacts[BEN][HERE]
    run.rows.contacts[BEN][HERE] = replace(contact, last_del_msg_id=0)


def show_what_was_deleted(run: Evidence) -> None:
    run.rows.hidden.clear()


def put_words_into_a_mouth(run: Evidence) -> None:
    said = run.witnesses[0].lines[0]
    assert isinstance(said, Intent)
    run.witnesses[0].lines[0] = replace(said, session_id="1001:1003")


def answer_before_it_was_said(run: Evidence) -> None:
    lines = run.witnesses[1].lines
    first = lines[2]
    assert isinstance(first, Acknowledged)
    lines[2] = replace(first, at_ns=0)


def lose_what_was_only_queued(run: Evidence) -> None:
    run.witnesses[0].lines.append(Queued(HERE, 7, "<1001-1-000099> never arrived"))


def take_another_number_for_nothing(run: Evidence) -> None:
    lines = run.witnesses[0].lines
    queued = lines[1]
    assert isinstance(queued, Queued)
    lines[1] = replace(queued, seq_id=queued.seq_id + 1)


def stand_in_another_order(run: Evidence) -> None:
    lines = run.witnesses[0].lines
    lines[1], lines[4] = lines[4], lines[1]


def change_dump(run: Evidence, change: Callable[[Dump], Dump]) -> None:
    path = dump_of(run.folder, run.plan.devices[0])
    dump = msgspec.msgpack.decode(path.read_bytes(), type=Dump)
    path.write_bytes(msgspec.msgpack.encode(change(dump)))


def hold_a_stale_message(run: Evidence) -> None:
    def stale(dump: Dump) -> Dump:
        dump.copy.messages[HERE][2] = replace(dump.copy.messages[HERE][2], status="normal", content=b"{}")
        return dump

    change_dump(run, stale)


def hold_too_little(run: Evidence) -> None:
    change_dump(run, lambda dump: (dump.copy.messages[HERE].pop(), dump)[1])


def hold_a_stale_contact(run: Evidence) -> None:
    def stale(dump: Dump) -> Dump:
        dump.copy.contacts[HERE] = replace(dump.copy.contacts[HERE], pinned=True)
        return dump

    change_dump(run, stale)


def stay_behind(run: Evidence) -> None:
    change_dump(run, lambda dump: replace(dump, copy=replace(dump.copy, contact_version=1)))


def leave_something_in_the_outbox(run: Evidence) -> None:
    change_dump(run, lambda dump: replace(dump, waiting=1))


def answer_from_a_stale_cache(run: Evidence) -> None:
    run.pulled[0].messages[HERE].pop()


def leave_words_on_the_disk(run: Evidence) -> None:
    with closing(sqlite3.connect(run.files[0])) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("CREATE TABLE forgotten (words TEXT)")
        database.execute("INSERT INTO forgotten VALUES ('<1001-1-000001> hello')")
        database.commit()


@pytest.mark.parametrize(
    ("goes_wrong", "rule"),
    [
        (lose_the_last_message, "acknowledged sends are there, with the numbers that were answered"),
        (store_one_twice, "stored once by its text"),
        (store_one_twice_under_its_seq_id, "stored once by (session, sender, seq_id)"),
        (skip_an_ordinal, "ordinals are 1, 2, 3 …"),
        (skip_a_version, "versions are 1, 2, 3 …"),
        (count_one_too_many, "unread recounted from the messages"),
        (count_a_wrong_total, "total unread recounted from the messages"),
        (keep_an_old_preview, "preview is the newest visible message"),
        (forget_a_recall, "acknowledged recall holds"),
        (set_a_read_mark_back, "acknowledged read holds"),
        (set_a_clear_mark_back, "acknowledged clear holds"),
        (show_what_was_deleted, "acknowledged delete_me holds"),
        (put_words_into_a_mouth, "every message was said by its sender, there"),
        (answer_before_it_was_said, "what was acknowledged first stands first"),
        (lose_what_was_only_queued, "everything a device took for sending arrived, as it was said"),
        (take_another_number_for_nothing, RENUMBERED),
        (stand_in_another_order, "one device's texts stand in the order it said them"),
        (hold_a_stale_message, "a copy's message equals the server's"),
        (hold_too_little, "a copy's message equals the server's"),
        (hold_a_stale_contact, "a copy's contact equals the server's"),
        (stay_behind, "a copy's list is complete"),
        (leave_something_in_the_outbox, "no outbox holds anything, or was refused anything said"),
        (answer_from_a_stale_cache, "a freshly pulled message equals the database's"),
        (leave_words_on_the_disk, "a file on disk holds nothing that was taken back"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_goes_wrong_is_found(evidence: Evidence, goes_wrong: Callable[[Evidence], None], rule: str) -> None:
    goes_wrong(evidence)
    findings = judge(evidence)
    assert findings.broken[rule], findings.lines()
