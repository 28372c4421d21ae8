"""What an SRE sees of a process: Prometheus metrics, shown on an address that residents cannot reach.

Names, units and what to do: docs/operations/metrics.md. Labels are words of closed sets, never ids, names or phones.
A group of meters made without a registry counts for nobody, which suits tests and tools.
"""

from typing import TYPE_CHECKING, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.openmetrics.exposition import generate_latest

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

# Seconds from a quarter of a millisecond to ten seconds.
SECONDS = (0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
END_MARK = "# EOF\n"


def new_registry() -> CollectorRegistry:
    """An empty registry of one process, with what the system says about the process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def text_without_end(registry: CollectorRegistry) -> str:
    """OpenMetrics text that another text, with the end mark, follows."""
    text: str = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    return text.removesuffix(END_MARK)


class Exporter:
    """Shows a registry over HTTP at `host:port` (port 0: any free one) until closed. Raises OSError, ValueError."""

    def __init__(self, address: str, registry: CollectorRegistry) -> None:
        host, _, port = address.rpartition(":")
        self._server: WSGIServer
        self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry)
        self.port = int(self._server.server_port)

    def close(self) -> None:
        """Stop showing it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Pool(Protocol):
    """What a pool of connections tells of itself (asyncpg.Pool)."""

    def get_size(self) -> int:
        """Open connections."""

    def get_idle_size(self) -> int:
        """Those of them that nobody uses."""


class PoolMeters:
    """Use of the pools of database connections, by pool: `main`, `ledger`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._connections = Gauge(
            "humiao_database_connections", "Open connections", ["pool", "state"], registry=registry
        )
        self.wait = Histogram(
            "humiao_database_wait_seconds", "Until a connection was lent", ["pool"], buckets=SECONDS, registry=registry
        )
        self.busy = Counter(
            "humiao_database_busy", "Times that no connection was to be had", ["pool"], registry=registry
        )

    def watch(self, name: str, pool: Pool) -> None:
        """Show this pool from now on, in place of an earlier one of its name."""
        self._connections.labels(name, "idle").set_function(pool.get_idle_size)
        self._connections.labels(name, "used").set_function(lambda: pool.get_size() - pool.get_idle_size())
        self.wait.labels(name)
        self.busy.labels(name)


class HttpMeters:
    """Requests of the API, by route template."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.requests = Counter(
            "humiao_api_requests", "Requests answered", ["route", "method", "outcome"], registry=registry
        )
        self.seconds = Histogram(
            "humiao_api_request_seconds", "Until the answer began", ["route"], buckets=SECONDS, registry=registry
        )
        self.refusals = Counter("humiao_api_refusals", "Refusals told, by code", ["code"], registry=registry)
        self.in_flight = Gauge("humiao_api_in_flight", "Requests being answered", registry=registry)
