"""Ann and Bob do everything once, at a fixed time, so that a server says the same each time it is asked."""

from typing import Any, Final

import msgspec

from sixin.server.gateway.reference.examples import Step, Transcript
from tests.server.house import Clock, Device, House, open_house

ANN: Final = 1001
BOB: Final = 1002
BOTH: Final = "1001:1002"

CHRISTMAS_MS: Final = 1_798_135_200_000
"""2026-12-24T18:00:00Z."""

BETWEEN_MS: Final = 7_000


class _Play:
    """One performance, through one door."""

    def __init__(self, house: House, door: str) -> None:
        self._house = house
        self._door = door
        self.steps: list[Step] = []

    async def _do(self, title: str, uid: int, op: str, **body: Any) -> Step:
        self._house.clock.ahead_ms += BETWEEN_MS
        answer = await self._house.ask(self._door, uid, op, msgspec.json.encode(body))
        self.steps.append(Step(title, str(uid), op, body, answer.ok, answer.error))
        return self.steps[-1]

    async def _said(self, title: str, uid: int, seq_id: int, content: dict[str, Any], **to: str) -> str:
        step = await self._do(title, uid, "send", **to, seq_id=seq_id, content=content)
        assert step.ok is not None, step
        return str(step.ok["message"]["msg_id"])

    async def begin(self) -> str:
        """They talk, and Ann arranges her list."""
        first = await self._said("a text to a user", ANN, 17, {"type": "text", "text": "你好，Bob！"}, to=str(BOB))
        picture = {"type": "image", "url": "https://media.example/tree.webp", "width": 1280, "height": 960}
        bobs = await self._said("a picture in a session", BOB, 4, picture, session_id=BOTH)
        await self._do("a retry gets the first answer", ANN, "send", to=str(BOB), seq_id=17,
                       content={"type": "text", "text": "你好，Bob！"})  # fmt: skip
        await self._do("one contact", ANN, "contact", to=str(BOB))
        await self._do("the total", ANN, "unread")
        await self._do("read up to Bob's picture", ANN, "read", session_id=BOTH, msg_id=bobs)
        await self._do("pin", ANN, "pin", session_id=BOTH, pinned=True)
        await self._do("mute", ANN, "mute", session_id=BOTH, muted=True)
        await self._do("two labels", ANN, "label", session_id=BOTH, labels=["朋友", "ski"])
        await self._do("Ann types", ANN, "typing", session_id=BOTH)
        await self._do("everything, from the beginning", ANN, "pull_new", session_id=BOTH, after_version=0)
        await self._do("the newest page of history", BOB, "pull_old", session_id=BOTH, limit=20)
        await self._do("every contact, from the beginning", ANN, "pull_contacts", after_version=0, limit=100)
        return first

    async def end(self, first: str) -> None:
        """They are refused a few things, and things go away."""
        await self._do("another content under the same seq_id", ANN, "send", to=str(BOB), seq_id=17,
                       content={"type": "text", "text": "你好"})  # fmt: skip
        await self._do("somebody else's session", BOB, "pull_new", session_id="1001:1003", after_version=0)
        await self._do("somebody else's message", BOB, "recall", session_id=BOTH, msg_id=first)
        await self._do("both ways to name a session", ANN, "contact", to=str(BOB), session_id=BOTH)
        await self._do("recall", ANN, "recall", session_id=BOTH, msg_id=first)
        text = {"type": "text", "text": "今晚见 See you tonight"}
        second = await self._said("one more", ANN, 18, text, session_id=BOTH)
        self._house.clock.ahead_ms += 121_000
        await self._do("recall after two minutes", ANN, "recall", session_id=BOTH, msg_id=second)
        await self._do("delete for myself", BOB, "delete", session_id=BOTH, msg_ids=[second], scope="me")
        await self._do("what Bob deleted for himself", BOB, "pull_hidden", session_id=BOTH, after_version=0)
        await self._do("clear the whole history", ANN, "clear", session_id=BOTH)
        await self._do("out of the list, until something newer is said", BOB, "delete_contact", session_id=BOTH)


async def play(door: str) -> Transcript:
    """The whole transcript, through `http` or `socket`, on a server of its own."""
    async with open_house(clock=Clock(CHRISTMAS_MS)) as house:
        bobs_phone = await house.device(BOB)
        hello = await _hello(house)
        performance = _Play(house, door)
        first = await performance.begin()
        admin = await _admin(house)
        await performance.end(first)
        notices = {kind: await bobs_phone.notice(kind) for kind in ("message", "contact", "typing")}
        notices["bye"] = await _bye(house, bobs_phone)
        return Transcript(hello, performance.steps, notices, admin)


async def _hello(house: House) -> Step:
    phone = await house.connect()
    body = {"token": house.token(ANN), "device_id": "ann-phone"}
    ok = await phone.ask("hello", **body)
    await phone.socket.close()
    return Step("a phone says hello", str(ANN), "hello", {**body, "token": "…"}, ok)


async def _admin(house: House) -> dict[str, dict[str, Any]]:
    token = house.token(1, role="admin")
    person = {"uid": str(ANN), "kind": "person", "name": "安娜 Ann", "avatar": "https://media.example/ann.webp"}
    put = await house.post("/v1/admin/users", msgspec.json.encode(person), token=token)
    assert put.ok is not None, put
    found: dict[str, dict[str, Any]] = {"users": {"body": person, "ok": put.ok}}
    for name, parameter, value in (("session", "session_id", BOTH), ("user", "uid", str(ANN))):
        status, body = await house.get(f"/v1/admin/inspect/{name}/{value}", token=token)
        assert status == 200, body
        found[f"inspect_{name}"] = {"body": {parameter: value}, "ok": msgspec.json.decode(body)}
    # Last, and of somebody else: whoever is revoked is out.
    revoke = {"uid": "1003"}
    revoked = await house.post("/v1/admin/revoke", msgspec.json.encode(revoke), token=token)
    assert revoked.ok is not None, revoked
    found["revoke"] = {"body": revoke, "ok": revoked.ok}
    return found


async def _bye(house: House, phone: Device) -> dict[str, Any]:
    house.node.websocket.say_bye("draining")
    return (await phone.rest())[-1]
