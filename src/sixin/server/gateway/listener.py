"""One port for HTTP and WebSocket: reads the head of a connection's first request and gives the connection away."""

import asyncio
import logging
import socket as sockets
import ssl as tls
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import web

from sixin.server.gateway.deadlines import Deadlines
from sixin.server.gateway.framing import GOING_AWAY
from sixin.server.gateway.handshake import (
    WEBSOCKET_PATH,
    Refused,
    UpgradeRequest,
    accepting_answer,
    asks_for_websocket,
    read_upgrade,
    refusal,
    refusing_answer,
)
from sixin.server.gateway.limits import ListenerLimits
from sixin.server.gateway.socket import Socket, SocketHandler, end_writing

__all__ = [
    "Accepted",
    "Listener",
    "ListenerLimits",
    "Refused",
    "Socket",
    "SocketHandler",
    "UpgradeRequest",
    "listen",
]

log = logging.getLogger(__name__)

SUBPROTOCOLS: Final = ("sixin.v1.json",)
"""Spoken here; the first is assumed of a client that offers none."""

BACKLOG: Final = 4096
"""Connections the kernel holds for us: a second of a whole town reconnecting. The kernel's somaxconn may lower it."""

HEAD_END: Final = b"\r\n\r\n"
TELL_TO_UPGRADE: Final = refusal(
    HTTPStatus.UPGRADE_REQUIRED,
    "bad_request",
    f"{WEBSOCKET_PATH} is a WebSocket: ask for the upgrade",
    ("Upgrade", "websocket"),
)

UNREADABLE: Final = refusal(HTTPStatus.BAD_REQUEST, "bad_request", "this is no request that can be read as HTTP/1.1")
UNEXPECTED: Final = refusal(
    HTTPStatus.EXPECTATION_FAILED, "bad_request", "nothing but 100-continue can be expected here"
)
FAILED: Final = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "internal error")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client may speak with this handler."""

    handler: SocketHandler


UpgradeDecision = Accepted | Refused
Upgrade = Callable[[UpgradeRequest], UpgradeDecision]


async def listen(
    *,
    host: str,
    port: int,
    http: web.Application,
    upgrade: Upgrade,
    limits: ListenerLimits | None = None,
    ssl: tls.SSLContext | None = None,
    subprotocols: Sequence[str] = SUBPROTOCOLS,
    opened: sockets.socket | None = None,
) -> "Listener":
    """Serve `http` and, at `GET /v1/ws`, WebSocket on one port; port 0 takes a free one. `opened`: a port that listens
    already, and is perhaps shared with other processes, instead of `host` and `port`.

    The application is started here and cleaned up by `Listener.close`. `upgrade` is asked only about correct
    handshakes and must not block; what it raises becomes a 500. Raises OSError when the port cannot be had.
    """
    listener = Listener(upgrade, limits or ListenerLimits(), tuple(subprotocols))
    await listener.start(host, port, http, ssl, opened)
    return listener


class Listener:
    """The open port and its connections. Made by `listen`."""

    def __init__(self, upgrade: Upgrade, limits: ListenerLimits, subprotocols: Sequence[str]) -> None:
        self.limits = limits
        self.subprotocols = subprotocols
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self._upgrade = upgrade
        self._firsts: set[FirstRequest] = set()
        self._sockets: set[Socket] = set()
        self._no_sockets = asyncio.Event()
        self._no_sockets.set()
        self._all_answered: asyncio.Event | None = None
        self._runner: web.AppRunner
        self._http: HttpServer
        self._server: asyncio.Server | None = None
        self._addresses: tuple[tuple[str, int], ...] = ()

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Each address and port it was opened on."""
        return self._addresses

    @property
    def port(self) -> int:
        """The port of the first address."""
        return self._addresses[0][1]

    @property
    def connections(self) -> int:
        """Open TCP connections of all kinds."""
        return len(self._firsts) + len(self._sockets) + self._http.connections_open

    async def start(
        self,
        host: str,
        port: int,
        http: web.Application,
        ssl: tls.SSLContext | None,
        opened: sockets.socket | None = None,
    ) -> None:
        """Open the port; `listen` calls it once."""
        self._runner = web.AppRunner(http)
        await self._runner.setup()
        try:
            self._http = HttpServer(cast("web.Server", self._runner.server).request_handler, self)
            serve = partial(
                asyncio.get_running_loop().create_server,
                lambda: FirstRequest(self),
                ssl=ssl,
                ssl_handshake_timeout=self.limits.handshake_timeout_s if ssl else None,
                backlog=BACKLOG,
            )
            self._server = await (serve(host, port) if opened is None else serve(sock=opened))
        except BaseException:
            self.deadlines.stop()
            await self._runner.cleanup()
            raise
        self._addresses = tuple(open_socket.getsockname()[:2] for open_socket in self._server.sockets)

    def stop_accepting(self) -> None:
        """Close the port. WebSockets go on; an HTTP connection ends with its answer, or at once where none is asked.

        So whoever keeps connections, a balancer for one, takes his next request to another node, and has it not
        refused here.
        """
        if self._server is not None:
            self._server.close()
            self._http.end_kept()

    async def answered(self, *, within_s: float) -> None:
        """Wait until everybody who was let in has asked something, and every HTTP request is answered."""
        self._all_answered = asyncio.Event()
        self.note_answered()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._all_answered.wait()

    async def close(self, code: int = GOING_AWAY, reason: str = "the server goes away") -> None:
        """Close the port and every connection, and clean the application up. A second call does nothing.

        WebSockets get `code` and `close_timeout_s` to answer, running HTTP requests as long to finish.
        """
        if self._server is None:
            return
        self.stop_accepting()
        self._server = None
        for first in list(self._firsts):
            first.abort()
        for socket in list(self._sockets):
            socket.close(code, reason)
        self._http.pre_shutdown()
        await asyncio.gather(self._sockets_ended(), self._http.shutdown(self.limits.close_timeout_s))
        self.deadlines.stop()
        await self._runner.cleanup()

    async def _sockets_ended(self) -> None:
        # Each socket keeps its own time and aborts itself; the second timeout is for the tick and the last callback.
        try:
            async with asyncio.timeout(self.limits.close_timeout_s + 1):
                await self._no_sockets.wait()
        except TimeoutError:
            for socket in list(self._sockets):
                socket.abort()

    # From here on: called by the first requests and the HTTP side.

    def note_answered(self) -> None:
        if self._all_answered is not None and not self._firsts and not self._http.unanswered:
            self._all_answered.set()

    def is_full(self) -> bool:
        return self.connections >= self.limits.connections_max

    def hold(self, first: "FirstRequest") -> None:
        self._firsts.add(first)
        self.deadlines.set(first, self.limits.handshake_timeout_s)

    def release(self, first: "FirstRequest") -> None:
        self._firsts.discard(first)
        self.deadlines.cancel(first)
        self.note_answered()

    def give_to_http(self, transport: asyncio.Transport, data: bytes) -> None:
        protocol = self._http()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def take_from_http(self, request: web.BaseRequest) -> None:
        """An upgrade on a kept-alive connection, as proxies and clients with a pool of connections ask for it."""
        protocol, transport = request.protocol, request.transport
        if transport is None:
            return
        lines = [f"{request.method} {request.raw_path} HTTP/{request.version.major}.{request.version.minor}".encode()]
        lines += [name + b": " + value for name, value in request.raw_headers]
        # For aiohttp the connection is lost: it lets go of it, and must not close it.
        protocol.transport = None
        protocol.connection_lost(None)
        first = FirstRequest(self)
        transport.set_protocol(first)
        first.connection_made(transport)
        first.data_received(b"\r\n".join(lines) + HEAD_END)

    def decide(self, request: UpgradeRequest) -> UpgradeDecision:
        try:
            return self._upgrade(request)
        except Exception:
            log.exception("an upgrade could not be decided")
            return FAILED

    def give_to_websocket(
        self, transport: asyncio.Transport, request: UpgradeRequest, handler: SocketHandler, rest: bytes
    ) -> None:
        socket = Socket(request, handler, limits=self.limits, deadlines=self.deadlines, forget=self._forget)
        self._sockets.add(socket)
        self._no_sockets.clear()
        transport.write(accepting_answer(request))
        transport.set_protocol(socket)
        socket.connection_made(transport)
        # An eager client may have sent frames behind its head.
        if rest:
            socket.data_received(rest)

    def _forget(self, socket: Socket) -> None:
        self._sockets.discard(socket)
        if not self._sockets:
            self._no_sockets.set()


class FirstRequest(asyncio.Protocol):
    """Holds a connection until the head of its first request is there, bounded in bytes and in time."""

    __slots__ = ("_head", "_listener", "_refused", "_transport", "due_tick")

    def __init__(self, listener: Listener) -> None:
        self.due_tick = 0
        self._listener = listener
        self._head = bytearray()
        self._refused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        full = self._listener.is_full()
        self._listener.hold(self)
        if full:
            self._refuse(refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "too many connections"))

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        searched = max(0, len(self._head) - len(HEAD_END) + 1)
        self._head += data
        # A method is written in capitals. What starts otherwise (TLS, say) would only sit out its time.
        if not 0x41 <= self._head[0] <= 0x5A:
            self._refuse(refusal(HTTPStatus.BAD_REQUEST, "bad_request", "this port speaks HTTP/1.1"))
            return
        end = self._head.find(HEAD_END, searched)
        if (end if end >= 0 else len(self._head)) > self._listener.limits.http_header_max_bytes:
            self._refuse(
                refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large", "the head of the request is too big")
            )
            return
        if end >= 0:
            self._give_away(bytes(self._head[:end]), bytes(self._head))

    def eof_received(self) -> None:
        # None: the transport closes itself. Nobody is there to read an answer.
        return

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.release(self)

    def overdue(self) -> None:
        """The head, or the end after a refusal, takes too long."""
        if self._refused:
            self.abort()
            return
        self._refuse(refusal(HTTPStatus.REQUEST_TIMEOUT, "bad_request", "the head of the request took too long"))

    def abort(self) -> None:
        self._transport.abort()

    def _give_away(self, head: bytes, data: bytes) -> None:
        if not asks_for_websocket(head):
            self._listener.give_to_http(self._transport, data)
            self._listener.release(self)
            return

        request = read_upgrade(head, _remote(self._transport), self._listener.subprotocols)
        if isinstance(request, Refused):
            self._refuse(request)
            return
        decision = self._listener.decide(request)
        if isinstance(decision, Refused):
            self._refuse(decision)
            return
        self._listener.release(self)
        rest = data[len(head) + len(HEAD_END) :]
        self._listener.give_to_websocket(self._transport, request, decision.handler, rest)

    def _refuse(self, refused: Refused) -> None:
        self._refused = True
        self._head.clear()
        self._transport.write(refusing_answer(refused))
        end_writing(self._transport)
        self._listener.deadlines.set(self, self._listener.limits.close_timeout_s)


def _remote(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpServer(web.Server):
    """The plain HTTP side: the application behind our limits, and its open connections counted."""

    def __init__(self, handler: Handler, listener: Listener) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            self.unanswered.add(request.protocol)
            response = await outside_websocket(request)
            if self._ending:
                response.force_close()
            return response

        async def outside_websocket(request: web.BaseRequest) -> web.StreamResponse:
            if request.path != WEBSOCKET_PATH:
                try:
                    return await handler(request)
                except web.HTTPExpectationFailed:  # before the application is asked, and so past its errors
                    return _response_of(UNEXPECTED)
            if request.method != "GET" or "Upgrade" not in request.headers:
                return _response_of(TELL_TO_UPGRADE)
            listener.take_from_http(request)
            return web.Response()  # goes nowhere: aiohttp has no connection any more

        limits = listener.limits
        loop = asyncio.get_running_loop()

        # Any: aiohttp hands us its own parts for its own class; their types are not exported.
        def make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.Request:
            return web.Request(
                message, payload, protocol, writer, task, loop, client_max_size=limits.http_body_max_bytes
            )

        line_max_bytes = limits.http_header_max_bytes // 2
        super().__init__(
            answer,
            request_factory=make_request,
            access_log=None,
            keepalive_timeout=limits.http_keepalive_s,
            auto_decompress=False,  # a kilobyte can hold megabytes
            max_line_size=line_max_bytes,
            max_field_size=line_max_bytes,
        )
        self.connections_open = 0
        self.unanswered: set[web.RequestHandler] = set()
        """Connections whose request is being read or answered."""
        self._ending = False
        self._listener = listener

    def end_kept(self) -> None:
        """From now on a connection ends with its answer. Those that wait for a next request end now."""
        self._ending = True
        for handler in self.connections:
            if handler not in self.unanswered:
                handler.force_close()

    def __call__(self) -> web.RequestHandler:
        """One connection more."""
        return HttpRequests(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        self.connections_open += 1
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self.connections_open -= 1
        super().connection_lost(handler, exc)
        self.note_answered(handler)

    def note_answered(self, handler: web.RequestHandler) -> None:
        """Nothing is asked on this connection now."""
        self.unanswered.discard(handler)
        self._listener.note_answered()


class HttpRequests(web.RequestHandler):
    """The requests of one connection. What aiohttp refuses before anybody is asked, it refuses in our words."""

    def __init__(self, server: HttpServer, *, loop: asyncio.AbstractEventLoop, **limits: Any) -> None:
        super().__init__(server, loop=loop, **limits)
        self._server = server

    def data_received(self, data: bytes) -> None:
        """The beginning of a request, or more of one."""
        self._server.unanswered.add(self)
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """The answer, to its last byte."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._server.note_answered(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read, or failed outside of the application; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer has left already")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # Not logged: strangers would write our log.
            return _response_of(UNREADABLE)
        # Whoever hangs up in the middle of his body is no failure of ours.
        if not isinstance(exc, ConnectionError):
            log.error("http_request_failed", exc_info=exc, extra={"path": request.path[:128]})
        return _response_of(FAILED)


def _response_of(refused: Refused) -> web.Response:
    response = web.Response(
        status=refused.status, body=refused.body, headers=dict(refused.headers), content_type="application/json"
    )
    response.force_close()
    return response
