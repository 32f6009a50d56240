"""What happens in a run, decided before it begins: so that a failing run can be made smaller by leaving things out."""

from collections.abc import Iterator
from random import Random
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from sixin.trial.errands import OPERATIONS
from tests.simulation.actions import Action, Crowd, Kind
from tests.simulation.hardships import Hardships, choose_hardships, with_hardships
from tests.simulation.limits import Limits, choose, choose_ahead


class Faults(Struct, frozen=True):
    """How much goes wrong: 0 is a quiet day, 1 is a bad one."""

    network: float
    disk: float
    notices: float


class Plan(Struct, frozen=True):
    """One run."""

    seed: int
    luck: int
    """Seeds the luck of the world: another one is another run of the same actions."""
    users: int
    first_uid: int
    raw_devices: int
    """Of each user."""
    sdk_devices: int
    """Of each user."""
    nodes: int
    engine: Literal["memory", "sqlite"]
    """Whose rows lie on the disk."""
    shuffled: bool
    cache: bool
    throttled: bool
    page: int
    """How many rows people ask for at most."""
    faults: Faults
    limits: Limits
    """Those that are small."""
    actions: list[Action]
    hardships: Hardships = Hardships()

    @property
    def devices(self) -> int:
        """All of them."""
        return self.users * (self.raw_devices + self.sdk_devices)


def make_plan(seed: int, operations: int, *, quiet: bool = False) -> Plan:
    """The plan of a seed."""
    chance = Random(f"plan {seed}")
    users = chance.choice([2, 2, 3, 4, 6])
    raw, sdk = chance.choice([(1, 1), (2, 0), (0, 2), (1, 2), (2, 1)])
    nodes = chance.choice([1, 1, 1, 2, 3])
    level = 0.0 if quiet else chance.choice([0.0, 0.3, 1.0, 3.0])
    faults = Faults(*(level * chance.choice([0, 0.3, 1]) for _ in range(3)))
    plan = Plan(
        seed=seed,
        luck=seed,
        users=users,
        first_uid=chance.choice([1_000, 1_000, 2**53 - 2, 2**63 - 10]),
        raw_devices=raw,
        sdk_devices=sdk,
        nodes=nodes,
        engine="sqlite" if nodes == 1 and chance.random() < 0.5 else "memory",
        shuffled=chance.random() < 0.5,
        cache=chance.random() < 0.7,
        throttled=chance.random() < 0.2,
        page=chance.choice([1, 2, 5, 50, 500]),
        faults=faults,
        limits={} if quiet else choose(chance),
        actions=[],
    )
    plan.actions.extend(_actions(chance, plan, operations, level))
    return plan if quiet else harder(plan, choose_hardships(plan.seed))


def harder(plan: Plan, hardships: Hardships) -> Plan:
    """The same with these hardships."""
    if hardships == Hardships():
        return plan
    crowd = Crowd(plan.users * plan.raw_devices, plan.users * plan.sdk_devices, plan.users)
    plan = replace(plan, hardships=hardships, actions=with_hardships(plan.seed, hardships, crowd, plan.actions))
    if not hardships.acquaintances:
        return plan
    return _with_long_lists(plan)


def _with_long_lists(plan: Plan) -> Plan:
    """Mostly one node with a cache, and pages that are not too small: only there much is read ahead. Whoever is
    throttled does not come to the end of his list."""
    chance = Random(f"long lists {plan.seed}")
    limits = plan.limits | choose_ahead(plan.seed) if plan.limits else {}
    plan = replace(plan, page=chance.choice([5, 500, 500, 500]), throttled=False, limits=limits)
    return replace(plan, nodes=1, cache=True) if chance.random() < 0.8 else plan


def _actions(chance: Random, plan: Plan, operations: int, level: float) -> Iterator[Action]:
    at_s = 0.5
    busy = chance.choice([0.003, 0.03, 0.3])
    for device in range(plan.devices):
        yield Action(at_s, "connect", device, luck=device)
    for _ in range(operations):
        at_s += chance.expovariate(1 / busy)
        yield Action(at_s, "do", chance.randrange(plan.devices), _operation(chance), chance.getrandbits(32))
        if chance.random() < 0.1 * level + 0.02:
            yield Action(at_s, "connect", chance.randrange(plan.devices))
        if chance.random() < 0.03 * level:
            yield Action(at_s, "drop", chance.randrange(plan.devices))
        if chance.random() < 0.02 * level:
            yield Action(at_s, "sleep", chance.randrange(plan.devices), amount=busy * chance.choice([3, 30, 300]))
        if chance.random() < 0.001 * level:
            yield Action(at_s, "year", 0)
        if chance.random() < 0.01 * level:
            yield Action(at_s, "reboot", chance.randrange(plan.devices), amount=chance.randrange(2))
        if chance.random() < 0.003:
            yield Action(at_s, "revoke", chance.randrange(plan.users))
        if chance.random() < 0.015 * level:
            yield _misfortune(chance, plan, at_s)


def _operation(chance: Random) -> str:
    return chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]


def _misfortune(chance: Random, plan: Plan, at_s: float) -> Action:
    node = chance.randrange(plan.nodes)
    kind: Kind = chance.choice(["crash", "crash_soon", "crash_soon", "stop", "clock", "clock"])
    steps = chance.choice([1, 3, 10, 30, 100, 300])
    if kind == "clock":
        return Action(at_s, kind, node, amount=chance.choice([-86_400_000, -60_000, -1_000, 1_000, 60_000, 86_400_000]))
    return Action(at_s, kind, node, amount=chance.randint(1, steps))
