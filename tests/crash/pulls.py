"""Asks a server for everything, as a device that was never there before: through the HTTP door, page by page."""

from typing import Any, TypeVar

import aiohttp
import msgspec

from sixin.core.ids import SessionId, Uid
from sixin.core.wire.bodies import (
    PullContactsAnswer,
    PullHiddenAnswer,
    PullOldAnswer,
)
from tests.crash.judge_copies import Pulled

T = TypeVar("T")


class Stranger:
    """One user's fresh pulls."""

    def __init__(self, http: aiohttp.ClientSession, url: str, uid: int, token: str) -> None:
        self._http = http
        self._url = url
        self._uid = Uid(uid)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def pull_all(self) -> Pulled:
        """Contacts, then all messages and all that is hidden of each of their sessions."""
        pulled = Pulled(self._uid, 0, 0, {}, {}, {})
        more = True
        while more:
            page = await self._ask("pull_contacts", PullContactsAnswer, after_version=pulled.contact_version, limit=100)
            pulled.contacts.update({SessionId(contact.session_id): contact for contact in page.contacts})
            pulled.contact_version, pulled.unread_total, more = page.version_id, page.unread_total, page.more
        for session_id in pulled.contacts:
            pulled.messages[session_id] = await self._messages(session_id)
            pulled.hidden[session_id] = await self._hidden(session_id)
        return pulled

    async def _messages(self, session_id: str) -> list[Any]:
        pages: list[PullOldAnswer] = []
        while not pages or pages[-1].more:
            before = {"before_sort_key": pages[-1].messages[0].sort_key} if pages else {}
            pages.append(await self._ask("pull_old", PullOldAnswer, session_id=session_id, limit=500, **before))
        return [message for page in reversed(pages) for message in page.messages]

    async def _hidden(self, session_id: str) -> set[str]:
        found: set[str] = set()
        after, more = 0, True
        while more:
            page = await self._ask("pull_hidden", PullHiddenAnswer, session_id=session_id, after_version=after)
            found.update(page.msg_ids)
            after, more = page.version_id, page.more
        return found

    async def _ask(self, op: str, answer: type[T], **body: Any) -> T:
        encoded = msgspec.json.encode(body)
        async with self._http.post(f"{self._url}/v1/{op}", data=encoded, headers=self._headers) as response:
            read = await response.read()
            response.raise_for_status()
            return msgspec.json.decode(read, type=answer)
