"""What people are shown of a message and of a contact: every field of the design, ids as text, numbers as numbers."""

import json
from typing import Any

from msgspec import Raw

from sixin.core import commands
from sixin.core.contact import Contact
from sixin.core.ids import pair_session_id
from sixin.core.wire import codec
from sixin.core.wire.bodies import OPERATIONS, ContactView, MessageView
from sixin.core.wire.views import contact_view, message_view
from tests.core.truth import ANN, BOB, Truth

SESSION = pair_session_id(ANN, BOB)


def shown(view: MessageView | ContactView) -> dict[str, Any]:
    encoded = codec.encode(view)
    codec.decode_as(type(view), encoded)  # what a device does with it: it holds to its own schema
    decoded: dict[str, Any] = json.loads(encoded)
    return decoded


def test_a_message_is_shown_whole() -> None:
    message = Truth().send(ANN, BOB, "你好", seq_id=2**53 - 1)
    assert shown(message_view(message)) == {
        "msg_id": str(message.msg_id),
        "session_id": "1001:1002",
        "sender": "1001",
        "seq_id": 2**53 - 1,
        "ordinal": 1,
        "version_id": 1,
        "sort_key": 1,
        "status": "normal",
        "content": {"type": "text", "text": "你好"},
        "sent_at_ms": message.sent_at_ms,
        "changed_at_ms": message.changed_at_ms,
    }


def test_a_recalled_message_is_shown_without_content_also_as_a_preview() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(commands.Recall(ANN, SESSION, message.msg_id))
    view = shown(contact_view(truth.contact(BOB, ANN)))
    assert view["last_message"]["content"] is None
    assert view["last_message"]["status"] == "recalled"
    assert view["last_message"] == shown(message_view(truth.message(message.msg_id)))


def test_a_contact_is_shown_whole_and_what_is_internal_is_not() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(commands.Pin(BOB, SESSION, True))
    truth.do(commands.Label(BOB, SESSION, ("work", "家")))
    truth.do(commands.Read(BOB, SESSION, message.msg_id))
    contact = truth.contact(BOB, ANN)
    assert shown(contact_view(contact)) == {
        "session_id": "1001:1002",
        "owner": "1002",
        "peer": "1001",
        "version_id": 4,
        "sort_key": 1 + 2**52,
        "last_msg_id": str(message.msg_id),
        "last_message": shown(message_view(message)),
        "last_del_msg_id": "0",
        "last_read_msg_id": str(message.msg_id),
        "peer_read_msg_id": "0",
        "unread": 0,
        "pinned": True,
        "muted": False,
        "labels": ["work", "家"],
        "status": "normal",
        "peer_ack": True,
        "message_version": 1,
        "hidden_version": 0,
    }


def test_a_preview_that_is_already_encoded_is_the_same_preview() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    contact = truth.contact(BOB, ANN)
    encoded = Raw(codec.encode(message_view(message)))
    assert codec.encode(contact_view(contact, encoded)) == codec.encode(contact_view(contact))


def test_an_empty_line_has_no_preview() -> None:
    assert shown(contact_view(Contact(ANN, SESSION, BOB)))["last_message"] is None


def test_every_operation_says_in_one_line_what_it_does() -> None:
    for name, operation in OPERATIONS.items():
        assert operation.name == name
        assert operation.summary.endswith((".", ")."))
        assert "\n" not in operation.summary
