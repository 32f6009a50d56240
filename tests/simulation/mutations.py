"""Mutations: what a server could get wrong, each done to the real one. The checker has to catch and name every one.

`SYSTEM` mutations change the running parts: a rule of the core, the writer, the store, the cache, the hub, the
dispatch. `HISTORY` mutations edit what was recorded, where nothing in the system could be made to do it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import msgspec
from msgspec import Struct

from sixin.server.app import Node
from sixin.server.store.base import Store
from sixin.verify.checker import check
from sixin.verify.contract import Verdict
from sixin.verify.history import History
from tests.simulation.hardships import Hardships
from tests.simulation.plan import Faults, Plan, harder, make_plan
from tests.simulation.world import Failed, run

SEEDS_MAX = 60
"""A mutation that so many small runs do not show is not caught. Most show in the first."""

OPERATIONS = 250


class Hooks(Struct):
    """How a mutation gets into a run."""

    wrap: Callable[[Store], Store] = lambda store: store
    sabotage: Callable[[Node], None] = lambda node: None


Install = Callable[[], AbstractContextManager[Hooks]]


class Mutation(Struct):
    """One thing done wrong."""

    name: str
    sentence: int
    """The sentence it breaks first of all: the verdict has to name it."""
    rule: str
    """And the part of its meaning: a heading of `docs/contract.md`."""
    where: str
    what: str
    install: Install = lambda: nullcontext(Hooks())
    edit: Callable[[History], bool] | None = None
    """Change a history; False where it has nothing to change."""
    nodes: int = 1
    cache: bool = True
    faults: Faults = Faults(0, 0, 0)
    crashes: bool = False
    devices: int = 2
    phones: int = 0
    life_s: float = 0.0
    """Of a token; 0: it outlasts the run."""
    moderators: bool = False
    """Some people are, and try what only they may."""
    acquaintances: int = 0
    """So many people talk with the first user, who goes through his list."""

    @property
    def named(self) -> str:
        """How a verdict names it."""
        return f"{self.sentence} ({self.rule})"


def plan_for(mutation: Mutation, seed: int) -> Plan:
    """A small run in which there is something to get wrong."""
    plan = make_plan(seed, OPERATIONS, quiet=not mutation.crashes)
    # At most three people, so that they meet often.
    plan = msgspec.structs.replace(
        plan,
        users=min(plan.users, 3),
        first_uid=1_000,
        nodes=mutation.nodes,
        engine="memory",
        cache=mutation.cache,
        faults=mutation.faults,
        raw_devices=1 if mutation.phones else mutation.devices,
        sdk_devices=mutation.phones,
        throttled=False,
        page=[1, 2][seed % 2] if mutation.phones else [3, 50][seed % 2],
    )
    hardships = Hardships(life_s=mutation.life_s, moderators=mutation.moderators, acquaintances=mutation.acquaintances)
    if mutation.moderators or mutation.acquaintances:
        return harder(plan, hardships)
    return msgspec.structs.replace(plan, hardships=hardships)


def catch(mutation: Mutation) -> Verdict | None:
    """Run seed after seed until the checker names it; None where none of them shows it."""
    for seed in range(SEEDS_MAX):
        verdict = judge(mutation, seed)
        if verdict is not None and mutation.named in verdict.counts:
            return verdict
    return None


def judge(mutation: Mutation, seed: int) -> Verdict | None:
    """One run of the mutated system, judged; None where this run had nothing to mutate."""
    with mutation.install() as hooks:
        try:
            history = run(plan_for(mutation, seed), wrap=hooks.wrap, sabotage=hooks.sabotage).history
        except Failed:
            return None  # so wrong that it fell over by itself: another run may get further
    if mutation.edit is not None and not mutation.edit(history):
        return None
    return check(history)


@contextmanager
def patched(target: Any, name: str, make: Callable[[Any], Any]) -> Iterator[Hooks]:
    """Replace something by what is made from it, for the time of a run."""
    before = target.__dict__[name]
    setattr(target, name, make(before))
    try:
        yield Hooks()
    finally:
        setattr(target, name, before)


def every(count: int) -> Callable[[], bool]:
    """True once in so many calls: a mistake that is made now and then is the one that is overlooked."""
    calls = 0

    def now() -> bool:
        nonlocal calls
        calls += 1
        return calls % count == 0

    return now


class Several(AbstractContextManager[Hooks]):
    """Some mutations that make one mistake together."""

    def __init__(self, *parts: AbstractContextManager[Hooks]) -> None:
        self._parts = parts

    def __enter__(self) -> Hooks:
        for part in self._parts:
            part.__enter__()
        return Hooks()

    def __exit__(self, *failure: Any) -> None:
        for part in reversed(self._parts):
            part.__exit__(*failure)
