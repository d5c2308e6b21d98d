"""Prometheus metrics of one process. Names follow Prometheus' conventions; times are in seconds."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from photo_api import __version__

#: From a cached read on flash (1 ms) to the patience of the edge (30 s).
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)


class Metrics:
    """All metrics on a registry of their own, so that two apps in one process (tests) do not share figures."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Gauge("photo_api_build_info", "Always 1; the version is the label.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
        self.requests = Histogram(
            "photo_api_request_duration_seconds",
            "Time from a request's arrival to the last byte handed to the server.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("photo_api_requests_in_flight", "Requests being worked on.", registry=registry)
        self.pool_size = Gauge(
            "photo_api_pool_connections_max", "Largest size of the pool.", ["pool"], registry=registry
        )
        self.pool_open = Gauge("photo_api_pool_connections_open", "Connections open now.", ["pool"], registry=registry)
        self.pool_idle = Gauge(
            "photo_api_pool_connections_idle", "Connections open and free.", ["pool"], registry=registry
        )
        self.pool_waiting = Gauge(
            "photo_api_pool_waiting", "Requests waiting for a database connection.", ["pool"], registry=registry
        )
        self.pool_wait = Histogram(
            "photo_api_pool_wait_seconds",
            "Wait for a database connection.",
            ["pool"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.pool_exhausted = Counter(
            "photo_api_pool_exhausted",
            "Requests refused because no connection came free.",
            ["pool"],
            registry=registry,
        )
        self.writes_left = Gauge(
            "photo_api_writes_left", "Writes that run on after their caller was answered 503.", registry=registry
        )
        self.storage = Histogram(
            "photo_api_storage_duration_seconds",
            "Time of a call to S3 (for get: until the first byte).",
            ["operation", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.uploaded_bytes = Counter("photo_api_uploaded_bytes", "Bytes of photos stored.", registry=registry)
        self.removed_files = Counter(
            "photo_api_removed_files", "Files of deleted photos removed from S3.", registry=registry
        )
        self.refused_photos = Counter(
            "photo_api_refused_photos",
            "Uploads that were not an acceptable JPEG, by reason.",
            ["reason"],
            registry=registry,
        )
