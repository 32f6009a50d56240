"""`sixin verify` and the SDK through TLS: a real HAProxy in front of a real server, with a certificate of our own."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from sixin.bench.spawn import Target
from sixin.bench.tokens import mint
from sixin.core.ids import Uid
from sixin.trial.proxy import Address
from tests.services.fixtures import found
from tests.services.haproxy import Haproxy
from tests.services.programs import HAPROXY

CONFIGURATION = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 120s
frontend clients
    bind 127.0.0.1:{port} ssl crt {certificate} alpn h2,http/1.1
    default_backend nodes
backend nodes
    server node {node}
"""


@pytest.fixture
def authority() -> trustme.CA:
    """Nobody but these tests has heard of it."""
    return trustme.CA()


@pytest.fixture
def terminator(server: Target, authority: trustme.CA, tmp_path: Path) -> Iterator[Haproxy]:
    """It speaks TLS to the world, and plain HTTP to the server."""
    certificate = tmp_path / "both.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    node = f"{server.host}:{server.port}"
    text = CONFIGURATION.replace("{certificate}", str(certificate)).replace("{node}", node)
    with Haproxy(found(HAPROXY), text) as standing:
        yield standing


async def in_a_process(*words: str, authority: Path | None = None) -> tuple[int, str, str]:
    """Exit code, output and complaints of Python in a process of its own, which believes this authority alone."""
    known = {} if authority is None else {"SSL_CERT_FILE": str(authority)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={**os.environ, **known},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, told = await process.communicate()
    return process.returncode or 0, said.decode(), told.decode()


VERIFY = ("-m", "sixin.cli.main", "verify", "--seconds", "3", "--seed", "3")


@pytest.mark.parametrize("url", ["https://localhost:{}", "wss://localhost:{}/v1/ws"])
async def test_a_deployment_behind_tls_is_judged_like_any_other(
    server: Target, terminator: Haproxy, authority: trustme.CA, tmp_path: Path, url: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    code, said, told = await in_a_process(
        *VERIFY, url.format(terminator.port), "--secret", server.secret, authority=tmp_path / "ca.pem"
    )
    assert code == 0, said + told
    assert said.count("  kept  ") == 12
    # Whatever came first in so short a time: its own relay stood in the way, which has to speak TLS as well.
    assert re.search(r"^Faults: \d+ ", said, re.MULTILINE)


async def test_a_certificate_that_nobody_signed_is_said_to_be_what_is_in_the_way(
    server: Target, terminator: Haproxy
) -> None:
    url = f"https://localhost:{terminator.port}"
    code, said, told = await in_a_process(*VERIFY, url, "--secret", server.secret)
    assert (code, said) == (2, "")
    assert f"The certificate of {url} is not to be trusted" in told
    assert "SSL_CERT_FILE" in told


async def test_a_certificate_of_somebody_else_is_refused(
    server: Target, terminator: Haproxy, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    url = f"https://127.0.0.1:{terminator.port}"  # it was issued to a name
    code, _, told = await in_a_process(*VERIFY, url, "--secret", server.secret, authority=tmp_path / "ca.pem")
    assert code == 2
    assert "is not to be trusted" in told


TALK = """
import asyncio, sys, sixin

async def talk(url, token):
    async with asyncio.timeout(20), sixin.connect(url, token) as me:
        message = await (await me.send(me.uid, "through TLS")).delivered()
        print(message.text)

asyncio.run(talk(*sys.argv[1:]))
"""


@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_the_sdk_talks_through_tls(
    server: Target, terminator: Haproxy, authority: trustme.CA, tmp_path: Path, scheme: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    code, said, told = await in_a_process(
        "-c",
        TALK,
        f"{scheme}://localhost:{terminator.port}",
        mint(server.secret, Uid(7)),
        authority=tmp_path / "ca.pem",
    )
    assert (code, said) == (0, "through TLS\n"), told


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://chat.example.org/", "https://chat.example.org"),
        ("wss://chat.example.org/v1/ws", "https://chat.example.org"),
        ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://example.org:8443/chat/v1/ws", "https://example.org:8443/chat"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_what_a_client_would_be_given(given: str, url: str) -> None:
    assert Address.of(given).url == url
