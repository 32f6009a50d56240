"""The conversation the demo starts with, said through the same write path as any other."""

from sixin.core import commands
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.core.wire.codec import encode
from sixin.server.auth import Tokens
from sixin.server.store.writer import Writer

USERS = {1001: "安娜 Ann", 1002: "波波 Bob"}

TOKEN_TTL_S = 7 * 86_400

_ANN, _BOB = (Uid(uid) for uid in USERS)

TALK = (
    (_ANN, "你好，波波！This is Sixin 私信."),
    (_BOB, "你好！Everything you say stands in one timeline that we share."),
    (_ANN, "And each of us has a list of our own, with exact unread counts."),
    (_BOB, "Say something: it appears on the other side at once."),
    (_BOB, "Then recall it, cut the link, or open the inspector and see why nothing is lost."),
)


async def talk(writer: Writer) -> None:
    """Say it. The idempotency key makes a second start say nothing new."""
    session_id = pair_session_id(_ANN, _BOB)
    for seq_id, (sender, text) in enumerate(TALK, 1):
        content = canonical(encode({"type": "text", "text": text}))
        await writer.change(commands.Send(sender, session_id, seq_id, content.encoded, content.digest))


def demo_users(tokens: Tokens, *, now_s: float) -> bytes:
    """Both users with their tokens: the body of `/demo.json`."""
    users = [
        {"uid": str(uid), "name": name, "token": tokens.mint(Uid(uid), now_s=now_s, ttl_s=TOKEN_TTL_S)}
        for uid, name in USERS.items()
    ]
    return encode({"users": users})
