"""The HTTP door: `POST /v1/<operation>` with a bearer token, through the same dispatch; and what operators ask."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from sixin.core import commands, errors
from sixin.core.contact import Contact, Profile
from sixin.core.ids import pair_members, parse_session_id, parse_uid
from sixin.core.limits import FRAME_BYTES_MAX, PAGE_CONTACTS_MAX, PAGE_MESSAGES_MAX
from sixin.core.wire.bodies import (
    OPERATIONS,
    InspectedContact,
    InspectSessionAnswer,
    InspectUserAnswer,
    RevokeAnswer,
    RevokeBody,
    SessionView,
    UserBody,
    UserView,
)
from sixin.core.wire.codec import decode_as, encode, encode_error
from sixin.core.wire.views import contact_view, message_view
from sixin.server.auth import Identity, Tokens
from sixin.server.gateway.dispatch import Dispatch
from sixin.server.gateway.origin import Origins
from sixin.server.gateway.pages import Pages
from sixin.server.gateway.websocket import bearer
from sixin.server.operations.actor import Actor
from sixin.server.store.base import Store
from sixin.server.store.writer import Writer

log = logging.getLogger(__name__)

STATUS: Final = {
    "bad_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_late": 409,
    "too_large": 413,
    "rate_limited": 429,
    "unavailable": 503,
    "internal": 500,
}

BODY_TIMEOUT_S: Final = 15.0
"""A body has at most 128 KiB; a line that needs longer for it is broken, or holds us on purpose."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Operator(Struct, frozen=True):
    """What the door asks the node about itself; what is called returns at once."""

    ready: Callable[[], str | None]
    """None when the node can serve, else why not."""
    metrics: Callable[[], bytes]
    openapi: bytes
    asyncapi: bytes
    demo: bytes | None = None
    """The two demo users and their tokens, in demo mode only."""


class HttpDoor:
    """Every route of one node."""

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        writer: Writer,
        store: Store,
        tokens: Tokens,
        origins: Origins,
        operator: Operator,
        now_s: Callable[[], float],
    ) -> None:
        self._dispatch = dispatch
        self._writer = writer
        self._store = store
        self._tokens = tokens
        self._origins = origins
        self._operator = operator
        self._now_s = now_s

    def application(self) -> web.Application:
        """The routes, with every error as the documented object."""
        app = web.Application(client_max_size=FRAME_BYTES_MAX, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/v1/openapi.json", self._openapi),
                web.get("/v1/asyncapi.json", self._asyncapi),
                web.get("/demo.json", self._demo),
                web.post("/v1/admin/users", self._put_user),
                web.post("/v1/admin/revoke", self._revoke),
                web.get("/v1/admin/inspect/session/{session_id}", self._inspect_session),
                web.get("/v1/admin/inspect/user/{uid}", self._inspect_user),
                web.post("/v1/{operation:[a-z_]+}", self._operate),
                web.get("/{path:(?!v1/).*}", Pages().serve),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn what is raised into the documented error, and answer foreign origins that are allowed."""
        origin = request.headers.get("Origin")
        if not self._origins.allows(origin, request.headers.get("Host")):
            return self._refused(errors.Forbidden("Pages of this origin may not ask."))
        try:
            response = _preflight() if request.method == "OPTIONS" else await handler(request)
        except errors.SixinError as error:
            response = self._refused(error)
        except web.HTTPNotFound:
            response = self._refused(errors.NotFound())
        except web.HTTPMethodNotAllowed as refused:
            allowed = ", ".join(sorted(refused.allowed_methods))
            response = self._refused(errors.BadRequest(f"This path takes {allowed}."))
            response.set_status(405)
            response.headers["Allow"] = allowed
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:
            log.exception("http_request_failed", extra={"path": request.path[:128]})
            response = self._refused(errors.Internal())
        if origin is not None and not response.prepared:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = ", ".join(filter(None, (response.headers.get("Vary"), "Origin")))
        return response

    def _refused(self, error: errors.SixinError) -> web.Response:
        self._dispatch.count_refusal(error.code)
        return _refusal(error)

    def _identity(self, request: web.Request) -> Identity:
        header = request.headers.get("Authorization")
        if header is None:
            raise errors.Unauthenticated
        return self._tokens.check(bearer(header), now_s=self._now_s())

    async def _body(self, request: web.Request, identity: Identity) -> bytes:
        """The whole body, from somebody whose token has outlasted it."""
        body = await _body_of(request)
        self._tokens.refuse_ended(identity, now_s=self._now_s())
        return body

    async def _operate(self, request: web.Request) -> web.Response:
        identity = self._identity(request)
        operation = request.match_info["operation"]
        if operation not in OPERATIONS:
            raise errors.NotFound(f"There is no operation {operation[:32]!r}.")
        body = await self._body(request, identity)
        actor = Actor(identity.uid, identity.device_id or "", moderator=identity.role == "admin")
        try:
            answer = await self._dispatch.call(actor, operation, body or b"{}")
        except errors.SixinError as error:  # the dispatch has counted it
            return _refusal(error)
        self._tokens.withhold_from_ended(identity, now_s=self._now_s())
        return _json(answer)

    # For operators.

    async def _healthz(self, request: web.Request) -> web.Response:
        """The process answers."""
        return _json(b'{"status":"ok"}')

    async def _readyz(self, request: web.Request) -> web.Response:
        """The node can serve: 200, or 503 with why not."""
        why_not = self._operator.ready()
        if why_not is None:
            return _json(b'{"status":"ready"}')
        return _json(json.dumps({"status": "not ready", "reason": why_not}).encode(), status=503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._operator.metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _openapi(self, request: web.Request) -> web.Response:
        return _json(self._operator.openapi)

    async def _asyncapi(self, request: web.Request) -> web.Response:
        return _json(self._operator.asyncapi)

    async def _demo(self, request: web.Request) -> web.Response:
        if self._operator.demo is None:
            raise errors.NotFound
        return _json(self._operator.demo)

    def _admin(self, request: web.Request) -> Identity:
        identity = self._identity(request)
        if identity.role != "admin":
            raise errors.Forbidden("This needs an admin's token.")
        return identity

    def _inspector(self, request: web.Request) -> Identity:
        """The inspector is for admins; in demo mode for the demo's users too."""
        return self._admin(request) if self._operator.demo is None else self._identity(request)

    async def _put_user(self, request: web.Request) -> web.Response:
        """Register a user, or change what is known about one."""
        identity = self._admin(request)
        body = decode_as(UserBody, await self._body(request, identity))
        profile = Profile(parse_uid(body.uid), body.kind, body.name, body.avatar)
        await self._writer.change(commands.PutProfile(profile))
        return _json(encode(body))

    async def _revoke(self, request: web.Request) -> web.Response:
        """Believe no token of a user issued up to now, and end the connections that stand on one."""
        identity = self._admin(request)
        uid = parse_uid(decode_as(RevokeBody, await self._body(request, identity)).uid)
        # A token says in whole seconds when it was issued: one of this second may be older than this request.
        decision = await self._writer.change(commands.RevokeTokens(uid, int(self._now_s()) + 1))
        assert isinstance(decision.answer, Profile)  # noqa: S101 - what this command is answered with
        return _json(encode(RevokeAnswer(str(uid), decision.answer.tokens_from_s)))

    async def _inspect_session(self, request: web.Request) -> web.Response:
        """A session as it is stored: its head, its newest messages, every member's contact."""
        identity = self._inspector(request)
        session_id = parse_session_id(request.match_info["session_id"])
        session = await self._store.session(session_id)
        messages = await self._store.messages(session_id, before_sort_key=None, limit=PAGE_MESSAGES_MAX)
        contacts = [await self._store.contact(member, session_id) for member in pair_members(session_id)]
        self._tokens.withhold_from_ended(identity, now_s=self._now_s())
        answer = InspectSessionAnswer(
            SessionView(session_id, session.version_id, session.last_ordinal, str(session.last_msg_id)),
            [message_view(message) for message in reversed(messages)],
            [_inspected(contact) for contact in contacts if contact is not None],
        )
        return _json(encode(answer))

    async def _inspect_user(self, request: web.Request) -> web.Response:
        """A user as stored: his head and his newest contacts."""
        identity = self._inspector(request)
        uid = parse_uid(request.match_info["uid"])
        head = await self._store.user(uid)
        page = await self._store.pull_contacts(
            uid, after_version=max(0, head.version_id - PAGE_CONTACTS_MAX), limit=PAGE_CONTACTS_MAX
        )
        self._tokens.withhold_from_ended(identity, now_s=self._now_s())
        answer = InspectUserAnswer(
            UserView(str(uid), head.version_id, head.unread_total),
            [_inspected(contact) for contact in page.contacts],
        )
        return _json(encode(answer))


async def _body_of(request: web.Request) -> bytes:
    """The whole body. Raises `TooLarge`, and `BadRequest` for one that is packed, broken or does not come in time."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise errors.BadRequest("Send the body as it is: its limit holds little enough without packing.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.read()
            body.decode()  # the decoder does not look into the fields it skips
            return body
    except TimeoutError:
        raise errors.BadRequest(f"The body did not come within {BODY_TIMEOUT_S:.0f} s.") from None
    except web.HTTPRequestEntityTooLarge:
        raise errors.TooLarge(f"A body has at most {FRAME_BYTES_MAX} bytes.") from None
    except web.RequestPayloadError:
        raise errors.BadRequest("The body is broken.") from None
    except UnicodeDecodeError:
        raise errors.BadRequest("The body must be UTF-8.") from None


def _inspected(contact: Contact) -> InspectedContact:
    return InspectedContact(**msgspec.structs.asdict(contact_view(contact)), last_seq_id=contact.last_seq_id)


def _preflight() -> web.Response:
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "86400",
        },
    )


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _refusal(error: errors.SixinError) -> web.Response:
    response = _json(encode_error(error), STATUS[error.code])
    if isinstance(error, errors.RateLimited):
        response.headers["Retry-After"] = str(-(-error.retry_after_ms // 1_000))
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
