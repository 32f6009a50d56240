"""What `sixin chat` prints, as pure functions from contacts and messages to lines."""

import time
from typing import Any

import msgspec

from sixin.cli.terminal import printable
from sixin.client import Entry
from sixin.core.contact import Contact
from sixin.core.message import Message

PENDING, SENT, READ, FAILED = "…", "✓", "✓✓", "✗"
REPLY = "↪"

HELP = """\
what you type is sent; a line that begins with / is a command
/list            the conversations, with what is unread
/to UID          talk to somebody
/history         what was said before what is shown
/read            say that you have read everything here
/reply #N WORDS  answer message N
/recall [#N]     take back message N, or your last one
/delete #N       delete message N for yourself
/clear           clear this conversation, for yourself
/pin /unpin      keep it on top of the list, or not
/mute /unmute    leave it out of the count, or not
/offline         disconnect; what you write waits here
/online          connect
/quit            leave"""


def message_line(message: Message, *, uid: int, peer_read_msg_id: int, answered: int | None = None) -> str:
    """`#12 09:41 you: hello ✓✓`; `answered` is the ordinal of the message it answers, where that is known."""
    mark = ""
    if message.sender == uid and message.status == "normal":
        mark = f" {READ if message.msg_id <= peer_read_msg_id else SENT}"
    who = "you" if message.sender == uid else str(message.sender)
    return f"#{message.ordinal} {_clock(message.sent_at_ms)} {who}: {said(message, answered)}{mark}"


def entry_line(entry: Entry) -> str:
    """The same for what has not arrived yet."""
    words = _words(entry.body) if entry.kind == "send" else f"/{entry.kind}"
    if entry.refused:
        return f"{FAILED} {_clock(entry.queued_at_ms)} you: {words} ({entry.refused}: {printable(entry.reason)})"
    return f"{PENDING} {_clock(entry.queued_at_ms)} you: {words}"


def said(message: Message, answered: int | None = None) -> str:
    """What a message says, in one line; `↪#7 hello` where it answers message 7."""
    if message.status == "recalled":
        return "(taken back)"
    return _words(message.content, answered) if message.content else "(deleted)"


def contact_line(contact: Contact) -> str:
    """`  1002  (3)  hello`."""
    marks = "".join(mark for mark, on in (("^", contact.pinned), ("z", contact.muted)) if on)
    unread = f"({contact.unread})" if contact.unread else ""
    preview = said(contact.last_message) if contact.last_message is not None else ""
    return f"{marks:>2} {contact.peer:<10} {unread:>5} {preview[:60]}".rstrip()


def list_lines(contacts: list[Contact], unread_total: int) -> list[str]:
    """The whole list."""
    if not contacts:
        return ["nobody has said anything yet; /to UID begins a conversation"]
    return [f"-- {unread_total} unread --", *(contact_line(contact) for contact in contacts)]


def _words(content: bytes, answered: int | None = None) -> str:
    value: dict[str, Any] = msgspec.json.decode(content)
    mark = "" if value.get("reply_to") is None else f"{REPLY} " if answered is None else f"{REPLY}#{answered} "
    if value["type"] in ("text", "tips"):
        return mark + printable(value["text"])
    return f"{mark}[{value['type']}] {printable(str(value.get('name') or value.get('url') or ''))}".rstrip()


def _clock(at_ms: int) -> str:
    return time.strftime("%H:%M", time.localtime(at_ms / 1_000))
