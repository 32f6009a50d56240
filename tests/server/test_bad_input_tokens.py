"""Tokens that must not open a door: not through the header, not through the hello, not a little."""

import base64
import hashlib
import hmac
import json
from typing import Any

import aiohttp
import pytest

from tests.server.house import SECRET, House

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512, "RS256": hashlib.sha256}
FAR_S = 4_000_000_000
GOOD: dict[str, Any] = {"sub": "1001", "exp": FAR_S, "jti": "one"}
ABSENT = object()


def packed(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(
    *, secret: str = SECRET, header: dict[str, Any] | None = None, payload: bytes | None = None, **claims: Any
) -> str:
    """A token made by hand: the good claims, changed."""
    head = {"alg": "HS256", "typ": "JWT"} | (header or {})
    said = {name: value for name, value in (GOOD | claims).items() if value is not ABSENT}
    signed = f"{packed(json.dumps(head).encode())}.{packed(payload or json.dumps(said).encode())}"
    if head["alg"] not in HASHES:
        return f"{signed}."
    return f"{signed}.{packed(hmac.new(secret.encode(), signed.encode(), HASHES[head['alg']]).digest())}"


BAD = {
    "expired": forged(exp=1_000_000_000),
    "expired this second": forged(exp=0),
    "another server's": forged(secret="the secret of another server, as long as ours"),
    "without exp": forged(exp=ABSENT),
    "without jti": forged(jti=ABSENT),
    "without sub": forged(sub=ABSENT),
    "with null exp": forged(exp=None),
    "with a text as exp": forged(exp=str(FAR_S)),
    "that never expires": forged(payload=b'{"sub":"1001","exp":Infinity,"jti":"one"}'),
    "that expires at no time": forged(payload=b'{"sub":"1001","exp":NaN,"jti":"one"}'),
    "with an exp beyond numbers": forged(exp=10**400),
    "with a true exp": forged(exp=True),
    "with a list as exp": forged(exp=[FAR_S]),
    "not good yet": forged(nbf=FAR_S - 1),
    "with a bad nbf": forged(nbf="now"),
    "with an empty jti": forged(jti=""),
    "with a number as jti": forged(jti=5),
    "alg none": forged(header={"alg": "none"}),
    "alg None": forged(header={"alg": "None"}),
    "alg none, signed": forged(header={"alg": "none"}) + packed(b"signature"),
    "alg empty": forged(header={"alg": ""}),
    "HS384": forged(header={"alg": "HS384"}),
    "HS512": forged(header={"alg": "HS512"}),
    "RS256 with our secret as its public key": forged(header={"alg": "RS256"}),
    "with its own key in it": forged(
        secret="k" * 40, header={"jwk": {"kty": "oct", "k": packed(b"k" * 40)}, "kid": "../../dev/null"}
    ),
    "that asks for what we cannot": forged(header={"crit": ["new"], "new": True}),
    "for another audience": forged(aud="another"),
    "with an unknown role": forged(role="root"),
    "with a list as role": forged(role=["admin"]),
    "with a number as device": forged(device_id=5),
    "with an empty device": forged(device_id=""),
    "with a long device": forged(device_id="d" * 65),
    "whose payload is a list": forged(payload=b'["sub"]'),
    "whose payload is no JSON": forged(payload=b"{"),
    "whose payload is deep": forged(payload=b"[" * 2_000 + b"]" * 2_000),
    "whose payload is no UTF-8": forged(payload=b'{"sub":"\xff"}'),
    "unsigned": forged().rpartition(".")[0] + ".",
    "of two parts": forged().rpartition(".")[0],
    "of four parts": forged() + ".x",
    "changed by a letter": forged()[:-2] + ("AA" if forged()[-2:] != "AA" else "BB"),
    "too long": forged(more="m" * 4_096),
    "of nothing": "...",
    "of a word": "token",
    **{
        f"of {sub!r}": forged(sub=sub)
        for sub in ("0", "-1", "+1001", "01001", "1001.0", " 1001", "1001\n", "", "ann", "１００１", "1e3", str(2**63),
                    "9" * 4_000, None, 1001, True, ["1001"], {"uid": "1001"})
    },
}  # fmt: skip


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
async def test_a_bad_token_opens_neither_door(house: House, token: str) -> None:
    answer = await house.post("/v1/unread", b"{}", token=token)
    assert (answer.status, answer.code) == (401, "unauthenticated")

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.connect(token=token)
    assert refused.value.status == 401

    device = await house.connect()
    answer = await device.ask_raw("hello", json.dumps({"token": token}).encode())
    # Above its limit, it is not even a token.
    assert answer.code == ("bad_request" if len(token) > 4_096 else "unauthenticated")
    if answer.code == "unauthenticated":
        assert await device.rest() == [{"notice": "bye", "code": "unauthenticated"}]
        assert device.socket.close_code == 1008
    assert house.node.hub.users == 0
    assert house.state()["users"] == {}


async def test_a_token_made_by_hand_is_good_where_nothing_is_wrong_with_it(house: House) -> None:
    token = forged(nbf=1_000_000_000, iat=1_000_000_000, device_id="phone", more={"deep": [1]})
    assert (await house.post("/v1/unread", b"{}", token=token)).ok == {"unread_total": 0}
    device = await house.connect(token=token)
    assert (await device.ask("hello"))["device_id"] == "phone"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "{token}", "Token {token}", "Bearer{token}"])
async def test_an_authorization_of_another_kind_is_refused(house: House, header: str) -> None:
    sent = {"Authorization": header.format(token=forged())}
    answer = await house.post("/v1/unread", b"{}", headers=sent)
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_no_token_is_refused_and_says_which_kind_is_asked_for(house: House) -> None:
    async with house.client.post(f"{house.url}/v1/unread", data=b"{}") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_in_the_url_is_not_looked_at(house: House) -> None:
    query = f"token={forged()}&access_token={forged()}"
    assert (await house.post(f"/v1/unread?{query}", b"{}")).code == "unauthenticated"
    device = await house.connect(query=query)
    assert (await device.ask_raw("hello", b"{}")).code == "unauthenticated"


@pytest.mark.parametrize(
    "path", ["POST /v1/admin/users", "GET /v1/admin/inspect/session/1001:1002", "GET /v1/admin/inspect/user/1001"]
)
async def test_the_admins_routes_are_closed_to_users(house: House, path: str) -> None:
    method, _, where = path.partition(" ")
    for token, status in ((forged(), 403), (forged(role="user"), 403), (BAD["HS512"], 401), ("", 401)):
        headers = {"Authorization": f"Bearer {token}"}
        async with house.client.request(method, house.url + where, headers=headers, data=b'{"uid":"7"}') as response:
            assert response.status == status
    assert house.state()["profiles"] == {}
