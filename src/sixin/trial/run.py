"""One trial, from the first hello to the verdict."""

import asyncio
import contextlib
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from itertools import combinations
from pathlib import Path
from random import Random

import aiohttp
import msgspec
from msgspec import Struct

from sixin.core.limits import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, REVOCATIONS_POLL_S
from sixin.trial.app_errands import use
from sixin.trial.apps import App
from sixin.trial.ends import CouldNotRun, ask, clear_away, take_end
from sixin.trial.errands import OPERATIONS, errand, session_id_of
from sixin.trial.people import Person
from sixin.trial.proxy import Address, Proxy
from sixin.trial.raw import RawDevice
from sixin.trial.recorder import Recorder
from sixin.trial.report import Report, judged, outcomes_of
from sixin.trial.users import Users
from sixin.trial.weather import Weather
from sixin.verify.checker import check
from sixin.verify.history import History, Told

PAUSE_S = 0.02
"""Of a device between two things it does, on average: below what one user may ask by default."""

PAGES = (1, 3, 50, 500)

REVOKED_WITHIN_S = 2 * REVOCATIONS_POLL_S + 1
"""How long a revoked token may still be served, where the nodes have to find out by looking."""

Say = Callable[[str], None]


class Wanted(Struct, frozen=True):
    """What kind of run."""

    seed: int
    seconds: float = 30.0
    operations: int = 0
    """The run ends earlier after so many requests; 0: it does not."""
    devices: int = 2
    """Of each user: every other one runs the SDK."""


async def run(url: str, users: Users, wanted: Wanted, say: Say) -> Report:
    """Try a deployment. Raises `CouldNotRun` where there is nothing to judge, `ValueError` for what is no address."""
    target = Address.of(url)
    recorder, weather = Recorder(), Weather()
    weather.clear()
    chance = Random(f"links {wanted.seed}")
    proxy = Proxy(target, chance, weather, recorder, users)
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    # One connection for each request: an HTTP request that is cut takes nobody else's with it.
    connector = aiohttp.TCPConnector(force_close=True)
    async with proxy, aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        await _reached(target)
        trial = Trial(target.url, proxy, users, wanted, recorder, http)
        with tempfile.TemporaryDirectory(prefix="sixin-verify-") as folder:
            async with trial.opened(Path(folder)):
                return await trial.hold(weather, say)


async def _reached(target: Address) -> None:
    """Connect once, around the bad links. Raises `CouldNotRun` with what is in the way: a link that the weather broke
    and a certificate that nobody signed look alike from behind the proxy."""
    tls = ssl.create_default_context() if target.tls else None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(target.host, target.port, ssl=tls)
        writer.close()
    except ssl.SSLCertVerificationError as error:
        raise CouldNotRun(
            f"The certificate of {target.url} is not to be trusted: {error.verify_message}. "
            "SSL_CERT_FILE names the authority of one that you signed yourself."
        ) from None
    except (OSError, TimeoutError) as error:
        raise CouldNotRun(f"{target.url} cannot be reached: {error or type(error).__name__}.") from None


class Trial:
    """Everybody who takes part."""

    def __init__(
        self, url: str, proxy: Proxy, users: Users, wanted: Wanted, recorder: Recorder, http: aiohttp.ClientSession
    ) -> None:
        self._url = url
        self._proxy = proxy
        self._users = users
        self._wanted = wanted
        self._recorder = recorder
        self._http = http
        self._people = [Person(uid, [peer for peer in users.uids if peer != uid]) for uid in users.uids]
        for one, other in combinations(self._people, 2):
            # Somebody of each session sees all of it to the end; who that is has to differ.
            keeper = one if (one.uid + other.uid) % 2 else other
            keeper.keeps.add(session_id_of(one.uid, other.uid))
        self._page = Random(f"page {wanted.seed}").choice(PAGES)
        self._raw: list[RawDevice] = []
        self._apps: list[App] = []
        self._cut_off_at_s = 0.0
        self._has_revoked = False
        self._revoked: tuple[int, str] | None = None

    @contextlib.asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[None]:
        """Make everybody's devices, and put them away."""
        for number, person in enumerate(self._people):
            for nth in range(max(2, self._wanted.devices)):
                name = f"{'app' if nth % 2 else 'raw'}{number}-{nth}"
                chance = Random(f"{name} {self._wanted.seed}")
                rest = (chance, person, name, self._proxy.url, self._users, self._recorder)
                if nth % 2:
                    self._apps.append(App(*rest, folder))
                else:
                    self._raw.append(RawDevice(*rest, self._http))
        try:
            yield
        finally:
            for app in self._apps:
                await app.close()
            for device in self._raw:
                await device.close()

    @property
    def _spokesmen(self) -> list[RawDevice]:
        """One raw device of each user."""
        return [next(device for device in self._raw if device.person is person) for person in self._people]

    async def hold(self, weather: Weather, say: Say) -> Report:
        """The run itself."""
        began_s = time.monotonic()
        server_version = await self._server_version()
        await self._introduce()
        for name, value in msgspec.structs.asdict(Weather()).items():
            setattr(weather, name, value)
        await self._live(say)
        weather.clear()
        say("the weather clears: everybody catches up")
        unsettled = await self._settle()
        await self._after_the_bound()
        history = self._recorder.history
        copies = [app.copy() for app in self._apps]
        spokesmen = self._spokesmen
        for device in spokesmen:
            device.thief = False
        await take_end(history, spokesmen)
        history.ends.extend(copies)
        say(f"{len(history.events):,} events to judge")
        # In a thread: the links are to be answered meanwhile. What happens from here on is no part of the history.
        history = History(list(history.events), list(history.ends))
        verdict = await asyncio.to_thread(check, history)
        words_left = await clear_away(history, spokesmen)
        return Report(
            url=self._url,
            seed=self._wanted.seed,
            users=[str(uid) for uid in self._users.uids],
            devices=max(2, self._wanted.devices),
            seconds=time.monotonic() - began_s,
            server_version=server_version,
            operations=sum(outcomes.asked for outcomes in outcomes_of(history).values()),
            outcomes=outcomes_of(history),
            faults=dict(self._proxy.done.counts),
            notices=sum(isinstance(event, Told) for event in history.events),
            unsettled=unsettled,
            sentences=judged(verdict),
            counts=verdict.counts,
            words_left=words_left,
        )

    async def _server_version(self) -> str:
        """As the deployment says; empty where it says nothing."""
        try:
            async with self._http.get(f"{self._url}/v1/openapi.json") as response:
                return str((await response.json())["info"]["version"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            return ""

    async def _introduce(self) -> None:
        """Everybody is let in, is new, and may talk."""
        for device in self._spokesmen:
            reply = await device.connect()
            if reply.error is not None:
                raise CouldNotRun(f"{device.person.uid} is not let in: {reply.error.message}")
            if reply.answer is None:
                raise CouldNotRun(f"{self._url} does not answer as a Sixin server would.")
            if msgspec.json.decode(reply.answer)["contact_version"]:
                raise CouldNotRun(f"{device.person.uid} has talked before; the users of a run have to be new.")
        first = self._spokesmen[0]
        session_id, seq_id = session_id_of(first.person.uid, first.person.peers[0]), first.person.next_seq_id()
        content = {"type": "text", "text": f"sixin verify, seed {self._wanted.seed}"}
        body: dict[str, object] = {"session_id": session_id, "seq_id": seq_id, "content": content}
        reply = await first.ask("send", body)
        if reply.error is not None and reply.error.code == "forbidden" and self._users.admin:
            for uid in self._users.uids:
                await self._as_admin("users", {"uid": str(uid), "name": "sixin verify"})
        await ask(first, "send", body)
        for app in self._apps:
            await app.start()

    async def _as_admin(self, what: str, body: dict[str, object]) -> bytes | None:
        """Ask what only an operator may, around the bad links; None where that is not answered."""
        headers = {"Authorization": f"Bearer {self._users.admin}", "Content-Type": "application/json"}
        try:
            encoded = msgspec.json.encode(body)
            async with self._http.post(f"{self._url}/v1/admin/{what}", data=encoded, headers=headers) as response:
                return await response.read() if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    # The bad hours.

    async def _live(self, say: Say) -> None:
        began_s = time.monotonic()
        until_s = began_s + self._wanted.seconds

        def over() -> bool:
            return time.monotonic() >= until_s or 0 < self._wanted.operations <= self._recorder.calls

        async with asyncio.TaskGroup() as doing:
            for device in self._raw:
                doing.create_task(self._live_raw(device, over))
            for app in self._apps:
                doing.create_task(self._live_app(app, over))
            doing.create_task(self._tell(began_s, over, say))
        await self._revoke()

    async def _live_raw(self, device: RawDevice, over: Callable[[], bool]) -> None:
        chance = Random(f"life of {device.name} {self._wanted.seed}")
        while not over():
            if not device.connected and chance.random() < 0.5:
                await device.connect()
            elif chance.random() < 0.005:
                await device.drop()
            asked = errand(chance, device.known, _operation(chance), self._page)
            if asked is not None:
                await device.ask(*asked)
            await asyncio.sleep(chance.expovariate(1 / PAUSE_S))

    async def _live_app(self, app: App, over: Callable[[], bool]) -> None:
        chance = Random(f"life of {app.name} {self._wanted.seed}")
        while not over():
            luck = chance.random()
            if luck < 0.01:
                await app.sleep(chance.choice([0.1, 1.0, 3.0]))
            elif luck < 0.015:
                await app.restart()
            else:
                await use(chance, app, _operation(chance))
            await asyncio.sleep(chance.expovariate(1 / PAUSE_S))

    async def _revoke(self) -> None:
        """One user's tokens are revoked, and one of his devices turns out to be stolen."""
        if self._has_revoked or not self._users.admin:
            return
        self._has_revoked = True
        device = self._raw[-1]
        device.thief = True
        said = await self._as_admin("revoke", {"uid": str(device.person.uid)})
        # Where nobody knows whether it was done, new tokens are issued so late that they are good in both cases.
        tokens_from_s = msgspec.json.decode(said)["tokens_from_s"] if said is not None else int(time.time()) + 3_600
        login = self._users.revoked(device.person.uid, tokens_from_s)
        if said is not None:
            self._revoked = device.person.uid, login
            self._cut_off_at_s = time.monotonic() + REVOKED_WITHIN_S

    async def _tell(self, began_s: float, over: Callable[[], bool], say: Say) -> None:
        while not over():
            await asyncio.sleep(1.0)
            lived_s = time.monotonic() - began_s
            faults = ", ".join(f"{count} {fault}" for fault, count in sorted(self._proxy.done.counts.items()))
            say(f"{lived_s:4.0f} s  {self._recorder.calls:6,} operations; {faults or 'no faults yet'}")
            if lived_s > self._wanted.seconds / 3:
                await self._revoke()

    # The end.

    async def _settle(self) -> list[str]:
        """Everything on its way arrives, and everybody catches up. Who did not."""
        for device in self._raw:
            asked = errand(Random(f"last {device.name}"), device.known, "send", self._page)
            if asked is not None and not device.thief:
                await device.connect()
                await device.ask(*asked)
        unsettled: list[str] = []
        # One after the other, and again: what one still had to say is news for the others.
        for _ in range(2):
            unsettled = [app.name for app in self._apps if not await app.settle()]
        return unsettled

    async def _after_the_bound(self) -> None:
        """Whoever has a revoked token tries once more."""
        if self._revoked is None:
            return
        await asyncio.sleep(max(0.0, self._cut_off_at_s - time.monotonic()))
        uid, login = self._revoked
        self._recorder.cut_off(uid, login)
        for device in self._raw:
            if device.thief:
                await device.ask("unread", {})
                await device.connect()
                await device.ask("unread", {})


def _operation(chance: Random) -> str:
    return chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]
