"""Users that exist only for a run, and what is known on one of their devices: enough to find something to ask."""

from typing import Any

import msgspec


class Person:
    """A user: what his devices know between them."""

    def __init__(self, uid: int, peers: list[int]) -> None:
        self.uid = uid
        self.peers = peers
        self.seen: dict[str, dict[int, int]] = {}
        """The messages he knows of in each session: msg_id to sender."""
        self.sent: list[tuple[str, int, object]] = []
        """What he sent: session_id, seq_id and content, for retries."""
        self.last_seq_id = 0
        self.keeps: set[str] = set()
        """Sessions in which he clears and hides nothing, so that somebody can tell at the end all that was said."""

        self.brief = False
        """He says nothing long: a server keeps no long message in memory, nor a list that shows one."""

    def next_seq_id(self) -> int:
        """A number he has not used."""
        self.last_seq_id += 1
        return self.last_seq_id

    def learn(self, message: dict[str, Any]) -> None:
        """He has seen a message."""
        self.seen.setdefault(message["session_id"], {})[int(message["msg_id"])] = int(message["sender"])


class Known:
    """What a device without a copy knows: how far it has pulled."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.cursors: dict[str, int] = {}
        self.contact_cursor = 0

    def take_notice(self, frame: bytes) -> None:
        """Learn from what is told."""
        notice = msgspec.json.decode(frame)
        if isinstance(notice.get("message"), dict):
            self.person.learn(notice["message"])

    def take_answer(self, op: str, answer: bytes, body: bytes) -> None:
        """Learn from an answer."""
        value, asked = msgspec.json.decode(answer), msgspec.json.decode(body)
        for message in [*value.get("messages", []), *([value["message"]] if "message" in value else [])]:
            self.person.learn(message)
        if op == "pull_new" and asked["after_version"] == self.cursors.get(asked["session_id"], 0):
            self.cursors[asked["session_id"]] = value["version_id"]
        elif op == "pull_contacts":
            self.contact_cursor = value["version_id"]
            for contact in value["contacts"]:
                if contact["last_message"]:
                    self.person.learn(contact["last_message"])
