"""The cache: the same answers whether it is cold, warm or off; and it forgets what it can no longer prove."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from sixin.core.limits import TAIL_ROWS_MAX
from tests.server.house import Clock, House, open_house
from tests.server.stores import HeldStore

USERS = (1001, 1002, 1003)
CHRISTMAS_MS = 1_798_135_200_000
STEPS = 400


class Script:
    """A random afternoon of three people; what it asks next depends on the seed and on the answers before."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ids: list[str] = []
        self._seq_id = 0

    def next(self) -> tuple[int, str, dict[str, Any]]:
        """Who asks for what."""
        pick = self._random
        uid, other = pick.choice(USERS), pick.choice(USERS)
        op = pick.choices(
            ("send", "recall", "delete", "clear", "delete_contact", "read", "pin", "mute", "label",
             "pull_new", "pull_old", "pull_contacts", "pull_hidden", "contact", "unread"),
            (30, 4, 4, 1, 1, 6, 2, 2, 2, 14, 14, 14, 3, 8, 4),
        )[0]  # fmt: skip
        msg_id = pick.choice(self._ids[-40:] or ["1"])
        bodies: dict[str, Callable[[], dict[str, Any]]] = {
            "send": lambda: {"seq_id": self._next_seq_id(), "content": self._content()},
            "recall": lambda: {"msg_id": msg_id},
            "delete": lambda: {"msg_ids": [msg_id], "scope": pick.choice(("me", "all"))},
            "clear": lambda: pick.choice(({}, {"up_to_msg_id": msg_id})),
            "read": lambda: {"msg_id": msg_id},
            "pin": lambda: {"pinned": pick.random() < 0.5},
            "mute": lambda: {"muted": pick.random() < 0.5},
            "label": lambda: {"labels": pick.sample(["a", "b", "c"], pick.randint(0, 3))},
            "pull_new": lambda: {
                "after_version": pick.randint(0, len(self._ids) + 3),
                "limit": pick.choice((1, 3, 50, 500)),
                **pick.choice(({}, {}, {"born_up_to": pick.randint(0, len(self._ids))})),
            },
            "pull_old": lambda: {
                "limit": pick.choice((1, 3, 50, 500)),
                **pick.choice(({}, {"before_sort_key": pick.randint(0, len(self._ids) + 2)})),
            },
            "pull_hidden": lambda: {"after_version": pick.randint(0, 20)},
        }
        if op in ("unread", "pull_contacts"):
            after = {"after_version": pick.randint(0, len(self._ids)), "limit": pick.choice((1, 2, 100))}
            return uid, op, after if op == "pull_contacts" else {}
        return uid, op, {"to": str(other), **(bodies[op]() if op in bodies else {})}

    def _next_seq_id(self) -> int:
        self._seq_id += self._random.random() < 0.9  # now and then a retry, or a conflict
        return self._seq_id or 1

    def _content(self) -> dict[str, Any]:
        size = self._random.choice((1, 20, 300, 5_000))
        return {"type": "text", "text": self._random.choice("字x") * size}

    def learn(self, answer: bytes) -> None:
        """Take in a new message's id."""
        message = json.loads(answer).get("message")
        if isinstance(message, dict) and message["msg_id"] not in self._ids:
            self._ids.append(message["msg_id"])


async def answers_of(seed: int, between: Callable[[House], None], *, cache: bool = True) -> tuple[list[bytes], int]:
    """Every answer of a script as bytes, and how many of them the cache gave."""
    script = Script(seed)
    found = []
    async with open_house(cache=cache, clock=Clock(CHRISTMAS_MS)) as house:
        tokens = {uid: house.token(uid) for uid in USERS}
        for _ in range(STEPS):
            uid, op, body = script.next()
            house.clock.ahead_ms += 500
            between(house)
            headers = {"Authorization": f"Bearer {tokens[uid]}"}
            async with house.client.post(f"{house.url}/v1/{op}", json=body, headers=headers) as response:
                found.append(await response.read())
            script.learn(found[-1])
        return found, house.node.cache.hits


def _nothing(house: House) -> None:
    pass


def _forget(house: House) -> None:
    house.node.cache.forget()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_random_afternoon_gets_the_same_bytes_cold_warm_and_off(seed: int) -> None:
    warm, warm_hits = await answers_of(seed, _nothing)
    off, off_hits = await answers_of(seed, _nothing, cache=False)
    assert warm == off
    assert warm_hits > STEPS / 20
    assert off_hits == 0
    if seed == 1:
        often = random.Random(seed)
        cold, _ = await answers_of(seed, lambda house: _forget(house) if often.random() < 0.2 else None)
        assert cold == warm


async def test_a_tail_longer_than_it_may_hold_still_answers_rightly(house: House) -> None:
    count = TAIL_ROWS_MAX + 20
    device = await house.device(1001)
    for seq_id in range(1, count + 1):
        await device.say(1002, f"number {seq_id}", seq_id)
    cursor, held = 0, []
    more = True
    while more:
        page = await device.ask("pull_new", to="1002", after_version=cursor, limit=50)
        held += [message["seq_id"] for message in page["messages"]]
        cursor, more = page["version_id"], page["more"]
    assert held == list(range(1, count + 1))
    assert house.node.cache.hits > 0


@pytest.mark.parametrize("lost", ["fail_before", "fail_after"])
async def test_after_an_uncertain_commit_only_the_store_is_believed(lost: str) -> None:
    store = HeldStore()
    async with open_house(store=store) as house:
        ann = await house.device(1001)
        await ann.say(1002, "certain", 1)
        assert len(house.node.cache) > 0
        setattr(store, lost, True)
        text = {"type": "text", "text": "uncertain"}
        answer = await ann.ask_raw("send", json.dumps({"to": "1002", "seq_id": 2, "content": text}).encode())
        assert answer.code == "unavailable"
        assert len(house.node.cache) == 0

        page = await ann.ask("pull_new", to="1002", after_version=0)
        there = [message["seq_id"] for message in page["messages"]]
        assert there == ([1] if lost == "fail_before" else [1, 2])
        # The retry finds out which, and the versions go on without a gap.
        said = (await ann.ask("send", to="1002", seq_id=2, content=text))["message"]
        assert (said["version_id"], said["ordinal"]) == (2, 2)
        assert (await ann.say(1002, "and on", 3))["version_id"] == 3
        contact = (await ann.ask("contact", to="1002"))["contact"]
        assert contact["version_id"] == 3


async def test_encodings_are_forgotten_where_nobody_is_connected(house: House) -> None:
    for seq_id in range(1, 20):
        await house.done("http", 1001, "send", to="1002", seq_id=seq_id, content={"type": "text", "text": "a"})
    assert len(house.node.hub.encoded) == 0
