"""Figures about the host for Prometheus, read when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from surfacehost.health import SurfaceHealth

F = TypeVar("F", GaugeMetricFamily, CounterMetricFamily)

GAUGES = {
    "surface_up": "Whether messages can flow on the surface.",
    "surface_failures": "How often in a row listening has ended.",
    "surface_last_event_timestamp_seconds": "When the last new event came; none since the process started: no sample.",
    "surface_last_send_timestamp_seconds": "When the platform last confirmed a send; likewise.",
}
COUNTERS = {
    "events_received": "New events since the process started.",
    "replies_sent": "Sends that the platform confirmed since the process started.",
    "messages_parked": "Messages parked because they kept failing, since the process started.",
}
INBOX = {
    "inbox_open": "Events that are not settled yet.",
    "inbox_oldest_open_age_seconds": "How long the oldest of them has been there; 0: none is open.",
    "inbox_parked": "Messages that wait for the operator: surfacehost inbox list.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a registry keeps it by what it is, not what it says
class Figures(Collector):
    """How the host is at one moment. Labels name surfaces, never people or chats."""

    at: float
    """Seconds since the epoch."""
    troubles: Mapping[str, str]
    """Whatever has to work, and why it does not; none where it is empty."""
    healths: Sequence[SurfaceHealth]
    inbox: Mapping[str, Mapping[str, Any]] | None
    """``inbox.counts``; None: the database does not tell."""

    def collect(self) -> Iterator[Metric]:
        """Every figure."""
        yield _gauge("ready", "Whether messages can flow everywhere.", not any(self.troubles.values()))
        yield _gauge("agent_reachable", "Whether the agent can be reached.", not self.troubles["agent"])
        yield from self._of_surfaces()
        if self.inbox is not None:
            yield from self._of_inbox(self.inbox)

    def _of_surfaces(self) -> Iterator[Metric]:
        gauges = [_of_each(GaugeMetricFamily, *one) for one in GAUGES.items()]
        counters = [_of_each(CounterMetricFamily, *one) for one in COUNTERS.items()]
        for health in self.healths:
            values = (not health.trouble, health.failures, health.event_at, health.sent_at)
            for gauge, value in zip(gauges, values, strict=True):
                if value is not None:
                    gauge.add_metric([health.name], value)
            totals = (health.events, health.sends, health.parkings)
            for counter, total in zip(counters, totals, strict=True):
                counter.add_metric([health.name], total)
        yield from (*gauges, *counters)

    def _of_inbox(self, counts: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
        """Also of surfaces that are off by now: what is parked there waits all the same."""
        families = [_of_each(GaugeMetricFamily, *one) for one in INBOX.items()]
        for surface in sorted({*counts, *(health.name for health in self.healths)}):
            found = counts.get(surface, {"open": 0, "oldest": None, "parked": 0})
            age_s = 0.0 if found["oldest"] is None else max(0.0, self.at - found["oldest"])
            for family, value in zip(families, (found["open"], age_s, found["parked"]), strict=True):
                family.add_metric([surface], value)
        yield from families


def exposition(figures: Figures, accept: str) -> tuple[bytes, str]:
    """*figures* and those of the process, in the format that the header *accept* asks for; and its content type.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    registry = CollectorRegistry()
    registry.register(figures)
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _of_each(kind: type[F], name: str, said: str) -> F:
    return kind(f"surfacehost_{name}", said, labels=["surface"])


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"surfacehost_{name}", said, value=value)
