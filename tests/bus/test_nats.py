"""The bus over a real NATS: told where the users are, and nowhere else; what is lost is noticed."""

import asyncio
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import nats
import pytest

from sixin.core.ids import Uid
from sixin.core.limits import BUS_EXPIRY_S, BUS_PENDING_BYTES_MAX
from sixin.core.notices import TokensRevoked
from sixin.server.bus.base import Typing
from sixin.server.bus.nats import NatsBus
from tests.bus.nodes import ANN, BEN, CID, Ear, ears, said, until
from tests.services.fixtures import found
from tests.services.nats import NatsServer
from tests.services.programs import NATS


@pytest.fixture
def prefix() -> str:
    """Subjects of this test's own."""
    return f"test{secrets.token_hex(6)}"


async def test_a_node_is_told_what_concerns_its_users_and_nothing_else(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 3) as (sender, at_ben, elsewhere):
        sender.bus.connected(ANN)
        at_ben.bus.connected(BEN)
        elsewhere.bus.connected(CID)
        await until(lambda: sender.knows(ANN, BEN, CID)())

        told = said(1)
        sender.bus.tell(told)
        sender.bus.tell([Typing("1001:1003", ANN, (CID,))])
        await until(lambda: len(at_ben.told) == 2 and len(elsewhere.told) == 1)
        # A message to both, Ben's line to Ben's node alone; and never an echo.
        assert at_ben.told == [told[0], told[2]]
        assert elsewhere.told == [Typing("1001:1003", ANN, (CID,))]
        assert sender.told == []
        assert sender.bus.sent == 2


async def test_revoked_tokens_are_told_to_every_node(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 3) as (sender, *others):
        sender.bus.tell([TokensRevoked(ANN, 17)])
        await until(lambda: all(other.told == [TokensRevoked(ANN, 17)] for other in others))


async def test_a_batch_is_one_message_for_each_node(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 2) as (sender, at_ben):
        at_ben.bus.connected(BEN)
        await until(sender.knows(BEN))
        batch = [one for nth in range(1, 501) for one in said(nth)]
        sender.bus.tell(batch)
        await until(lambda: len(at_ben.told) == 1_000)

        assert sender.bus.sent == 1
        assert at_ben.told == [one for nth, one in enumerate(batch) if nth % 3 != 1]  # all but Ann's line


async def test_a_batch_too_large_for_nats_is_cut_and_comes_whole(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 2) as (sender, at_ben):
        at_ben.bus.connected(BEN)
        await until(sender.knows(BEN))
        batch = [one for nth in range(1, 101) for one in said(nth, content=b"x" * 16_000)]
        sender.bus.tell(batch)
        await until(lambda: len(at_ben.told) == 200)

        assert 1 < sender.bus.sent < 20
        assert at_ben.told == [one for nth, one in enumerate(batch) if nth % 3 != 1]  # all but Ann's line
        assert at_ben.missed == 1  # when it was linked


async def test_who_comes_and_goes_is_known_everywhere(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 3) as nodes:
        for uid in range(1, 301):
            nodes[uid % 3].bus.connected(Uid(uid))
        everybody = [Uid(uid) for uid in range(1, 301)]
        await until(lambda: all(node.knows(*everybody)() for node in nodes))

        for uid in range(1, 301, 2):
            nodes[uid % 3].bus.disconnected(Uid(uid))
        await until(lambda: not any(node.bus.is_connected(Uid(uid)) for node in nodes for uid in range(1, 301, 2)))
        assert all(node.knows(*everybody[1::2])() for node in nodes)

        async with Ear(nats_url, prefix) as late:
            await until(late.knows(*everybody[1::2]))
            assert not late.bus.is_connected(Uid(1))


async def test_a_node_that_closes_is_forgotten_at_once(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 1) as (stays,):
        async with Ear(nats_url, prefix) as leaves:
            leaves.bus.connected(ANN)
            await until(stays.knows(ANN))
        begun = asyncio.get_running_loop().time()
        await until(lambda: not stays.bus.is_connected(ANN))
        assert asyncio.get_running_loop().time() - begun < BUS_EXPIRY_S / 2


CRASHING = """
import asyncio, sys
from sixin.server.bus.nats import NatsBus
async def main():
    bus = NatsBus(sys.argv[1], prefix=sys.argv[2])
    await bus.open(lambda told: None)
    bus.connected(1001)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_users_of_a_node_that_crashed_or_hangs_expire(
    nats_url: str, prefix: str, end: signal.Signals
) -> None:
    async with ears(nats_url, prefix, 1) as (stays,):
        crashing = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASHING, nats_url, prefix)
        try:
            await until(stays.knows(ANN))
            crashing.send_signal(end)
            begun = asyncio.get_running_loop().time()
            await until(lambda: not stays.bus.is_connected(ANN))
            assert asyncio.get_running_loop().time() - begun < 2 * BUS_EXPIRY_S
            assert stays.bus.healthy
        finally:
            if crashing.returncode is None:
                crashing.kill()
            await crashing.wait()


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_nodes_find_each_other_again_when_nats_comes_back(
    nats_of_my_own: NatsServer, prefix: str, end: str
) -> None:
    async with ears(nats_of_my_own.url, prefix, 2) as (sender, at_ben):
        at_ben.bus.connected(BEN)
        await until(sender.knows(BEN))
        missed = at_ben.missed
        await asyncio.to_thread(getattr(nats_of_my_own, end))
        await until(lambda: not sender.bus.healthy and not at_ben.bus.healthy)
        sender.bus.tell(said(1))
        at_ben.bus.connected(CID)
        at_ben.bus.disconnected(BEN)

        await asyncio.to_thread(nats_of_my_own.start)
        await until(lambda: sender.knows(CID)() and not sender.bus.is_connected(BEN))
        await until(lambda: sender.bus.healthy and at_ben.bus.healthy)
        sender.bus.tell([Typing("1001:1003", ANN, (CID,))])
        await until(lambda: at_ben.told == [Typing("1001:1003", ANN, (CID,))])
        # What it was not told meanwhile, it knows that it was not.
        assert at_ben.missed > missed


async def test_a_node_starts_without_nats_and_finds_it_later(nats_of_my_own: NatsServer, prefix: str) -> None:
    await asyncio.to_thread(nats_of_my_own.stop)
    async with Ear(nats_of_my_own.url, prefix) as one, Ear(nats_of_my_own.url, prefix) as other:
        one.bus.connected(ANN)
        one.bus.tell(said(1))
        assert not one.bus.healthy
        assert one.bus.is_connected(ANN)
        await asyncio.to_thread(nats_of_my_own.start)
        await until(other.knows(ANN))
        await until(lambda: one.bus.healthy and other.bus.healthy)


async def test_a_nats_that_hangs_holds_up_nobody_and_what_waits_is_bounded(
    nats_of_my_own: NatsServer, prefix: str
) -> None:
    async with ears(nats_of_my_own.url, prefix, 2) as (sender, at_ben):
        at_ben.bus.connected(BEN)
        await until(sender.knows(BEN))
        nats_of_my_own.pause()
        try:
            large = said(1, content=b"x" * 16_000)
            for _ in range(3 * BUS_PENDING_BYTES_MAX // 16_000):
                sender.bus.tell(large)
            assert sender.bus.dropped > 0
            await until(lambda: not sender.bus.healthy)
        finally:
            nats_of_my_own.resume()
        missed = at_ben.missed
        await until(lambda: sender.bus.healthy and at_ben.bus.healthy)
        await until(lambda: at_ben.missed > missed)


async def test_a_wrong_password_is_said_and_is_not_the_end(
    nats_url: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Ear(nats_url.replace("sixin:", "sixin:not-"), prefix) as ear:
        await until(lambda: any("Authorization" in reason for reason in reasons(caplog)))
        assert not ear.bus.healthy
        assert nats_url.partition("sixin:")[2].partition("@")[0] not in "".join(reasons(caplog))


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why something did not work, as the log says it."""
    return [getattr(record, "reason", "") for record in caplog.records]


async def test_what_is_not_understood_is_passed_over(nats_url: str, prefix: str) -> None:
    async with ears(nats_url, prefix, 2) as (one, other):
        client = await nats.connect(nats_url)
        for payload in (b"", b"nonsense", b"\x93" * 100_000, bytes(range(256))):
            await client.publish(f"{prefix}.all", payload)
            await client.publish(f"{prefix}.to.{one.bus.node}", payload)
        await client.close()
        other.bus.connected(ANN)
        await until(one.knows(ANN))
        assert one.bus.healthy


async def test_an_encrypted_link_to_a_server_that_proves_who_it_is(
    tmp_path: Path, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with TlsNatsServer(found(NATS), tmp_path) as server:
        async with ears(f"{server.url}?ca={server.certificate}", prefix, 2) as (one, other):
            one.bus.connected(ANN)
            await until(other.knows(ANN))
        async with Ear(server.url, prefix) as stranger:
            await until(lambda: any("certificate" in reason for reason in reasons(caplog)))
            assert not stranger.bus.healthy


class TlsNatsServer(NatsServer):
    """One that speaks nothing but TLS, with a certificate that only this test knows."""

    def __init__(self, program: Path, folder: Path) -> None:
        super().__init__(program)
        self.certificate, self._key = folder / "server.crt", folder / "server.key"
        files = ["-out", str(self.certificate), "-keyout", str(self._key)]
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files],
            check=True,
            capture_output=True,
        )

    @property
    def settings(self) -> str:
        return f"{super().settings}tls {{ cert_file: {str(self.certificate)!r}, key_file: {str(self._key)!r} }}\n"


@pytest.mark.parametrize("url", ["nats://", "http://host", "nats://host?odd=1", "localhost:4222"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL of the bus"):
        NatsBus(url)
