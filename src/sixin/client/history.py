"""History: pages from the local store where it can prove that it holds them, from the server where it cannot."""

import asyncio

from msgspec import Struct

from sixin.client.engine import Engine
from sixin.client.held import Held
from sixin.client.ranges import floor_below
from sixin.client.requests import PullOld
from sixin.client.store.base import Store
from sixin.core.ids import SessionId
from sixin.core.message import Message


class Page(Struct, frozen=True):
    """A piece of a session's history, oldest first."""

    messages: list[Message]
    more: bool
    """Whether there is, or may be, something older."""
    hole: bool
    """The page ends, or is empty, because this device does not hold what comes next and cannot ask for it now."""

    @property
    def before(self) -> int | None:
        """What to ask the next older page with; None for an empty page."""
        return self.messages[0].sort_key if self.messages else None


def local_page(store: Store, held: Held | None, before: int | None, limit: int) -> Page:
    """The page as far as this device holds it. It never passes over a hole."""
    if held is None:
        return Page([], more=True, hole=True)
    start = held.top.high if before is None else min(before - 1, held.top.high)
    if start < 0:
        return Page([], more=False, hole=False)
    floor = floor_below(held.ranges, start)
    if floor is None:
        return Page([], more=True, hole=True)
    found = store.page(held.session_id, low=floor, high=start, limit=limit + 1)
    messages = found[:limit][::-1]
    if len(found) > limit or floor == 0:
        return Page(messages, more=len(found) > limit, hole=False)
    return Page(messages, more=True, hole=len(messages) < limit)


async def page_of(engine: Engine, session_id: SessionId, before: int | None, limit: int) -> Page:
    """A page of history: complete while the server can be asked, else as far as this device holds it."""
    await _caught_up(engine, session_id, newest=before is None)
    page = local_page(engine.store, engine.heads.held.get(session_id), before, limit)
    if not page.hole or not engine.link.ready:
        return page

    pull = (
        engine.sync.newest_of(session_id, limit) if before is None else engine.sync.page_of(session_id, before, limit)
    )
    if not await _asked(engine, pull):
        return page
    # A page of the server may be short, where its contents are large: so a hole below it is no hole in it.
    page = local_page(engine.store, engine.heads.held.get(session_id), before, limit)
    return Page(page.messages, page.more, hole=not page.messages and page.more)


async def _caught_up(engine: Engine, session_id: SessionId, *, newest: bool) -> None:
    """Hold some of the session, and for the newest page all that has been heard of."""
    if not engine.link.ready:
        return
    if session_id not in engine.heads.held:
        engine.sync.wanted(session_id)
        engine.pump()
    elif not newest:
        return
    await engine.until(lambda: engine.sync.settled(session_id) or not engine.link.ready)


async def _asked(engine: Engine, pull: PullOld) -> bool:
    came: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    engine.ask_pull(pull, lambda taken_in: None if came.done() else came.set_result(taken_in))
    return await came
