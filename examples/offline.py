"""Write without a link, send when it is back, and undo: `python examples/offline.py URL TOKEN TO`."""

import asyncio
import sys

import sixin
from sixin.core.errors import SixinError, TooLate


async def main(url: str, token: str, to: int) -> None:
    """Go through a tunnel."""
    async with sixin.connect(url, token, store="phone.db") as me:
        await me.synced()
        await me.go_offline()
        first = await me.send(to, "I am in the tunnel.")
        second = await me.send(to, {"type": "location", "latitude": 46.67, "longitude": 8.58, "name": "Gotthard"})
        print("waiting:", [entry.kind for entry in me.outbox(to)])

        me.go_online()
        try:
            async with asyncio.timeout(30):
                message = await first.delivered()
                await second.delivered()
        except TimeoutError:
            print("still no link: both stay in the outbox, also if this program ends")
            return
        except SixinError as refused:
            print("refused for good:", refused.code, refused.message)
            return
        print("delivered:", message.text, "| waiting:", me.outbox(to))

        try:
            gone = await me.recall(to, message.msg_id)
        except TooLate as refused:
            print("too late:", refused.message)
        else:
            print("recalled:", gone.status, gone.text)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
