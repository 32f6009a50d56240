"""The SDK over real sockets, against the command that people run."""

import asyncio
from pathlib import Path

import pytest

import sixin
from sixin.client import LinkLost
from sixin.client.transport import WebSocketTransport
from tests.client.serving import DEADLINE_S, Serving


async def test_two_people_talk_over_real_sockets(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        async with (
            asyncio.timeout(DEADLINE_S),
            sixin.connect(serving.url, serving.token(1001), store=tmp_path / "ann.db") as ann,
            sixin.connect(serving.url, serving.token(1002)) as ben,
        ):
            said = await (await ann.send(1002, "你好")).delivered()
            await ben.synced()
            assert ben.unread_total == 1
            await (await ben.read(1001)).delivered()
            await ann.recall(1002, said.msg_id)
            await ben.synced()
            page = await ben.history(1001)
            assert [(one.status, one.content) for one in page.messages] == [("recalled", b"")]


async def test_a_server_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        async with (
            asyncio.timeout(4 * DEADLINE_S),
            sixin.connect(serving.url, serving.token(1001), store=tmp_path / "ann.db") as ann,
            sixin.connect(serving.url, serving.token(1002), store=tmp_path / "ben.db") as ben,
        ):
            for blow in range(4):
                pending = [await ann.send(1002, f"{blow}.{number}") for number in range(15)]
                pending += [await ben.send(1001, f"{blow}:{number}") for number in range(15)]
                await pending[blow].delivered()
                await asyncio.to_thread(serving.kill)
                await ann.send(1002, f"{blow} while it is dead")
                await asyncio.to_thread(serving.start)
                for one in (ann, ben):
                    one.go_online()
                for waiting in pending:
                    await waiting.delivered()
            for one in (ann, ben, ann):
                await one.synced()

            pages = [(await one.history("1001:1002", limit=500)).messages for one in (ann, ben)]
            assert pages[0] == pages[1]
            by_ann = [one.text for one in pages[0] if one.sender == 1001]
            assert by_ann == [
                text for blow in range(4) for text in (*(f"{blow}.{n}" for n in range(15)), f"{blow} while it is dead")
            ]
            assert [one.ordinal for one in pages[0]] == list(range(1, 4 * 31 + 1))
            contact = ben.contact(1001)
            assert contact is not None
            assert contact.unread == 4 * 16


async def test_a_server_that_speaks_something_else_is_no_server(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        transport = WebSocketTransport(f"{serving.url}/elsewhere")
        with pytest.raises(LinkLost, match="elsewhere"):
            await transport.connect()
        await transport.close()
