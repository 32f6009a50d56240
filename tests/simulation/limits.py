"""Small limits: a run is too short to reach the real ones, and what happens at a limit is where mistakes live."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType

from sixin.client import outbox, seq, sync
from sixin.core import timeline
from sixin.server import cache
from sixin.server.app import Node
from sixin.server.gateway import dispatch, websocket
from sixin.server.notify import encoded, hub
from sixin.server.operations import ahead, pulls
from sixin.server.store import kept, remembered, shared

OF_MODULES: dict[str, tuple[ModuleType, list[int]]] = {
    "TAIL_ROWS_MAX": (timeline, [1, 3, 8]),
    "PAGE_BYTES_MAX": (timeline, [60, 200]),
    "CACHED_CONTENT_BYTES_MAX": (cache, [50]),
    "CACHED_HEADS_MAX": (cache, [1, 2]),
    "KEPT_CONTACTS_MAX": (kept, [0]),  # nothing: what is dropped first of several is decided by their hashes
    "KEPT_CONTENT_BYTES_MAX": (kept, [0, 40]),
    "ROWS_MAX": (remembered, [0]),  # the same, where others write too
    "CONTENT_BYTES_MAX": (remembered, [0, 40]),
    "DISTRUST_BATCHES_MAX": (shared, [1]),
    "NOTICE_BYTES_MAX": (encoded, [0, 40]),
    "CONNECTIONS_PER_USER_MAX": (hub, [4]),  # not below the devices of a user here
    "CONNECTION_REQUESTS_MAX": (websocket, [2, 4]),
    "CONNECTION_ANSWERS_BYTES_MAX": (websocket, [2_000]),  # above the high water of the simulated transport
    "READS_WAITING_MAX": (dispatch, [2]),
    "PAGE_HIDDEN_MAX": (pulls, [4]),  # not below what one delete names here
    "PULLS_IN_FLIGHT_MAX": (sync, [1]),
    "ENTRIES_IN_FLIGHT_MAX": (outbox, [1]),
    "CHANCE_BITS": (seq, [0]),  # two devices of a user draw the same seq_id
}

OF_AHEAD: dict[str, tuple[ModuleType, list[int]]] = {
    "AHEAD_SESSIONS_MAX": (ahead, [2, 8]),
    "AHEAD_ROWS_MAX": (ahead, [9, 40]),
    "AHEAD_VERSIONS_MIN": (pulls, [1]),
}
"""Where somebody has a long list. They have luck of their own, so that the others have theirs."""

OF_NODES: dict[str, list[int]] = {
    "rows of the cache": [3, 10],
    "commands of a batch": [1, 2],
    "commands waiting": [3],
    "bytes waiting": [3_000],
}

Limits = dict[str, int]
"""Those that are small in a run."""


def choose_ahead(seed: int) -> Limits:
    """Some limits of reading ahead."""
    chance = Random(f"ahead {seed}")
    return {name: chance.choice(values) for name, (_, values) in OF_AHEAD.items() if chance.random() < 0.4}


def choose(chance: Random) -> Limits:
    """Some limits, or in every second run none."""
    if chance.random() < 0.5:
        return {}
    choices = {name: values for name, (_, values) in OF_MODULES.items()} | OF_NODES
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < 0.3}


@contextmanager
def small(limits: Limits) -> Iterator[None]:
    """While a run lasts."""
    modules = OF_MODULES | OF_AHEAD
    before = {name: getattr(module, name) for name, (module, _) in modules.items()}
    try:
        for name, (module, _) in modules.items():
            if name in limits:
                setattr(module, name, limits[name])
        yield
    finally:
        for name, (module, _) in modules.items():
            setattr(module, name, before[name])


def tighten(node: Node, limits: Limits) -> None:
    """The same for what a node was given when it was made."""
    node.cache._rows_max = limits.get("rows of the cache", node.cache._rows_max)
    node.writer._batch_max = limits.get("commands of a batch", node.writer._batch_max)
    node.writer._following_min = 1  # the real one is more than anybody here has waiting
    node.writer._queue_max = limits.get("commands waiting", node.writer._queue_max)
    node.websocket.buffer_bytes_max = limits.get("bytes waiting", node.websocket.buffer_bytes_max)
