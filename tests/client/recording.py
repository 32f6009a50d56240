"""Recording: what every `Sync` of a run was told, and what came of it, as vectors (`sync_vectors.py`)."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sixin.client.model import Writes
from sixin.client.sync import Sync
from sixin.core.wire.views import contact_view, message_view
from tests.client.sync_vectors import copy_from, copy_in_json, held_in_json, plain, pull_in_json, writes_in_json


class Life:
    """What one `Sync` was told."""

    def __init__(self, sync: Sync) -> None:
        heads = sync._heads  # its beginning is nowhere else to be seen
        self.sizes = plain(sync._sizes)
        self.state = {
            "contact_version": heads.contact_version,
            "contacts": [plain(contact_view(one)) for one in heads.contacts.values()],
            "held": [held_in_json(one) for one in heads.held.values()],
        }
        self.pulls: list[Any] = []
        self.steps: list[dict[str, Any]] = []
        self._store = copy_from(heads)

    @property
    def vector(self) -> dict[str, Any]:
        """As it is kept."""
        return {"sizes": self.sizes, "state": self.state, "steps": self.steps, "ends": copy_in_json(self._store)}

    def write(self, writes: Writes) -> dict[str, Any]:
        """Follow what the device wrote."""
        self._store.apply(writes)
        return writes_in_json(writes)

    def number(self, pull: Any) -> int:
        """Which pull this is: the very one, for two may look alike."""
        return next(nth for nth, one in enumerate(self.pulls) if one is pull)

    @property
    def kinds(self) -> set[str]:
        """What it shows: each kind of step, with what it wrote or asked."""
        shown = set()
        for step in self.steps:
            shown |= {f"{step['do']} {name}" for name in step.get("writes", {})}
            shown |= {
                f"{pull['pull']} {'before' if pull.get('before') else ''}{'hole' if pull.get('born_up_to') else ''}"
                for pull in step.get("gives", [])
            }
        return shown


def _arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], life: Life) -> tuple[str, dict[str, Any]]:
    match name:
        case "connected":
            return name, {"contact_version": args[0]}
        case "chat_opened" | "chat_closed" | "wanted":
            return name, {"session_id": args[0]}
        case "message_noticed":
            message = None if args[2] is None else plain(message_view(args[2]))
            return name, {"session_id": args[0], "version_id": args[1], "message": message}
        case "contact_noticed":
            return name, {"version_id": args[0], "contact": None if args[1] is None else plain(contact_view(args[1]))}
        case "refused":
            return name, {"pull": life.number(args[0]), "again": kwargs["again"]}
        case "page_of":
            return name, {"session_id": args[0], "before": args[1], "limit": args[2]}
        case "newest_of":
            return "page_of", {"session_id": args[0], "before": None, "limit": args[1]}
        case "contacts_pulled" | "new_pulled" | "old_pulled" | "hidden_pulled":
            if name == "contacts_pulled":
                rows: dict[str, Any] = {"contacts": [plain(contact_view(one)) for one in args[1]]}
            elif name == "hidden_pulled":
                rows = {"msg_ids": [str(one) for one in args[1]]}
            else:
                rows = {"messages": [plain(message_view(one)) for one in args[1]]}
            return "pulled", {
                "pull": life.number(args[0]),
                "answer": {**rows, "version_id": args[2], "more": kwargs["more"]},
            }
        case _:
            return name, {}


def _recorded(name: str, method: Callable[..., Any], lives: dict[int, Life], depth: list[int]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(sync: Sync, *args: Any, **kwargs: Any) -> Any:
        life = lives.setdefault(id(sync), Life(sync))
        if depth[0]:  # called by another of its methods
            return method(sync, *args, **kwargs)
        do, given = _arguments(name, args, kwargs, life)
        depth[0] += 1
        try:
            outcome = method(sync, *args, **kwargs)
        finally:
            depth[0] -= 1
        step: dict[str, Any] = {"do": do, **({"with": given} if given else {})}
        if name in ("requests", "page_of", "newest_of"):
            made = outcome if name == "requests" else [outcome]
            life.pulls += made
            step["gives"] = [pull_in_json(pull) for pull in made]
        elif outcome is not None:
            step["writes"] = life.write(outcome)
        # Asking for nothing says nothing when it follows on asking for nothing.
        if step["do"] != "requests" or step["gives"] or (life.steps and life.steps[-1]["do"] != "requests"):
            life.steps.append(step)
        return outcome

    return call


METHODS = [
    "connected",
    "disconnected",
    "list_entered",
    "chat_opened",
    "chat_closed",
    "timer",
    "wanted",
    "message_noticed",
    "contact_noticed",
    "contacts_pulled",
    "new_pulled",
    "old_pulled",
    "hidden_pulled",
    "refused",
    "requests",
    "page_of",
    "newest_of",
]


@contextmanager
def recording() -> Iterator[dict[int, Life]]:
    """While it lasts, the lives of all devices are written down, each under a number of its own."""
    lives: dict[int, Life] = {}
    keep_alive: list[Sync] = []  # an id is only one's own while one lives
    originals = {name: getattr(Sync, name) for name in METHODS}
    begin = Sync.__init__

    def remembered(sync: Sync, *args: Any) -> None:
        begin(sync, *args)
        keep_alive.append(sync)

    Sync.__init__ = remembered  # type: ignore[method-assign, assignment]
    depth = [0]
    for name, method in originals.items():
        setattr(Sync, name, _recorded(name, method, lives, depth))
    try:
        yield lives
    finally:
        Sync.__init__ = begin  # type: ignore[method-assign]
        for name, method in originals.items():
            setattr(Sync, name, method)
