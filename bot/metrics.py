"""What the bot says of itself to Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

registry: Final[CollectorRegistry] = REGISTRY

REQUESTS: Final = Counter("ilab_requests_total", "Requests by operation and outcome.", ["operation", "outcome"])
SECONDS: Final = Histogram("ilab_request_seconds", "How long a request took.", ["operation"])
ACKS: Final = Histogram(
    "ilab_ack_seconds",
    "From a payload's arrival to its ack.",
    ["kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.7, 1.5, 3),
)
DUPLICATES: Final = Counter("ilab_duplicates_total", "Payloads that had come before.", ["kind"])
JOURNALED: Final = Counter("ilab_journaled_total", "Payloads kept in the journal because the database was silent.")
POSTS: Final = Counter("ilab_posts_total", "Posts by what became of them.", ["state"])
WEBHOOKS: Final = Counter("ilab_webhooks_total", "Vendors' webhooks by what became of them.", ["vendor", "outcome"])
SOCKET: Final = Gauge("ilab_socket_connected", "1 while Socket Mode is connected.")


def request(operation: str, outcome: str, took: float) -> None:
    """One request is counted, with the `took` seconds that it took."""
    REQUESTS.labels(operation=operation, outcome=outcome).inc()
    SECONDS.labels(operation=operation).observe(took)
