"""Our own listener with nothing behind it: python -m bench.null_server echo|answer.

`echo` sends every frame back. `answer` sends what a send is answered with: the acknowledgement to its sender, and two
notices to each of the two users, as large as the real ones. What this reaches, no rule and no store can pass.
"""

import asyncio
import sys
from itertools import cycle

from aiohttp import web

from sixin.bench.traffic import text_content
from sixin.server.gateway.listener import Accepted, Socket, UpgradeDecision, UpgradeRequest, listen

MESSAGE = (
    b'{"msg_id":"2821937300000010001","session_id":"1000001:1000002","sender":"1000001","seq_id":28219373000001,'
    b'"ordinal":1,"version_id":1,"sort_key":1,"status":"normal","content":%b,'
    b'"sent_at_ms":1795443573000,"changed_at_ms":1795443573000}' % text_content(100)
)
MESSAGE_NOTICE = b'{"notice":"message","session_id":"1000001:1000002","version_id":1,"message":%b}' % MESSAGE
CONTACT_NOTICE = (
    b'{"notice":"contact","version_id":1,"contact":{"session_id":"1000001:1000002","owner":"1000001","peer":"1000002",'
    b'"version_id":1,"sort_key":1,"last_msg_id":"2821937300000010001","last_message":%b,"last_del_msg_id":"0",'
    b'"last_read_msg_id":"0","peer_read_msg_id":"0","unread":1,"pinned":false,"muted":false,"labels":[],'
    b'"status":"normal","peer_ack":true,"message_version":1,"hidden_version":0}}' % MESSAGE
)


class Echo:
    """Sends back what came; a hello gets an answer, so that the load generator begins."""

    def __init__(self) -> None:
        self._socket: Socket

    def opened(self, socket: Socket) -> None:
        self._socket = socket

    def received(self, payload: bytes) -> None:
        if payload.find(b'"op":"hello"', 0, 40) > 0:
            self._socket.write([b'{"id":1,"ok":{}}'])
        else:
            self._answer(payload)

    def _answer(self, payload: bytes) -> None:
        # The echo of a request is no answer, so its number comes back in an answer's shape and at its own size.
        self._socket.write([b'{"id":%b,"ok":{"msg_id":"0"},%b' % (payload[6 : payload.index(b",", 6)], payload[48:])])

    def writable(self) -> None: ...

    def closed(self, code: int, reason: str) -> None: ...


class Answer(Echo):
    """Sends what a send is answered with; the connections stand in a ring, and each one's peer is the next."""

    def __init__(self, peers: "Peers") -> None:
        super().__init__()
        self._peers = peers

    def opened(self, socket: Socket) -> None:
        super().opened(socket)
        self._peers.join(socket)

    def _answer(self, payload: bytes) -> None:
        number = payload[6 : payload.index(b",", 6)]
        self._peers.put(
            self._socket, [b'{"id":%b,"ok":{"message":%b}}' % (number, MESSAGE), MESSAGE_NOTICE, CONTACT_NOTICE]
        )
        self._peers.put(self._peers.next(), [MESSAGE_NOTICE, CONTACT_NOTICE])


class Peers:
    """Writes once per connection and turn of the loop, as the real server does."""

    def __init__(self) -> None:
        self._sockets: list[Socket] = []
        self._nth = cycle(range(1 << 30))
        self._waiting: dict[Socket, list[bytes]] = {}

    def join(self, socket: Socket) -> None:
        self._sockets.append(socket)

    def next(self) -> Socket:
        return self._sockets[next(self._nth) % len(self._sockets)]

    def put(self, socket: Socket, payloads: list[bytes]) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.setdefault(socket, []).extend(payloads)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for socket, payloads in waiting.items():
            socket.write(payloads)


async def main(kind: str) -> None:
    """Serve until killed."""
    peers = Peers()

    def upgrade(_: UpgradeRequest) -> UpgradeDecision:
        return Accepted(Echo() if kind == "echo" else Answer(peers))

    listener = await listen(host="127.0.0.1", port=0, http=web.Application(), upgrade=upgrade)
    print(f"serves at http://127.0.0.1:{listener.port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
