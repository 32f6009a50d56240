"""Hardships: what plain chance brings together too seldom, brought together on purpose.

Drawn by luck of their own, so that the rest of a plan is the same with them and without them.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tests.simulation.actions import Action, Crowd

GLANCES: Final = 8
"""How often somebody opens a chat in the second in which his phone wakes."""

SCROLLS: Final = 12
"""And how often he scrolls back then, where the database may be refusing what he asks for."""

MODERATIONS: Final = 40
"""How often somebody tries to delete for all what another said, whether he is a moderator or not."""


class Hardships(Struct, frozen=True):
    """Which of them a run has."""

    away: bool = False
    """Phones sleep while the others say much and take older things back; their owners look at once when they wake."""
    outages: bool = False
    """The database refuses everything for a while: also when a phone has just woken."""
    life_s: float = 0.0
    """Tokens end after so long, in the middle of whatever is going on; 0: they outlast the run."""
    registered: bool = False
    """Only registered users may talk, and one is registered late."""
    moderators: bool = False
    """Some devices have a moderator's token, and people try to take away for all what others said."""
    acquaintances: int = 0
    """So many people without devices talk with the first user: he goes through his list on a server that was just
    started, while they go on."""
    slow_nodes: bool = False
    """One node's way to the disk is slow for a while, and the others' is not."""
    late_bus: bool = False
    """What nodes tell each other comes again, minutes later."""
    steps: bool = False
    """A node's clock is wrong for a while and then put right in one step, while tokens end."""
    twice: bool = False
    """Apps are started once more while they run."""
    last_word: bool = True
    """Everybody says something at the end. What he says reminds a device that has forgotten to ask."""


def choose_hardships(seed: int) -> Hardships:
    """Those of a seed: in half of them none, and in a tenth of them a long list."""
    others = _with_bad_machines(seed, _choose_others(seed))
    chance = Random(f"popular {seed}")
    if chance.random() >= 0.1:
        return others
    # Nobody could talk with the first user until he is registered, which is late.
    return replace(others, acquaintances=chance.choice([60, 60, 100, 200]), registered=False)


def _with_bad_machines(seed: int, others: Hardships) -> Hardships:
    """In a fifth of them something is wrong with single machines, what connects them, or how apps are used."""
    chance = Random(f"failing machines {seed}")
    if chance.random() >= 0.2:
        return others
    slow_nodes, late_bus, steps = (chance.random() < 0.5 for _ in range(3))
    life_s = others.life_s or (chance.choice([5.0, 20.0, 100.0]) if steps else 0.0)
    twice = chance.random() < 0.5
    return replace(others, slow_nodes=slow_nodes, late_bus=late_bus, steps=steps, life_s=life_s, twice=twice)


def _choose_others(seed: int) -> Hardships:
    chance = Random(f"hardships {seed}")
    if chance.random() < 0.5:
        return Hardships()
    life_s = chance.choice([5.0, 20.0, 100.0]) if chance.random() < 0.25 else 0.0
    return Hardships(
        away=chance.random() < 0.8,
        outages=chance.random() < 0.4,
        life_s=life_s,
        last_word=chance.random() < 0.3,
        registered=chance.random() < 0.2,
        moderators=chance.random() < 0.25,
    )


def with_hardships(seed: int, hardships: Hardships, crowd: Crowd, actions: list[Action]) -> list[Action]:
    """The actions of a run, and these between them."""
    chance = Random(f"hard times {seed}")
    if hardships.life_s:
        # A node whose clock is wrong refuses good tokens for ever, and nobody lives through a year on a connection.
        actions = [action for action in actions if action.kind not in ("clock", "year")]
    begins_s, ends_s = actions[0].at_s, actions[-1].at_s
    moments = [chance.uniform(begins_s, ends_s) for _ in range(chance.randint(0, 2))]
    added: list[Action] = []
    if hardships.away and crowd.phones:
        for moment_s in [*moments, ends_s]:
            added += _away(chance, crowd, moment_s, hardships)
    if hardships.outages:
        added += [Action(moment_s, "outage", 0, amount=chance.choice([0.1, 1.0, 10.0])) for moment_s in moments]
    if hardships.registered:
        added.append(Action(chance.uniform(begins_s, ends_s), "register", 0))
    if hardships.slow_nodes:
        added += [_slowness(chance, chance.uniform(begins_s, ends_s)) for _ in range(chance.randint(1, 4))]
    if hardships.steps:
        added += _steps(chance, begins_s, ends_s)
    if hardships.twice and crowd.phones:
        added += [
            Action(chance.uniform(begins_s, ends_s), "twice", crowd.raw + chance.randrange(crowd.phones))
            for _ in range(chance.randint(1, 5))
        ]
    if hardships.acquaintances:
        added += _long_lists(chance, crowd, begins_s, hardships.acquaintances)
    if hardships.moderators:
        added += _moderation(chance, crowd, begins_s, ends_s)
    return sorted([*actions, *added], key=lambda action: action.at_s)


def moderates(seed: int, device: str) -> bool:
    """Whether a device has a moderator's token, where there are moderators."""
    return Random(f"moderator {seed} {device}").random() < 0.4


def _moderation(chance: Random, crowd: Crowd, begins_s: float, ends_s: float) -> Iterator[Action]:
    for _ in range(MODERATIONS):
        at_s = chance.uniform(begins_s, ends_s)
        yield Action(at_s, "do", chance.randrange(crowd.raw + crowd.phones), "moderate", chance.getrandbits(32))


def _slowness(chance: Random, at_s: float) -> Action:
    return Action(
        at_s, "slow", chance.randrange(3), luck=chance.getrandbits(32), amount=chance.choice([0.05, 0.3, 3.0, 40.0])
    )


def _steps(chance: Random, begins_s: float, ends_s: float) -> Iterator[Action]:
    for _ in range(chance.randint(2, 6)):
        skew_ms = chance.choice([-86_400_000, -3_600_000, -60_000, -2_000, 2_000, 60_000, 3_600_000])
        at_s, node = chance.uniform(begins_s, ends_s), chance.randrange(3)
        yield Action(at_s, "step", node, luck=chance.getrandbits(32), amount=skew_ms)


def moments_of(action: Action) -> float:
    """How long what befalls a node lasts, in seconds."""
    return Random(action.luck).choice([0.5, 3.0, 20.0])


def _long_lists(chance: Random, crowd: Crowd, at_s: float, acquaintances: int) -> Iterator[Action]:
    """Everybody says something to the first user, who looks into everything. Then, some times over: his phones sleep,
    many of the others go on, the server starts anew, and he goes through his list while some still talk."""
    pace_s = chance.choice([0.002, 0.02])
    for who in range(acquaintances):
        yield Action(at_s + who * pace_s, "knock", who, "send", chance.getrandbits(32))
    at_s += acquaintances * pace_s + 1.0
    for device in crowd.of_the_first():
        yield Action(at_s, "browse", device)
    for _ in range(chance.randint(1, 3)):
        at_s += chance.choice([2.0, 30.0])
        knocks = [who for who in range(acquaintances) if chance.random() < 0.7 for _ in range(chance.randint(1, 3))]
        chance.shuffle(knocks)
        ends_s = at_s + len(knocks) * pace_s
        for device in crowd.of_the_first():
            yield Action(at_s, "sleep" if device >= crowd.raw else "drop", device, amount=ends_s + 3.0 - at_s)
        for nth, who in enumerate(knocks, 1):
            op = chance.choice(["send", "send", "send", "recall", "delete_all", "read"])
            yield Action(at_s + nth * pace_s, "knock", who, op, chance.getrandbits(32))
        if chance.random() < 0.8:
            yield Action(ends_s + chance.random(), chance.choice(["crash", "stop"]), 0)
        yield from _going_through(chance, crowd, ends_s + 3.0, acquaintances)
        at_s = ends_s + 3.0


def _going_through(chance: Random, crowd: Crowd, at_s: float, acquaintances: int) -> Iterator[Action]:
    # The first write tells a server that was just started that it knows what is written.
    yield Action(at_s - 0.1, "knock", chance.randrange(acquaintances), "send", chance.getrandbits(32))
    for device in crowd.of_the_first():
        yield Action(at_s, "connect", device)
        yield Action(at_s + 0.3 + chance.random(), "browse", device)
    # Where they talk faster than a page is read, nothing can be read ahead.
    for _ in range(chance.choice([0, acquaintances // 10, acquaintances])):
        op = chance.choice(["send", "send", "recall", "delete_all"])
        who = chance.randrange(acquaintances)
        yield Action(at_s + chance.random() * 10, "knock", who, op, chance.getrandbits(32))
    if chance.random() < 0.3:
        yield Action(at_s + 0.5 + chance.random(), "crash_soon", 0, amount=chance.randint(1, 300))


def _away(chance: Random, crowd: Crowd, at_s: float, hardships: Hardships) -> Iterator[Action]:
    phone = crowd.raw + chance.randrange(crowd.phones)
    others = [device for device in range(crowd.raw + crowd.phones) if device != phone]
    at_s += 0.01
    pace_s = chance.choice([0.02, 0.3])
    taking_back = ["recall", "delete_all", "send", "delete_me", "read", *["moderate"] * hardships.moderators]
    talk = ["send"] * chance.choice([2, 10, 30]) + chance.choices(taking_back, k=chance.randint(1, 6))
    if chance.random() < 0.5:
        chance.shuffle(talk)
    wakes_s = at_s + pace_s * (len(talk) + 1)
    yield Action(at_s, "sleep", phone, amount=wakes_s - at_s)
    for nth, op in enumerate(talk, 1):
        yield Action(at_s + nth * pace_s, "do", chance.choice(others), op, chance.getrandbits(32))
    if hardships.outages:
        what = chance.choice(["some", "some", "all"])
        yield Action(wakes_s + chance.random() * 0.3, "outage", 0, what, amount=chance.choice([0.2, 1.0]))
        for _ in range(SCROLLS):
            yield Action(wakes_s + chance.random(), "do", phone, "pull_old", chance.getrandbits(32))
    if chance.random() < 0.3:
        yield Action(wakes_s + chance.random() * 0.3, "drop", phone)
    for _ in range(GLANCES):
        yield Action(wakes_s + chance.random(), "glance", phone, luck=chance.getrandbits(32))
