"""What a run will be, made from its seed: who lives in which circle, on which devices, and when something is killed."""

from pathlib import Path
from random import Random
from typing import Final, Literal

from msgspec import Struct

FIRST_UID: Final = 1_001
CIRCLE_SIZES: Final = (2, 2, 2, 3, 4, 6)
DEVICES_OF_A_USER: Final = (1, 2, 2, 3)
WARM: Final = 0.02
"""Nothing is killed before this part of the run, nor after the same part from its end."""

Stores = Literal["memory", "sqlite", "mixed"]


class DevicePlan(Struct, frozen=True):
    """One SDK client."""

    uid: int
    device_id: str
    peers: tuple[int, ...]
    """Whom it talks to: its circle, one stranger, and its own notes."""
    sends: int
    seed: int
    process: int


class ProcessPlan(Struct, frozen=True):
    """One process of clients."""

    number: int
    devices: list[DevicePlan]
    keeps: bool
    """Whether its copies are SQLite files, so that it may be killed like the server."""


class Kill(Struct, frozen=True):
    """Something dies."""

    at: float
    """How much of the run is behind: a part of its sends, or of its time, whichever is further."""
    process: int
    """A process of clients; -1 for the server."""
    after_s: float
    """A moment more, so that it does not always die just after a commit."""
    down_s: float
    """How long it stays away."""
    again_s: float | None = None
    """The server is killed once more, so soon after it was started: while it recovers, or while everybody returns."""


class Plan(Struct, frozen=True):
    """A whole run."""

    seed: int
    sends: int
    processes: list[ProcessPlan]
    kills: list[Kill]
    """In order of `at`."""

    @property
    def devices(self) -> list[DevicePlan]:
        return [device for process in self.processes for device in process.devices]


def make_plan(
    *, seed: int, clients: int, sends: int, kills: int, client_kills: int, processes: int, stores: Stores
) -> Plan:
    """The same numbers give the same plan."""
    chance = Random(seed)
    people = _people(clients, chance)
    peers = _peers(list(people), chance)
    numbered = [(uid, f"{uid}-{nth}") for uid, devices in people.items() for nth in range(1, devices + 1)]
    chance.shuffle(numbered)  # the devices of one user are in different processes as a rule
    devices = [
        DevicePlan(uid, device_id, peers[uid], sends // clients + (nth < sends % clients), chance.getrandbits(48), 0)
        for nth, (uid, device_id) in enumerate(numbered)
    ]
    planned = [
        ProcessPlan(number, devices[number::processes], _keeps(stores, number, processes))
        for number in range(processes)
    ]
    return Plan(seed, sends, planned, _kills(kills, client_kills, [one for one in planned if one.keeps], chance))


def _keeps(stores: Stores, number: int, processes: int) -> bool:
    return stores == "sqlite" or (stores == "mixed" and number >= processes // 2)


def _people(clients: int, chance: Random) -> dict[int, int]:
    """How many devices each user has; all of them together are the clients."""
    people: dict[int, int] = {}
    while (left := clients - sum(people.values())) > 0:
        people[FIRST_UID + len(people)] = min(left, chance.choice(DEVICES_OF_A_USER))
    return people


def _peers(uids: list[int], chance: Random) -> dict[int, tuple[int, ...]]:
    peers: dict[int, tuple[int, ...]] = {}
    left = list(uids)
    while left:
        size = chance.choice(CIRCLE_SIZES)
        circle, left = left[:size], left[size:]
        for uid in circle:
            others = {other for other in circle if other != uid}
            peers[uid] = tuple(sorted(others | {chance.choice(uids), uid}))
    return peers


def _kills(kills: int, client_kills: int, killable: list[ProcessPlan], chance: Random) -> list[Kill]:
    planned: list[Kill] = []
    left = kills
    while left:
        again_s = chance.uniform(0, 1.5) if chance.random() < 0.15 and left > 1 else None
        planned.append(Kill(_moment(chance), -1, chance.uniform(0, 0.4), chance.choice((0, 0, 0.3, 1.5)), again_s))
        left -= 1 if again_s is None else 2
    for _ in range(client_kills if killable else 0):
        number = chance.choice(killable).number
        planned.append(Kill(_moment(chance), number, chance.uniform(0, 0.4), chance.choice((0, 0.5, 2))))
    return sorted(planned, key=lambda kill: kill.at)


def _moment(chance: Random) -> float:
    return chance.uniform(WARM, 1 - WARM)


def journal_of(folder: Path, device: DevicePlan) -> Path:
    """Where a device writes down what it was promised."""
    return folder / f"{device.device_id}.journal"


def copy_of(folder: Path, device: DevicePlan) -> Path:
    """Where a device keeps its copy."""
    return folder / f"{device.device_id}.copy.db"


def recording_of(folder: Path, device: DevicePlan) -> Path:
    """Where its frames are written down."""
    return folder / f"{device.device_id}.frames"


def dump_of(folder: Path, device: DevicePlan) -> Path:
    """Where a device writes what it holds at the end."""
    return folder / f"{device.device_id}.dump"
