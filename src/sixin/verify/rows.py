"""Rows as evidence: one row of somebody's state, where the whole of it would show no more."""

import msgspec
from msgspec import Raw

from sixin.verify.history import Row
from sixin.verify.seen import Contact, Message

_encode = msgspec.json.Encoder().encode


def row_of(of: str, row: Message | Contact | None) -> Row:
    """A row as evidence; `of` says whose it is."""
    return Row(of, Raw(_encode(row)))
