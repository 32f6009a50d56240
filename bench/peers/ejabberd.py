"""ejabberd from Debian, with the message archive (MAM) in PostgreSQL, as its guide asks for in production."""

import asyncio
import base64
import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from bench.peers.base import START_TIMEOUT_S, TEXT, Peer, PeerBroken
from tests.services.server import free_port

SCHEMA = Path("/usr/share/ejabberd/sql/pg.sql")
OPENING_AT_ONCE = 10


class Ejabberd(Peer):
    """One node. Each sender writes to his neighbour, and asks with every message for an acknowledgement (XEP-0198)."""

    name = "ejabberd"
    durability = (
        "an acknowledgement of stream management (XEP-0198) after the sender's copy is in the archive (MAM, in"
        " PostgreSQL); the receiver's copy is archived beside it; a retry makes a second message"
    )
    configuration = (
        "ejabberd of Debian 12 with PostgreSQL (synchronous_commit=on, ten connections) for accounts and archive;"
        " `mod_mam` always on, `mod_stream_mgmt`, no shaper, no TLS; receivers are online and get every message."
    )

    def __init__(self, folder: Path, postgres_url: str) -> None:
        super().__init__(folder, postgres_url)
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._streams: list[Stream] = []

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process else []

    async def start(self) -> None:
        psql = await asyncio.create_subprocess_exec(
            "psql",
            self.postgres_url,
            "--quiet",
            "--no-psqlrc",
            "--file",
            str(SCHEMA),
            stdout=asyncio.subprocess.DEVNULL,
        )
        if await psql.wait():
            raise PeerBroken("the schema could not be loaded")
        config = self.folder / "ejabberd.yml"
        config.write_text(self._configuration())
        libraries = installed()
        erl = shutil.which("erl")
        if erl is None or not libraries:
            raise PeerBroken("ejabberd is not installed: apt-get install ejabberd erlang-p1-pgsql")
        self.version = re.sub(r".*ejabberd-([0-9.]+).*", r"\1", libraries[-1])
        paths = {
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
            "HOME": str(self.folder),
        }
        with (self.folder / "out.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                erl, "-noinput", "-pa", *libraries, "-mnesia", "dir", f'"{self.folder}/mnesia"',
                "+K", "true", "-s", "ejabberd",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=os.environ | paths,
            )  # fmt: skip
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                if self._process.returncode is not None:
                    raise PeerBroken((self.folder / "out.log").read_text("utf-8", "replace")[-2_000:])
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.2)
                else:
                    writer.close()
                    return

    def _configuration(self) -> str:
        database = urlsplit(self.postgres_url)
        return f"""
loglevel: warning
hosts: [localhost]
auth_method: sql
default_db: sql
sql_type: pgsql
sql_server: {database.hostname}
sql_port: {database.port}
sql_database: {database.path[1:]}
sql_username: {database.username}
sql_password: "{database.password}"
sql_pool_size: 10
registration_timeout: infinity
listen:
  - {{port: {self._port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, shaper: none, access: all}}
acl: {{loopback: {{ip: [127.0.0.0/8]}}}}
modules:
  mod_register: {{ip_access: all, access: all}}
  mod_mam: {{default: always, db_type: sql}}
  mod_stream_mgmt: {{resend_on_timeout: if_offline}}
  mod_offline: {{}}
  mod_roster: {{}}
  mod_disco: {{}}
"""

    async def prepare(self) -> None:
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def opened(number: int) -> Stream:
            async with gate:
                stream = Stream(self._port, f"u{number}")
                await stream.register()
                await stream.open()
                return stream

        self._streams = list(await asyncio.gather(*(opened(number) for number in range(self.senders))))

    async def send(self, sender: int, nth: int) -> None:
        await self._streams[sender].send(f"u{sender ^ 1}", nth)

    async def stored(self) -> int:
        # Each message is archived once for either side.
        return await self.count("SELECT count(*) FROM archive") // 2

    async def stop(self) -> None:
        for stream in self._streams:
            await stream.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


def installed() -> list[str]:
    """The folders of its code."""
    return sorted(str(path) for path in Path("/usr/lib").glob("*/ejabberd-*/ebin"))


class Stream:
    """One XMPP connection, spoken as far as it is needed: what comes is searched, not parsed."""

    def __init__(self, port: int, user: str) -> None:
        self._port = port
        self._user = user
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._listening: asyncio.Task[None] | None = None
        self._acknowledged = asyncio.Event()

    async def _begin(self) -> None:
        self._writer.write(
            b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client'"
            b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        await self._until(b"</stream:features>")

    async def _until(self, wanted: bytes) -> bytes:
        async with asyncio.timeout(30):
            return await self._reader.readuntil(wanted)

    async def register(self) -> None:
        """Make the account, on a connection of its own."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._begin()
        self._writer.write(
            f"<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>{self._user}</username>"
            "<password>secret</password></query></iq>".encode()
        )
        answer = await self._until(b">")
        if b"type='result'" not in answer:
            raise PeerBroken(f"registration: {answer!r}")
        self._writer.close()

    async def open(self) -> None:
        """Log in, bind, be present, and turn stream management on."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._begin()
        plain = base64.b64encode(f"\0{self._user}\0secret".encode()).decode()
        self._writer.write(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>".encode())
        answer = await self._until(b">")
        if b"<success" not in answer:
            raise PeerBroken(f"login: {answer!r}")
        await self._begin()
        self._writer.write(
            b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"
        )
        await self._until(b"</iq>")
        self._writer.write(b"<enable xmlns='urn:xmpp:sm:3'/><presence/>")
        await self._until(b"<enabled")
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        # The server asks for acknowledgements too; unanswered, it keeps every stanza for a resumption.
        received, end = 0, b""
        while data := await self._reader.read(65_536):
            data, _, end = (end + data).rpartition(b">")
            received += data.count(b"</message") + data.count(b"</presence")
            if b"<r xmlns=" in data:
                self._writer.write(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % received)
            if b"<a " in data:
                self._acknowledged.set()

    async def send(self, to: str, nth: int) -> None:
        """Send, and wait for the acknowledgement."""
        self._acknowledged.clear()
        self._writer.write(
            f"<message to='{to}@localhost' type='chat' id='{nth}'><body>{TEXT}</body></message>"
            "<r xmlns='urn:xmpp:sm:3'/>".encode()
        )
        async with asyncio.timeout(30):
            await self._acknowledged.wait()

    async def close(self) -> None:
        """Leave."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._writer.close()
