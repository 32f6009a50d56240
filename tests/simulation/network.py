"""Links between devices and nodes: ordered while they hold, broken at any point, late, and sometimes dead in silence.

A link carries whole frames, as a WebSocket does. Within one link nothing overtakes, but notices, which may be
by their definition, are lost, doubled and moved behind one another here. What a device asks may arrive twice, one right
behind the other; nothing else is lost or moved.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import Protocol

from sixin.server.gateway.handshake import UpgradeRequest
from sixin.server.gateway.listener import Accepted
from tests.simulation.loop import Process, inside


class Node(Protocol):
    """What a link needs of a node."""

    def upgrade(self, request: UpgradeRequest) -> object:
        """Decide about a connection."""


@dataclass
class LinkFaults:
    """How bad a network is: chances per frame, and seconds."""

    slow_s: float = 0.05
    breaks: float = 0.0
    goes_dead: float = 0.0
    """The link stays open and carries nothing any more, until somebody's patience ends."""
    dead_s: float = 40.0
    doubles: float = 0.0
    """Whatever a device asks arrives twice, its hello too."""
    loses_notice: float = 0.0
    doubles_notice: float = 0.0
    moves_notice: float = 0.0


def _later(seconds: float, call: Callable[[], None]) -> None:
    """Do something after a time, as a part of the world: whoever caused it may be dead by then."""
    asyncio.get_running_loop().call_later(seconds, call, context=Context())


HIGH_WATER_BYTES = 1_500
LOW_WATER_BYTES = 400
"""Where this transport asks its writer to wait, and where it tells him to go on: as asyncio's, but small."""


def payload_of(frame: bytes) -> bytes:
    """What a server's text frame carries (RFC 6455 section 5.2: not masked, not in pieces)."""
    length = frame[1]
    return frame[2 if length < 126 else 4 if length == 126 else 10 :]


class Ends(Protocol):
    """The device's end of a link."""

    def received(self, frame: bytes) -> None:
        """A frame arrives."""

    def doubled(self, frame: bytes) -> None:
        """A frame of the device arrives at the node once more."""

    def closed(self) -> None:
        """The link is gone."""


class Pipe:
    """One direction of a link: frames arrive in order, each some time after the one before."""

    def __init__(self, chance: Random, faults: LinkFaults, arrive: Callable[[bytes], None]) -> None:
        self._chance = chance
        self._faults = faults
        self._arrive = arrive
        self._last_at = 0.0
        self.open = True
        self.bytes_waiting = 0

    def send(self, frame: bytes) -> None:
        """Put a frame on its way."""
        loop = asyncio.get_running_loop()
        self._last_at = max(self._last_at + 1e-9, loop.time() + self._chance.random() * self._faults.slow_s)
        self.bytes_waiting += len(frame)
        loop.call_at(self._last_at, self._deliver, frame, context=Context())

    def send_loose(self, frame: bytes) -> None:
        """Put a frame on its way beside the order."""
        loop = asyncio.get_running_loop()
        self.bytes_waiting += len(frame)
        loop.call_later(self._chance.random() * self._faults.slow_s * 4, self._deliver, frame, context=Context())

    def _deliver(self, frame: bytes) -> None:
        self.bytes_waiting -= len(frame)
        if self.open:
            self._arrive(frame)


class Link:
    """One connection of a device to a node: the server's socket on one side, the device's `Ends` on the other."""

    subprotocol = "sixin.v1.json"
    authorization = None
    origin = None
    remote = "192.0.2.1"

    def __init__(self, chance: Random, faults: LinkFaults, process: Process, device: Ends) -> None:
        self._chance = chance
        self._faults = faults
        self._process = process
        self._device = device
        self._handler: object = None
        self._held: list[bytes] = []
        self._paused = False
        self._full = False
        self.open = True
        self.dead = False
        self._up = Pipe(chance, faults, self._arrive_up)
        self._down = Pipe(chance, faults, self._arrive_down)
        process.deaths.append(self.break_now)

    def connect(self, node: Node) -> bool:
        """Shake hands. False where the node does not want to."""
        request = UpgradeRequest(
            target="/v1/ws", headers={}, remote=self.remote, subprotocol=self.subprotocol, subprotocol_offered=True
        )
        decision = inside(self._process, node.upgrade, request)
        if not isinstance(decision, Accepted):
            self.open = False
            return False
        self._handler = decision.handler
        inside(self._process, decision.handler.opened, self)
        return True

    # The device's end.

    def send(self, frame: bytes) -> None:
        """A frame leaves the device."""
        if not self.open:
            return
        if self._chance.random() < self._faults.breaks:
            self.break_now()
        elif self._chance.random() < self._faults.goes_dead:
            self.go_dead()
        if self.open and not self.dead:
            self._up.send(frame)
            if self._chance.random() < self._faults.doubles:
                self._device.doubled(frame)
                self._up.send(frame)

    def break_now(self) -> None:
        """The link is gone. What was on its way arrives up to a point."""
        if not self.open:
            return
        self.open = False
        if self.break_now in self._process.deaths:
            self._process.deaths.remove(self.break_now)
        if self._chance.random() < 0.5:
            self._up.open = False
        if self._chance.random() < 0.7:
            self._down.open = False
        _later(self._chance.random() * self._faults.slow_s * 2, self._tell_device)
        # The server finds out at once, or when its ping is not answered.
        wait_s = self._faults.dead_s if self._chance.random() < 0.2 else self._faults.slow_s
        _later(self._chance.random() * wait_s, self._tell_server)

    def go_dead(self) -> None:
        """Nothing arrives any more, and nobody is told, until somebody's patience ends."""
        self.dead = True
        self._up.open = self._down.open = False
        _later(self._chance.random() * self._faults.dead_s, self.break_now)

    def _tell_device(self) -> None:
        self._down.open = False
        self._device.closed()

    def _tell_server(self) -> None:
        self._up.open = False
        handler, self._handler = self._handler, None
        if handler is not None and self._process.alive:
            inside(self._process, handler.closed, 1006, "")  # type: ignore[attr-defined]

    def _arrive_up(self, frame: bytes) -> None:
        if self._paused:
            self._held.append(frame)
        elif self._handler is not None and self._process.alive:
            inside(self._process, self._handler.received, frame)  # type: ignore[attr-defined]

    def _arrive_down(self, frame: bytes) -> None:
        if self.open and not self.dead:
            self._device.received(frame)
        self._drained()

    # The server's socket.

    def write_framed(self, frames: Sequence[bytes]) -> None:
        """Frames leave the server, as they would stand on a socket."""
        for frame in map(payload_of, frames):
            if self._chance.random() < self._faults.breaks:
                self.break_now()
            if frame.startswith(b'{"notice"') and not frame.startswith(b'{"notice":"bye"'):
                self._write_notice(frame)
            elif self.open and not self.dead:
                self._down.send(frame)

    def _write_notice(self, frame: bytes) -> None:
        luck = self._chance.random()
        if not self.open or self.dead or luck < self._faults.loses_notice:
            return
        luck -= self._faults.loses_notice
        if luck < self._faults.moves_notice:
            self._down.send_loose(frame)
            return
        self._down.send(frame)
        if luck - self._faults.moves_notice < self._faults.doubles_notice:
            self._down.send_loose(frame)

    def write_buffered_bytes(self) -> int:
        """What the device has not taken yet."""
        self._full = self._full or self._down.bytes_waiting > HIGH_WATER_BYTES
        return self._down.bytes_waiting

    def _drained(self) -> None:
        """The transport has room again."""
        if self._full and self._down.bytes_waiting <= LOW_WATER_BYTES:
            self._full = False
            if self._handler is not None and self._process.alive:
                inside(self._process, self._handler.writable)  # type: ignore[attr-defined]

    def close(self, code: int, reason: str) -> None:
        """The server ends it."""
        del code, reason
        _later(self._faults.slow_s * 2, self.break_now)

    def pause_reading(self) -> None:
        """The server lets the device wait."""
        self._paused = True

    def resume_reading(self) -> None:
        """And goes on."""
        self._paused = False
        held, self._held = self._held, []
        for frame in held:
            self._up.send(frame)
