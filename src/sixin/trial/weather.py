"""How bad the links of a run are, and how often each thing was done to them."""

from collections import Counter

from msgspec import Struct, field


class Weather(Struct):
    """Chances per frame, or per connection where it says so. Changed while links are open: it clears at the end."""

    refuses: float = 0.05
    """A new connection is not made; per connection."""
    cuts: float = 0.004
    """The connection ends, somewhere inside a frame."""
    delays: float = 0.05
    delay_max_s: float = 0.5
    doubles: float = 0.02
    """Something a device asks arrives twice."""
    loses_notice: float = 0.1
    doubles_notice: float = 0.1
    moves_notice: float = 0.1
    """It arrives behind the frame that followed it."""

    def clear(self) -> None:
        """From here on everything arrives, once and in order."""
        for name in ("refuses", "cuts", "delays", "doubles", "loses_notice", "doubles_notice", "moves_notice"):
            setattr(self, name, 0.0)


class Done(Struct):
    """What was done to the links."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, fault: str) -> None:
        """Once more."""
        self.counts[fault] += 1
