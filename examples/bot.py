"""A bot that answers every text it has not read yet: `python examples/bot.py URL TOKEN`, until Ctrl-C.

Of one conversation up to 500 at a time. It looks at counts and marks rather than at single events, so it also answers
what came while it was not running.
"""

import asyncio
import sys

import sixin
from sixin.client import Client, ContactChanged, MessageArrived, Resync
from sixin.core.ids import SessionId


async def answer(me: Client, session_id: SessionId, answered: dict[SessionId, int]) -> None:
    """Answer what is unread in one conversation, then read it."""
    contact = me.contact(session_id)
    if contact is None or not contact.unread:
        return
    since = max(contact.last_read_msg_id, answered.get(session_id, 0))
    page = await me.history(session_id, limit=500)
    for message in page.messages:
        if message.msg_id > since and message.sender != me.uid and message.text:
            await me.send(session_id, f"You said: {message.text}")
    answered[session_id] = max([since, *(message.msg_id for message in page.messages)])
    await me.read(session_id, up_to=answered[session_id])


async def main(url: str, token: str) -> None:
    """Answer for as long as it runs."""
    answered: dict[SessionId, int] = {}
    async with sixin.connect(url, token, store="bot.db") as me:
        events = me.events()
        await me.synced()
        print(f"bot {me.uid} is ready", flush=True)
        for contact in me.contacts():
            await answer(me, contact.session_id, answered)
        async for event in events:
            match event:
                case MessageArrived(message):
                    await answer(me, message.session_id, answered)
                case ContactChanged(contact):
                    await answer(me, contact.session_id, answered)
                case Resync():
                    for contact in me.contacts():
                        await answer(me, contact.session_id, answered)


asyncio.run(main(*sys.argv[1:]))
