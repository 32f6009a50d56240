"""Ann writes to Bob, Bob reads it: `python examples/hello.py URL ANNS_TOKEN BOBS_TOKEN`."""

import asyncio
import sys

import sixin
from sixin.client import MessageArrived


async def main(url: str, anns_token: str, bobs_token: str) -> None:
    """Say something, hear it on the other side, and see both copies agree."""
    async with sixin.connect(url, anns_token, store="ann.db") as ann, sixin.connect(url, bobs_token) as bob:
        await bob.connected()
        heard = bob.events()
        sent = await ann.send(bob.uid, "你好，Bob!")  # on Ann's disk already; it leaves when there is a link
        async for event in heard:
            if isinstance(event, MessageArrived) and event.message.sender == ann.uid:
                print(f"{event.message.sender} says: {event.message.text}")
                break
        print(f"unread: {bob.unread_total}")
        await bob.read(ann.uid)
        await bob.synced()
        print(f"unread: {bob.unread_total}")
        message = await sent.delivered()  # the server has it on disk, once, whatever happened in between
        print(f"number {message.ordinal} of session {message.session_id}")


asyncio.run(main(*sys.argv[1:]))
