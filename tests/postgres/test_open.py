"""Opening the store: the schema is brought up once, and what stands in the way is said."""

import asyncio
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from sixin.core.ids import Uid
from sixin.server.store.base import StoreRefused
from sixin.server.store.postgres import PostgresStore
from tests.conformance.scene import send_of
from tests.postgres.nodes import DEADLINE_S, Node, session_of
from tests.services.postgres import PostgresServer
from tests.services.server import free_port


async def refusal(url: str, *, open_wait_s: float = 0.2) -> str:
    """What the store says when it cannot be opened; it must not take long, nor tell the password."""
    store = PostgresStore(url, open_wait_s=open_wait_s)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StoreRefused) as refused:
            await store.open()
    password = urlsplit(url).password
    assert password is not None
    assert password not in str(refused.value)
    return str(refused.value)


async def test_nodes_that_start_together_on_an_empty_database_all_open(empty_postgres_url: str) -> None:
    stores = [PostgresStore(empty_postgres_url) for _ in range(4)]
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(store.open() for store in stores))
    for store in stores:
        assert (await store.user(Uid(1))).version_id == 0
        await store.close()


async def test_a_wrong_password_is_said(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    wrong = urlunsplit(parts._replace(netloc=f"sixin:wrong-one@{parts.hostname}:{parts.port}"))
    assert "check the user and the password" in await refusal(wrong)


async def test_a_missing_database_is_said(postgres_url: str) -> None:
    message = await refusal(postgres_url.rpartition("/")[0] + "/nowhere")
    assert "no such database" in message
    assert "nowhere" in message


async def test_a_server_that_cannot_be_reached_is_said_with_its_place(postgres_url: str) -> None:
    port = free_port()
    message = await refusal(f"postgresql://sixin:secret-word@127.0.0.1:{port}/sixin")
    assert "cannot be reached" in message
    assert f"127.0.0.1:{port}/sixin" in message


async def test_a_link_that_must_be_encrypted_is_never_made_without_tls(postgres_url: str) -> None:
    assert "SSL" in await refusal(f"{postgres_url}?sslmode=require")


async def test_an_encrypted_link_to_a_server_that_proves_who_it_is(postgres_of_my_own: PostgresServer) -> None:
    server = postgres_of_my_own
    certificate, key = server.folder / "data" / "server.crt", server.folder / "data" / "server.key"
    await asyncio.to_thread(_make_certificate, certificate, key)
    owner = (server.folder / "data").stat()
    for file in (certificate, key):
        _give(file, owner.st_uid, owner.st_gid)
    with (server.folder / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write("ssl = on\n")
    await asyncio.to_thread(server.restart)

    async with Node(f"{server.url}?sslmode=verify-full&sslrootcert={certificate}") as node:
        await node.do(send_of(Uid(1), Uid(2), 1, "sealed"))
        async with session_of(server.url) as watching:
            encrypted = await watching.fetchval(
                "SELECT bool_and(s.ssl) FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid)"
                " WHERE a.application_name = 'sixin'"
            )
        assert encrypted


def _make_certificate(certificate: Path, key: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files],
        check=True,
        capture_output=True,
    )


def _give(file: Path, uid: int, gid: int) -> None:
    file.chmod(0o600)
    if file.stat().st_uid != uid:
        os.chown(file, uid, gid)


async def test_a_schema_from_a_newer_version_is_refused_and_left_alone(empty_postgres_url: str) -> None:
    async with Node(empty_postgres_url) as node:
        await node.do(send_of(Uid(1), Uid(2), 1, "hello"))
    async with session_of(empty_postgres_url) as operator:
        await operator.execute("INSERT INTO sixin.levels (level) VALUES (99)")
        assert "level 99" in await refusal(empty_postgres_url)
        await operator.execute("DELETE FROM sixin.levels WHERE level = 99")
    async with Node(empty_postgres_url) as node:
        assert (await node.store.user(Uid(2))).unread_total == 1


async def test_a_user_who_may_not_create_the_schema_is_told_what_to_grant(empty_postgres_url: str) -> None:
    database = empty_postgres_url.rpartition("/")[2]
    async with session_of(empty_postgres_url) as owner:
        await owner.execute(f'REVOKE CREATE ON DATABASE "{database}" FROM sixin')
        assert "GRANT CREATE" in await refusal(empty_postgres_url)


async def test_a_node_waits_for_a_server_that_is_still_starting(postgres_of_my_own: PostgresServer) -> None:
    await asyncio.to_thread(postgres_of_my_own.stop)
    store = PostgresStore(postgres_of_my_own.url, open_wait_s=DEADLINE_S)
    opening = asyncio.create_task(store.open())
    await asyncio.to_thread(postgres_of_my_own.start)
    async with asyncio.timeout(DEADLINE_S):
        await opening
    await store.close()


@pytest.mark.parametrize(
    "url", ["postgresql://sixin:secret-word@host:not-a-port/x", "postgresql://u:secret-word@/x?sslmode=odd"]
)
async def test_a_url_that_is_none_is_said(url: str) -> None:
    assert "URL" in await refusal(url)
