"""What `/metrics` shows, in Prometheus' format. The hot path counts in plain integers; they are read when asked for."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Labelled = dict[str, float]


class Figure(Struct, frozen=True):
    """One metric: how it is called, what it means, and where its value is read."""

    name: str
    kind: str
    """`counter` or `gauge`."""
    meaning: str
    read: Callable[[], float | Labelled]
    label: str = ""
    """The name of the one label, where `read` gives a value for each."""


class Figures(Collector):
    """Reads figures when they are asked for."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self.figures = tuple(figures)

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        for figure in self.figures:
            family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
            value = figure.read()
            if isinstance(value, dict):
                metric = family(figure.name, figure.meaning, labels=[figure.label])
                for label, one in value.items():
                    metric.add_metric([label], one)
            else:
                metric = family(figure.name, figure.meaning, value=value)
            yield metric


def exposition(figures: Iterable[Figure]) -> Callable[[], bytes]:
    """A function that renders the figures, and the process's own, as text."""
    registry = CollectorRegistry()
    registry.register(Figures(figures))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return lambda: generate_latest(registry)
