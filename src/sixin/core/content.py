"""What a message says: typed objects, unknown fields kept, one canonical encoding.

Canonical means: keys sorted, no white space, no repeated key. Two spellings of one content are one content, so a
retry through another door is recognised, and nobody reads a repeated key differently from the server. A number keeps
its value and its kind: `1e2` is `100.0`, and is not `100`.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from sixin.core import errors
from sixin.core.ids import ID_PATTERN, parse_positive, whole
from sixin.core.limits import CONTENT_BYTES_MAX, CONTENT_DEPTH_MAX, FRAME_BYTES_MAX, URL_CHARS_MAX

Url = Annotated[str, Meta(min_length=1, max_length=URL_CHARS_MAX, description="Where the bytes are.")]
Bytes = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Size in bytes.")]
Pixels = Annotated[int, Meta(ge=1, le=100_000, description="Pixels.")]
DurationMs = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Milliseconds.")]
ShortText = Annotated[str, Meta(max_length=1_024)]
ReplyTo = Annotated[str, Meta(pattern=whole(ID_PATTERN), description="The message of this session that this answers.")]


class Said(Struct, frozen=True, kw_only=True):
    """What every content may say."""

    reply_to: ReplyTo | None = None
    """A `msg_id`. Its form is checked and no more: what one may not see is looked up by nobody but its reader."""


class Text(Said, tag="text", frozen=True):
    """Words."""

    text: Annotated[str, Meta(min_length=1, description="At least one character; the size limit is the content's.")]


class Image(Said, tag="image", frozen=True):
    """A picture."""

    url: Url
    width: Pixels | None = None
    height: Pixels | None = None
    size_bytes: Bytes | None = None
    thumbnail_url: Url | None = None


class Audio(Said, tag="audio", frozen=True):
    """A recording."""

    url: Url
    duration_ms: DurationMs | None = None
    size_bytes: Bytes | None = None


class Video(Said, tag="video", frozen=True):
    """A film."""

    url: Url
    duration_ms: DurationMs | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    size_bytes: Bytes | None = None
    thumbnail_url: Url | None = None


class File(Said, tag="file", frozen=True):
    """Any file."""

    url: Url
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size_bytes: Bytes | None = None
    media_type: Annotated[str, Meta(max_length=255)] | None = None


class Location(Said, tag="location", frozen=True):
    """A place, in WGS 84 degrees."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    name: ShortText | None = None
    address: ShortText | None = None


class Card(Said, tag="card", frozen=True):
    """Somebody's name card."""

    uid: Annotated[str, Meta(pattern=whole(ID_PATTERN))]
    name: ShortText | None = None
    avatar: Url | None = None


class Custom(Said, tag="custom", frozen=True):
    """The application's own: `kind` says which, `data` is its business."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    data: Any = None


class Tips(Said, tag="tips", frozen=True):
    """A line about the conversation, shown in its middle: "you are friends now"."""

    text: Annotated[str, Meta(min_length=1)]


Content = Text | Image | Audio | Video | File | Location | Card | Custom | Tips

_to_typed = msgspec.json.Decoder(Content)
_to_any = msgspec.json.Decoder()
_sorted = msgspec.json.Encoder(order="sorted")


_TOO_DEEP = f"A content has at most {CONTENT_DEPTH_MAX} levels of objects and lists."


class Canonical(Struct, frozen=True, gc=False):
    """A content that was checked: its canonical JSON, and the digest that recognises it after it is gone."""

    encoded: bytes
    digest: bytes


def canonical(raw: bytes | bytearray | memoryview | msgspec.Raw) -> Canonical:
    """Check a content as it came and bring it to its canonical form.

    Raises `BadRequest` for what is not one of the types, `TooLarge` above 16 KiB or 32 levels.
    """
    if len(raw) > FRAME_BYTES_MAX:  # no door lets it through; whoever calls from elsewhere must not pay for parsing it
        raise errors.TooLarge(f"A content has at most {CONTENT_BYTES_MAX} bytes.")
    try:
        typed = _to_typed.decode(raw)
        value = _to_any.decode(raw)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(f"content: {error}.") from None
    except RecursionError:
        raise errors.TooLarge(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.BadRequest(f"content is not JSON: {error}.") from None

    if isinstance(typed, Card):
        parse_positive(typed.uid, "The uid of a card")
    if typed.reply_to is not None:
        parse_positive(typed.reply_to, "The reply_to of a content")
    if not isinstance(typed, Text) or len(value) > 2:  # {"type", "text"} alone cannot be deep
        _refuse_deep(value)
    encoded = _sorted.encode(value)
    if len(encoded) > CONTENT_BYTES_MAX:
        raise errors.TooLarge(f"A content has at most {CONTENT_BYTES_MAX} bytes in its canonical encoding.")
    return Canonical(encoded, blake2b(encoded, digest_size=16).digest())


def _refuse_deep(value: object) -> None:
    level = [value]
    for _ in range(CONTENT_DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise errors.TooLarge(_TOO_DEEP)


def _inside(outer: Any) -> Iterable[object]:
    inside: Iterable[object] = outer.values() if isinstance(outer, dict) else outer
    return inside
