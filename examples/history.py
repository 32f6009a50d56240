"""Page back through a conversation to its beginning: `python examples/history.py URL TOKEN WITH`."""

import asyncio
import sys

import sixin


async def main(url: str, token: str, peer: int) -> None:
    """Print a whole conversation, newest page first."""
    async with sixin.connect(url, token, store="history.db") as me:
        async with asyncio.timeout(30):
            await me.synced()
        before: int | None = None
        while True:
            page = await me.history(peer, before=before, limit=20)
            for message in reversed(page.messages):
                print(message.ordinal, message.sender, message.text or f"({message.status})")
            if page.hole:
                print("the rest is not on this device, and there is no link")
            if not page.more or page.hole:
                return
            before = page.before


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
