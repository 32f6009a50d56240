"""Messages: say, take back, delete."""

from sixin.core import commands
from sixin.core.content import canonical
from sixin.core.ids import MsgId, parse_msg_id
from sixin.core.wire.bodies import DeleteBody, RecallBody, SendBody
from sixin.server.operations.actor import Actor, session_named


def send(actor: Actor, body: SendBody) -> commands.Send:
    """Say something. The sender is whoever the token says."""
    session_id = session_named(actor, body)
    content = canonical(body.content)
    return commands.Send(actor.uid, session_id, body.seq_id, content.encoded, content.digest)


def recall(actor: Actor, body: RecallBody) -> commands.Recall:
    """Take one's message back."""
    return commands.Recall(actor.uid, session_named(actor, body), parse_msg_id(body.msg_id))


def delete(actor: Actor, body: DeleteBody) -> commands.DeleteForMe | commands.DeleteForAll:
    """Delete messages for oneself or for all. A message that is named twice counts once."""
    session_id = session_named(actor, body)
    msg_ids: tuple[MsgId, ...] = tuple(dict.fromkeys(parse_msg_id(text) for text in body.msg_ids))
    if body.scope == "all":
        return commands.DeleteForAll(actor.uid, session_id, msg_ids, actor.moderator)
    return commands.DeleteForMe(actor.uid, session_id, msg_ids)
