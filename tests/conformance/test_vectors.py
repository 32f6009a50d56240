"""The vectors that fix what the design means, through the real writer."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sixin.core.commands import Clear
from sixin.core.errors import BadRequest
from sixin.core.ids import EPOCH_S, SessionId, Slot, Tick, Uid, msg_id_of, msg_id_parts, pair_session_id, parse_uid
from sixin.core.message import Message
from tests.conformance.scene import Scene, content_of

VECTORS = Path(os.environ.get("SIXIN_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))
"""Outside of the project: they belong to the design."""

Vector = dict[str, Any]  # JSON, whose form the tests below spell out


def vector(name: str) -> Vector:
    path = VECTORS / f"{name}.json"
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"{path} is not here; set SIXIN_VECTORS to the folder of the test vectors")
    loaded: Vector = json.loads(path.read_text(encoding="utf-8"))
    return loaded


class Script:
    """A vector's script, played."""

    def __init__(self, scene: Scene, played: Vector) -> None:
        self.scene = scene
        self.session_id = SessionId(played["session_id"])
        self.users = [Uid(int(uid)) for uid in played["users"]]
        self.said: dict[str, Message] = {}

    async def play(self, steps: list[Vector]) -> None:
        for step in steps:
            match step.get("do"):
                case "send":
                    by = Uid(int(step["by"]))
                    to = next(uid for uid in self.users if uid != by)
                    self.said[step["label"]] = await self.scene.send(by, to, step["text"])
                case "recall":
                    await self.scene.recall(self.said[step["label"]])
                case "clear":
                    await self.scene.do(Clear(Uid(int(step["by"])), self.session_id))
                case "pull_new" | "pull_old":
                    await self.check_pull(step)
                case None:
                    assert "checkpoint" in step or "note" in step
                case other:
                    pytest.fail(f"a step this test does not know: {other}")

    async def check_pull(self, step: Vector) -> None:
        owner, store = Uid(int(step["by"])), self.scene.store
        if step["do"] == "pull_new":
            page = await store.pull_new(
                owner, self.session_id, after_version=step["after_version"], born_up_to=None, limit=50
            )
            assert page.version_id == step["version_id"]
        else:
            page = await store.pull_old(owner, self.session_id, before_sort_key=step.get("before_sort_key"), limit=50)
        labels = {message.msg_id: label for label, message in self.said.items()}
        assert [labels[message.msg_id] for message in page.messages] == step["labels"]
        assert page.more == step["more"]


async def test_a_recall_and_what_a_device_at_version_4_then_pulls(scene: Scene) -> None:
    played = vector("recall")
    script = Script(scene, played)
    await script.play(played["script"])
    await script.play(played["pulls"])

    stored = await scene.store.messages(script.session_id, before_sort_key=None, limit=50)
    by_id = {message.msg_id: message for message in stored}
    assert len(by_id) == len(played["timeline"])
    for row in played["timeline"]:
        message = by_id[script.said[row["label"]].msg_id]
        for name in ("version_id", "sort_key", "ordinal", "status"):
            assert getattr(message, name) == row[name]
        assert message.sender == int(row["sender"])
    gone = content_of(played["never_served_again"])
    assert all(message.content != gone for message in stored)


async def test_a_cleared_history_and_both_directions_of_pulling(scene: Scene) -> None:
    played = vector("clear_and_page")
    script = Script(scene, played)
    await script.play(played["script"])

    for row in played["contacts"]:
        contact = await scene.store.contact(Uid(int(row["owner"])), script.session_id)
        assert contact is not None
        assert contact.last_msg_id == script.said[row["last_msg"]].msg_id
        mark = row["last_del_msg"]
        assert contact.last_del_msg_id == (0 if mark is None else script.said[mark].msg_id)
    await script.play(played["pulls"])
    await script.play(played["then"])


async def test_who_sees_which_message_in_the_shared_timelines_and_in_the_users_own_lists(scene: Scene) -> None:
    played = vector("fanout")
    uids = {name: Uid(int(uid)) for name, uid in played["users"].items()}
    numbers: dict[int, int] = {}
    for by, to, number in played["sends"]:
        message = await scene.send(uids[by], uids[to], f"number {number}")
        numbers[message.msg_id] = number

    for session_id, expected in played["message_timelines"].items():
        stored = await scene.store.messages(SessionId(session_id), before_sort_key=None, limit=50)
        assert [numbers[message.msg_id] for message in reversed(stored)] == expected
    for name, row in played["contacts"].items():
        page = await scene.store.pull_contacts(uids[name], after_version=0, limit=50)
        listed = sorted(page.contacts, key=lambda contact: contact.sort_key)
        assert [contact.session_id for contact in listed] == row["sessions"]
        assert page.version_id == row["version_id"]
        assert {contact.session_id: contact.unread for contact in listed} == row["unread"]


async def test_ids_have_the_layout_of_the_design_and_come_back_from_the_store(scene: Scene) -> None:
    played = vector("ids")
    for row in played["session_ids"]:
        one, other = (parse_uid(uid) for uid in row["pair"])
        assert pair_session_id(one, other) == row["session_id"]
        message = await scene.send(one, other, "hello")
        found = await scene.store.messages(SessionId(row["session_id"]), before_sort_key=None, limit=1)
        assert found == [message]
        if one == other:
            assert (await scene.contact(one, message.session_id)).unread == 0
    for pair in played["refused_pairs"]:
        with pytest.raises(BadRequest):
            [parse_uid(uid) for uid in pair]
    for row in played["msg_ids"]:
        msg_id = msg_id_of(Tick(row["relative_seconds"] * 1_000_000 + row["counter"]), Slot(row["slot"]))
        assert str(msg_id) == row["msg_id"]
        assert msg_id_parts(msg_id) == (row["relative_seconds"], row["counter"], row["slot"])
    assert EPOCH_S == 1_767_225_600
