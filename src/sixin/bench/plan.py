"""What a worker is told to do, and what it tells: the lines between the processes of a run."""

from typing import Literal, Self

from msgspec import Struct, field

from sixin.bench.latency import Histogram
from sixin.bench.population import Population

Traffic = Literal[
    "send", "mix", "pull_new", "pull_old", "pull_contacts", "contact", "unread", "typing", "fanout", "idle"
]


class Plan(Struct, frozen=True, kw_only=True):
    """One worker's part of a run."""

    host: str
    port: int
    secret: str
    traffic: Traffic
    population: Population
    links: list[int]
    """Connections this worker opens; connection n belongs to user `n % population.users`."""
    asking: list[int] = []
    """Those of `links` that make requests; none given: all of them. The others listen."""
    rate: float = 0.0
    """Requests a second to offer, whatever comes back (open loop); 0: each link waits for its answers (closed)."""
    window: int = 1
    """Requests of one link under way at a time, in a closed loop."""
    warmup_s: float = 1.0
    seconds: float = 5.0
    text_bytes: int = 100
    seed: int = 1
    verify: bool = True


class Ready(Struct, frozen=True, tag=True):
    """Every connection is open."""

    opened_in_s: float


class Go(Struct, frozen=True, tag=True):
    """Begin, at this time of the machine's monotonic clock."""

    at: float


class Judge(Struct, frozen=True, tag=True):
    """Every worker is quiet: what is there now may be compared."""


class Progress(Struct, frozen=True, tag=True):
    """How a worker is getting on."""

    answered: int
    frames: int


class Quiet(Struct, frozen=True, tag=True):
    """Nothing of this worker is under way any more."""


class Verdict(Struct, tag=True):
    """What the server holds, compared with what it acknowledged. Every list of faults is cut after a few."""

    sessions: int = 0
    messages: int = 0
    acknowledged: int = 0
    unanswered_present: int = 0
    """Sends that got no answer and are there, once: allowed."""
    faults: list[str] = []
    faults_count: int = 0

    def fault(self, text: str) -> None:
        """Something the contract forbids."""
        self.faults_count += 1
        if len(self.faults) < 20:
            self.faults.append(text)

    def merge(self, other: "Verdict") -> None:
        """Take in what another worker found."""
        self.sessions += other.sessions
        self.messages += other.messages
        self.acknowledged += other.acknowledged
        self.unanswered_present += other.unanswered_present
        self.faults = [*self.faults, *other.faults][:20]
        self.faults_count += other.faults_count


class Window(Struct, frozen=True, kw_only=True):
    """What a worker counted between two looks; one look counts from its beginning."""

    seconds: float = 0.0
    answered: int = 0
    """Requests answered well, whenever they were sent: the achieved rate."""
    frames: int = 0
    bytes_read: int = 0
    cpu_s: float = 0.0

    def since(self, before: Self) -> Self:
        """What came between."""
        return type(self)(
            seconds=self.seconds - before.seconds,
            answered=self.answered - before.answered,
            frames=self.frames - before.frames,
            bytes_read=self.bytes_read - before.bytes_read,
            cpu_s=self.cpu_s - before.cpu_s,
        )


class Outcome(Struct, tag=True, kw_only=True):
    """What came of a worker's part."""

    latencies: dict[str, Histogram] = {}
    """Of each operation, those that should have been sent inside the measured window."""
    window: Window
    """About as long as was asked for: it ends when the worker looks, and everything in it is of that time."""
    answered: int = 0
    offered: int = 0
    """Requests that should have been sent inside the window."""
    errors: dict[str, int] = {}
    late: Histogram = field(default_factory=Histogram)
    """How long after its time each request of an open loop was written: what the generator itself adds."""
    verdict: Verdict | None = None


class Failed(Struct, frozen=True, tag=True):
    """A worker could not do its part."""

    reason: str


Told = Ready | Progress | Quiet | Outcome | Failed
