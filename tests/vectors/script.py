"""Plays the script of a vector through the one write path, and pulls as its devices would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sixin.core import commands
from sixin.core.commands import Command, Policy
from sixin.core.content import canonical
from sixin.core.ids import MsgId, SessionId, Uid, pair_session_id, parse_session_id, parse_uid
from sixin.core.message import Message
from sixin.core.timeline import MessagePage
from sixin.server.store.base import Store
from sixin.server.store.writer import Writer

WAIT_S = 10.0


class Script:
    """A store being written to by a vector. Its labels stand for the `msg_id`s that the server gave out."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store = store
        self.writer = writer
        self.ids: dict[str, MsgId] = {}
        self.now_ms = 1_800_000_000_000
        self._seq_id = 0

    async def do(self, command: Command) -> object:
        """Have a command written. Raises what refuses it."""
        self.now_ms += 1
        async with asyncio.timeout(WAIT_S):
            return (await self.writer.change(command)).answer

    async def send(self, sender: Uid, session_id: SessionId, text: str) -> Message:
        """Say something under a new `seq_id`."""
        self._seq_id += 1
        content = canonical(b'{"type":"text","text":"%b"}' % text.encode())
        message = await self.do(commands.Send(sender, session_id, self._seq_id, content.encoded, content.digest))
        assert isinstance(message, Message)
        return message

    async def play(self, session_id: SessionId, steps: list[dict[str, Any]]) -> None:
        """What people do, in turn."""
        for step in steps:
            if "do" not in step:
                continue
            actor = parse_uid(step["by"])
            match step["do"]:
                case "send":
                    self.ids[step["label"]] = (await self.send(actor, session_id, step["text"])).msg_id
                case "recall":
                    await self.do(commands.Recall(actor, session_id, self.ids[step["label"]]))
                case "clear":
                    await self.do(commands.Clear(actor, session_id))
                case "pull_new" | "pull_old":
                    await self.check_pull(session_id, step)
                case other:
                    raise AssertionError(f"the vector says {other!r}")

    async def check_pull(self, session_id: SessionId, step: dict[str, Any]) -> MessagePage:
        """A device's pull gets the messages of these labels, in this order."""
        page = await self.pull(session_id, step)
        labels = {msg_id: label for label, msg_id in self.ids.items()}
        assert [labels[message.msg_id] for message in page.messages] == step["labels"], step
        assert page.more is step["more"], step
        if "version_id" in step:
            assert page.version_id == step["version_id"], step
        return page

    async def pull(self, session_id: SessionId, step: dict[str, Any]) -> MessagePage:
        """Pull as a step says."""
        owner = parse_uid(step["by"])
        if step["do"] == "pull_new":
            return await self.store.pull_new(
                owner, session_id, after_version=step["after_version"], born_up_to=None, limit=100
            )
        return await self.store.pull_old(owner, session_id, before_sort_key=step.get("before_sort_key"), limit=100)


@asynccontextmanager
async def script_on(store: Store) -> AsyncIterator[Script]:
    """A script on an open store; its writer is awaited at the end."""
    scripts: list[Script] = []
    writer = Writer(store, now_ms=lambda: scripts[0].now_ms, policy=Policy(), committed=lambda decisions: None)
    scripts.append(Script(store, writer))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        try:
            yield scripts[0]
        finally:
            writer.stop()


def session_of(vector: dict[str, Any]) -> SessionId:
    """The session a vector plays in, which its users' ids must give as well."""
    one, other = map(parse_uid, vector["users"])
    session_id = parse_session_id(vector["session_id"])
    assert pair_session_id(one, other) == session_id
    return session_id
