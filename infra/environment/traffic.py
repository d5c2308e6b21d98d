"""The traffic that an environment is declared to carry, and what is assumed about it.

`Traffic` is what one must know to size anything. `Assumptions` has a default for everything else, each
with where it is from: "judgement" is to be replaced by a measurement of your own, in `traffic.assumptions`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.model import Model

Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: A share that something is divided by.
SomeShare = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Assumptions(Model):
    """What calls, rows and pages are like. Every description gives unit and source."""

    #: Load that a part may have at peak; a queue then makes a wait of 1/(1-0.6) = 2.5 service times.
    target_utilisation: float = Field(
        default=0.6, gt=0, lt=1, description="share of a part's capacity; judgement"
    )
    reads_per_read_call: Positive = Field(default=3, description="SQL reads; judgement")
    reads_per_write_call: Positive = Field(default=2, description="SQL reads; judgement")
    rows_per_write_call: Positive = Field(
        default=4, description="rows: photo, timeline, counter, outbox; judgement"
    )
    app_cache_hit: Share = Field(
        default=0.7, description="share of SQL reads answered before PostgreSQL; judgement"
    )
    database_cache_hit: Share = Field(default=0.97, description="share of pages found in memory; judgement")
    pages_per_read: Positive = Field(
        default=6, description="8 KiB pages: 4 index levels, heap, slack; judgement"
    )
    sql_ms: Positive = Field(default=2.0, description="ms a statement at the server; judgement")
    call_ms: Positive = Field(default=60.0, description="ms a call; judgement")
    cpu_ms_per_call: Positive = Field(
        default=6.0, description="ms of a web host's processor a call; judgement, measure it"
    )
    request_bytes: Positive = Field(
        default=1200, description="bytes with headers, without the photo; judgement"
    )
    response_bytes: Positive = Field(
        default=6000, description="bytes of JSON with headers, without the photo; judgement"
    )
    outbound_bytes_per_call: Positive = Field(
        default=500, description="bytes to third parties, through NAT; judgement"
    )
    calls_per_connection: Positive = Field(default=20, description="calls by keep-alive; judgement")
    connection_seconds: Positive = Field(
        default=60, description="s, the load balancer's idle timeout; judgement"
    )
    alb_rules: int = Field(default=15, ge=0, le=200, description="rules a call is held against; judgement")
    daily_users_share: Share = Field(
        default=0.2, description="share of users that come on one day; judgement"
    )
    photos_per_user: Positive = Field(default=50, description="photos; judgement")
    likes_per_photo: Positive = Field(default=1.5, description="likes; judgement")
    photo_row_bytes: Positive = Field(
        default=575.6, description="bytes, indexes included; measured on PostgreSQL 18"
    )
    like_row_bytes: Positive = Field(
        default=176.6, description="bytes, indexes included; measured on PostgreSQL 18"
    )
    user_row_bytes: Positive = Field(default=1500, description="bytes, indexes included; judgement")
    hot_photos_per_daily_user: Positive = Field(default=20, description="photos; judgement")
    locality: Positive = Field(
        default=1.5, description="bytes read for each that is needed, as whole pages; judgement"
    )
    cache_share: SomeShare = Field(
        default=0.75, description="share of a member's memory that caches pages; judgement"
    )
    cached_hot_share: Share = Field(
        default=0.6,
        description="share of the hot set in memory with which database_cache_hit holds; judgement",
    )
    wal_bytes_per_row: Positive = Field(default=140, description="bytes without page images; measured")
    pages_per_row: Positive = Field(
        default=2.2, description="pages touched: heap and index leaves; judgement"
    )
    page_image_share: Share = Field(
        default=0.6, description="share of touched pages that are logged whole; judgement"
    )
    page_image_bytes: Positive = Field(default=5700, description="bytes, uncompressed; measured")
    page_image_compression: Share = Field(
        default=0.55, description="share that compression leaves; measured with pglz"
    )
    checkpoint_s: Positive = Field(
        default=900, description="s between checkpoints; default of pigsty and autobase"
    )
    checkpoint_completion_target: SomeShare = Field(
        default=0.9, description="share of the interval; PostgreSQL's default"
    )
    commits_per_flush: Positive = Field(
        default=1, description="commits that one WAL flush carries; 1 is the upper bound of flushes"
    )
    copy_share: SomeShare = Field(
        default=0.6, description="share of a network that copying a member may take; judgement"
    )
    upload_share: Share = Field(
        default=0.4, description="share of writing calls that add a photo, others a like: 1/(1+1.5)"
    )
    image_call_share: Share = Field(
        default=0.3,
        description="photos fetched for each call: of the CDN, or as this share of the calls; judgement",
    )
    cdn_hit_share: Share = Field(
        default=0.8, description="share of photos that the CDN has and does not fetch from S3; judgement"
    )
    wal_archive_compression: Share = Field(
        default=0.5, description="share that compression leaves of archived WAL; judgement"
    )
    backup_compression: Share = Field(
        default=0.5, description="share that compression leaves of a full backup; judgement"
    )
    days_between_full_backups: int = Field(default=7, ge=1, le=90, description="d; full weekly")
    stall_s: Positive = Field(
        default=3.0, description="s that one storm of fsyncs stops the device; judgement"
    )
    host_failures_per_year: Share = Field(default=0.02, description="instances of each that fail; judgement")
    success_share: float = Field(
        default=0.9995, gt=0, lt=1, description="share of calls that must succeed; judgement"
    )


class Traffic(Model):
    """What the environment must carry, as it is today.

    Calls are HTTP requests at the edge. `peak_to_average`: the day's busiest hour over its mean.
    `write_burst`: a short burst of writes (backfill, bulk upload, fan-out) over the peak's.
    `growth_days`: days of growth that the data's volume must hold without a change.
    `durable_write_p99_ms`: how long 99 of 100 durable 4 KiB writes may take on the data's device, at most.
    """

    calls_per_day: int = Field(ge=1, le=10_000_000_000)
    users: int = Field(ge=1, le=5_000_000_000)
    peak_to_average: float = Field(ge=1, le=100, allow_inf_nan=False)
    write_share: Share
    write_burst: float = Field(ge=1, le=1000, allow_inf_nan=False)
    photo_kib: float = Field(ge=0, le=1_048_576, allow_inf_nan=False)
    growth_days: int = Field(ge=0, le=3650)
    durable_write_p99_ms: float = Field(gt=0, le=1000, allow_inf_nan=False)
    assumptions: Assumptions = Assumptions()
