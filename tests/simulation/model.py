"""The rules once more, in the plainest way: lists, sums and loops, nothing incremental, nothing shared with the core.

What a session looks like is worked out anew from its messages each time anybody asks.
"""

from dataclasses import dataclass, field
from typing import Any

LIFT = 2**52
RECALL_WINDOW_MS = 120_000


class Refused(Exception):
    """The model refuses; `args[0]` is the code."""


@dataclass
class Said:
    """A message."""

    sender: int
    seq_id: int
    content: object
    version: int
    sort_key: int
    ordinal: int
    at_ms: int
    msg_id: int = 0
    status: str = "normal"


@dataclass
class Line:
    """What one user has set for one session."""

    version: int = 0
    place: int = 0
    deleted_up_to: int = 0
    read_up_to: int = 0
    pinned: bool = False
    muted: bool = False
    labels: tuple[str, ...] = ()
    gone: bool = False
    hidden: dict[int, int] = field(default_factory=dict)
    """What he deleted for himself, with the version of his contacts it was done at."""


@dataclass
class Talk:
    """A session: its messages and both sides' lines."""

    members: tuple[int, ...]
    version: int = 0
    messages: list[Said] = field(default_factory=list)
    lines: dict[int, Line] = field(default_factory=dict)


class Model:
    """All sessions."""

    def __init__(self) -> None:
        self.talks: dict[str, Talk] = {}
        self.versions: dict[int, int] = {}
        """Of each user's contacts."""

    # Operations. Each gives the message it is about, or nothing for those answered with a contact.

    def send(self, uid: int, session_id: str, seq_id: int, content: object, now_ms: int) -> Said:
        talk = self._talk(uid, session_id)
        for said in talk.messages:
            if (said.sender, said.seq_id) == (uid, seq_id):
                # What it said is remembered here even when it was emptied: `content` is shown only while normal.
                if said.content != content:
                    raise Refused("conflict")
                return said
        talk.version += 1
        said = Said(uid, seq_id, content, talk.version, talk.version, len(talk.messages) + 1, now_ms)
        talk.messages.append(said)
        for member in talk.members:
            line = talk.lines.setdefault(member, Line())
            self._touch(member, line)
            line.place, line.gone = line.version, False
        return said

    def recall(self, uid: int, session_id: str, msg_id: int, now_ms: int) -> Said:
        said = self._visible(uid, session_id, msg_id)
        if said.sender != uid:
            raise Refused("forbidden")
        if said.status == "normal":
            if now_ms - said.at_ms > RECALL_WINDOW_MS:
                raise Refused("too_late")
            self._empty(self.talks[session_id], [said], "recalled")
        return said

    def delete_all(self, uid: int, session_id: str, msg_ids: list[int], *, moderator: bool = False) -> None:
        self._line(uid, session_id)
        found = [self._visible(uid, session_id, msg_id) for msg_id in dict.fromkeys(msg_ids)]
        if not moderator and any(said.sender != uid for said in found):
            raise Refused("forbidden")
        normal = [said for said in found if said.status == "normal"]
        if normal:
            self._empty(self.talks[session_id], normal, "deleted")

    def delete_me(self, uid: int, session_id: str, msg_ids: list[int]) -> None:
        line = self._line(uid, session_id)
        found = [self._message(session_id, msg_id) for msg_id in dict.fromkeys(msg_ids)]
        fresh = [said for said in found if self.sees(uid, session_id, said)]
        if fresh:
            self._touch(uid, line)
            line.hidden |= {said.msg_id: line.version for said in fresh}

    def clear(self, uid: int, session_id: str, up_to: int | None) -> None:
        line = self._line(uid, session_id)
        mark = self._newest(session_id) if up_to is None else self._message(session_id, up_to).msg_id
        if mark > line.deleted_up_to:
            line.deleted_up_to = mark
            self._touch(uid, line)

    def delete_contact(self, uid: int, session_id: str) -> None:
        line = self._line(uid, session_id)
        newest = self._newest(session_id)
        if not line.gone or newest > line.deleted_up_to:
            line.deleted_up_to = max(newest, line.deleted_up_to)
            line.gone, line.pinned = True, False
            self._touch(uid, line)

    def read(self, uid: int, session_id: str, msg_id: int) -> None:
        line = self._line(uid, session_id)
        mark = self._message(session_id, msg_id).msg_id
        if mark > line.read_up_to:
            line.read_up_to = mark
            for member in dict.fromkeys((uid, *self.talks[session_id].members)):
                self._touch(member, self.talks[session_id].lines[member])

    def set(self, uid: int, session_id: str, name: str, value: Any) -> None:
        line = self._line(uid, session_id)
        if name == "pinned" and line.gone:
            raise Refused("not_found")
        if getattr(line, name) != value:
            setattr(line, name, value)
            self._touch(uid, line)

    # What anybody sees.

    def sees(self, uid: int, session_id: str, said: Said) -> bool:
        line = self.talks[session_id].lines.get(uid)
        return line is not None and said.msg_id > line.deleted_up_to and said.msg_id not in line.hidden

    def seen(self, uid: int, session_id: str) -> list[dict[str, Any]]:
        """The whole history as a user sees it, oldest first."""
        talk = self.talks.get(session_id)
        messages = talk.messages if talk is not None else []
        return [self.message_view(session_id, said) for said in messages if self.sees(uid, session_id, said)]

    def changed(self, uid: int, session_id: str, after: int, born_up_to: int | None) -> list[dict[str, Any]]:
        """What `pull_new` gives, all of it."""
        rows = [row for row in self.seen(uid, session_id) if row["version_id"] > after]
        rows = [row for row in rows if born_up_to is None or row["sort_key"] <= born_up_to]
        return sorted(rows, key=lambda row: int(row["version_id"]))

    def message_view(self, session_id: str, said: Said) -> dict[str, Any]:
        """A message, but for its times."""
        return {
            "msg_id": str(said.msg_id),
            "session_id": session_id,
            "sender": str(said.sender),
            "seq_id": said.seq_id,
            "ordinal": said.ordinal,
            "version_id": said.version,
            "sort_key": said.sort_key,
            "status": said.status,
            "content": said.content if said.status == "normal" else None,
        }

    def contact_view(self, uid: int, session_id: str) -> dict[str, Any]:
        """A user's line, worked out from the messages."""
        talk = self.talks[session_id]
        line = talk.lines[uid]
        peer = next((member for member in talk.members if member != uid), uid)
        seen = self.seen(uid, session_id)
        return {
            "session_id": session_id,
            "owner": str(uid),
            "peer": str(peer),
            "version_id": line.version,
            "sort_key": line.place + (LIFT if line.pinned else 0),
            "last_msg_id": str(self._newest(session_id)),
            "last_message": seen[-1] if seen else None,
            "last_del_msg_id": str(line.deleted_up_to),
            "last_read_msg_id": str(line.read_up_to),
            "peer_read_msg_id": str(talk.lines[peer].read_up_to),
            "unread": self.unread(uid, session_id),
            "pinned": line.pinned,
            "muted": line.muted,
            "labels": list(line.labels),
            "status": "deleted" if line.gone else "normal",
            "peer_ack": any(said.sender != uid for said in talk.messages),
            "message_version": talk.version,
            "hidden_version": max(line.hidden.values(), default=0),
        }

    def unread(self, uid: int, session_id: str) -> int:
        """Design §3.7, word for word."""
        line = self.talks[session_id].lines[uid]
        return sum(
            said.sender != uid
            and said.status == "normal"
            and self.sees(uid, session_id, said)
            and said.msg_id > max(line.read_up_to, line.deleted_up_to)
            for said in self.talks[session_id].messages
        )

    def contacts(self, uid: int) -> list[dict[str, Any]]:
        """A user's contacts by version."""
        views = [self.contact_view(uid, session_id) for session_id, talk in self.talks.items() if uid in talk.lines]
        return sorted(views, key=lambda view: int(view["version_id"]))

    def total(self, uid: int) -> int:
        """Over those neither muted nor deleted."""
        return sum(view["unread"] for view in self.contacts(uid) if not view["muted"] and view["status"] == "normal")

    def version(self, session_id: str) -> int:
        """The session's."""
        talk = self.talks.get(session_id)
        return 0 if talk is None else talk.version

    # Inside.

    def _talk(self, uid: int, session_id: str) -> Talk:
        members = tuple(dict.fromkeys(int(part) for part in session_id.split(":")))
        if uid not in members:
            raise Refused("not_found")
        return self.talks.setdefault(session_id, Talk(members))

    def _line(self, uid: int, session_id: str) -> Line:
        line = self._talk(uid, session_id).lines.get(uid)
        if line is None:
            raise Refused("not_found")
        return line

    def _message(self, session_id: str, msg_id: int) -> Said:
        for said in self.talks[session_id].messages:
            if said.msg_id == msg_id:
                return said
        raise Refused("not_found")

    def _visible(self, uid: int, session_id: str, msg_id: int) -> Said:
        self._line(uid, session_id)
        said = self._message(session_id, msg_id)
        if not self.sees(uid, session_id, said):
            raise Refused("not_found")
        return said

    def _newest(self, session_id: str) -> int:
        messages = self.talks[session_id].messages
        return messages[-1].msg_id if messages else 0

    def _touch(self, uid: int, line: Line) -> None:
        self.versions[uid] = self.versions.get(uid, 0) + 1
        line.version = self.versions[uid]

    def _empty(self, talk: Talk, messages: list[Said], status: str) -> None:
        for said in messages:
            talk.version += 1
            said.version, said.status = talk.version, status
        for member in talk.members:
            self._touch(member, talk.lines[member])
