"""Matrix Synapse from PyPI, with PostgreSQL, as its guide asks for in production."""

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.peers.base import START_TIMEOUT_S, TEXT, Peer, PeerBroken
from tests.services.server import free_port

PYTHON = os.environ.get("SYNAPSE_PYTHON", sys.executable)
"""The interpreter of the environment that holds `matrix-synapse[postgres]`."""

ROOMS_AT_ONCE = 4


class Synapse(Peer):
    """One process, one database. Each sender has a room with one other user."""

    name = "Matrix Synapse"
    durability = (
        "200 with an event id after the event is committed to PostgreSQL; a retry with the same transaction id is"
        " recognised while it is remembered (half an hour)"
    )
    configuration = (
        "`matrix-synapse[postgres]` from PyPI, one main process without workers, PostgreSQL with synchronous_commit=on,"
        " rate limits lifted, federation and presence off; `PUT …/rooms/{room}/send/m.room.message/{txn}` over"
        " kept-alive HTTP. Nobody listens with /sync, which is less work than Sixin is given."
    )
    senders = 20

    def __init__(self, folder: Path, postgres_url: str) -> None:
        super().__init__(folder, postgres_url)
        self._port = free_port()
        self._shared = secrets.token_hex(16)
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tokens: list[str] = []
        self._rooms: list[str] = []

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process else []

    async def start(self) -> None:
        (self.folder / "homeserver.yaml").write_text(self._configuration())
        (self.folder / "log.yaml").write_text(
            "version: 1\nhandlers:\n  file:\n    class: logging.FileHandler\n"
            f"    filename: {self.folder}/homeserver.log\nroot:\n  level: WARNING\n  handlers: [file]\n"
        )
        words = (PYTHON, "-m", "synapse.app.homeserver", "-c", str(self.folder / "homeserver.yaml"))
        generated = await asyncio.create_subprocess_exec(*words, "--generate-keys", cwd=self.folder)
        await generated.wait()
        self._process = await asyncio.create_subprocess_exec(*words, cwd=self.folder)
        self._session = aiohttp.ClientSession(
            f"http://127.0.0.1:{self._port}",
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=60),
        )
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                if self._process.returncode is not None:
                    raise PeerBroken((self.folder / "homeserver.log").read_text()[-2_000:])
                try:
                    async with self._session.get("/_synapse/admin/v1/server_version") as answer:
                        if answer.status == 200:
                            self.version = re.sub(r"\s.*", "", (await answer.json())["server_version"])
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)

    def _configuration(self) -> str:
        database = urlsplit(self.postgres_url)
        limits = "\n".join(
            f"rc_{name}: {{per_second: 100000, burst_count: 100000}}"
            for name in ("message", "registration", "room_creation")
        )
        return f"""
server_name: localhost
pid_file: {self.folder}/pid
report_stats: false
registration_shared_secret: {self._shared}
signing_key_path: {self.folder}/signing.key
media_store_path: {self.folder}/media
log_config: {self.folder}/log.yaml
trusted_key_servers: []
federation_domain_whitelist: []
presence: {{enabled: false}}
bcrypt_rounds: 4
listeners:
  - {{port: {self._port}, type: http, bind_addresses: [127.0.0.1], resources: [{{names: [client]}}]}}
database:
  name: psycopg2
  args:
    user: {database.username}
    password: {database.password}
    dbname: {database.path[1:]}
    host: {database.hostname}
    port: {database.port}
    cp_min: 5
    cp_max: 10
{limits}
rc_login: {{address: {{per_second: 1000, burst_count: 1000}}, account: {{per_second: 1000, burst_count: 1000}}}}
rc_joins: {{local: {{per_second: 1000, burst_count: 1000}}, remote: {{per_second: 1000, burst_count: 1000}}}}
rc_invites:
  per_room: {{per_second: 1000, burst_count: 1000}}
  per_user: {{per_second: 1000, burst_count: 1000}}
  per_issuer: {{per_second: 1000, burst_count: 1000}}
"""

    async def prepare(self) -> None:
        self._tokens = [await self._register(f"u{number}") for number in range(self.senders)]
        gate = asyncio.Semaphore(ROOMS_AT_ONCE)

        async def room(pair: int) -> str:
            async with gate:
                one, other = self._tokens[2 * pair : 2 * pair + 2]
                body = {"preset": "private_chat", "invite": [f"@u{2 * pair + 1}:localhost"], "is_direct": True}
                room_id = str((await self._ask("POST", "/_matrix/client/v3/createRoom", one, body))["room_id"])
                await self._ask("POST", f"/_matrix/client/v3/join/{room_id}", other, {})
                return room_id

        self._rooms = list(await asyncio.gather(*(room(pair) for pair in range(self.senders // 2))))

    async def _register(self, name: str) -> str:
        nonce = (await self._ask("GET", "/_synapse/admin/v1/register", None, None))["nonce"]
        signed = "\0".join((nonce, name, "password", "notadmin")).encode()
        mac = hmac.new(self._shared.encode(), signed, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": "password", "admin": False, "mac": mac}
        return str((await self._ask("POST", "/_synapse/admin/v1/register", None, body))["access_token"])

    async def send(self, sender: int, nth: int) -> None:
        path = f"/_matrix/client/v3/rooms/{self._rooms[sender // 2]}/send/m.room.message/{sender}-{nth}"
        await self._ask("PUT", path, self._tokens[sender], {"msgtype": "m.text", "body": TEXT})

    async def _ask(self, method: str, path: str, token: str | None, body: object) -> dict[str, Any]:
        if self._session is None:
            raise PeerBroken("not started")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            if answer.status != 200:
                raise PeerBroken(f"{method} {path}: {answer.status} {await answer.text()}")
            found: dict[str, Any] = await answer.json()
            return found

    async def stored(self) -> int:
        return await self.count("SELECT count(*) FROM events WHERE type = 'm.room.message'")

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
