"""A bot that answers every text it has not read yet: `python examples/bot.py URL TOKEN`, until Ctrl-C.

It looks at counts and marks rather than at single events, so it also answers what came while it was not running.
"""

import asyncio
import sys

import sixin
from sixin.client import Client, ContactChanged, Resync
from sixin.core.contact import Contact


async def answer(me: Client, contact: Contact, answered: dict[str, int]) -> None:
    """Answer what is unread in one conversation, then read it."""
    if not contact.unread:
        return
    since = max(contact.last_read_msg_id, answered.get(contact.session_id, 0))
    page = await me.history(contact.session_id)
    for message in page.messages:
        if message.msg_id > since and message.sender != me.uid and message.text:
            await me.send(contact.session_id, f"You said: {message.text}")
    answered[contact.session_id] = max([since, *(message.msg_id for message in page.messages)])
    await me.read(contact.session_id, up_to=answered[contact.session_id])


async def main(url: str, token: str) -> None:
    """Answer for as long as it runs."""
    answered: dict[str, int] = {}
    async with sixin.connect(url, token, store="bot.db") as me:
        events = me.events()
        await me.synced()
        print(f"bot {me.uid} is ready", flush=True)
        for contact in me.contacts():
            await answer(me, contact, answered)
        async for event in events:
            changed = [event.contact] if isinstance(event, ContactChanged) else []
            for contact in me.contacts() if isinstance(event, Resync) else changed:
                await answer(me, contact, answered)


asyncio.run(main(*sys.argv[1:]))
