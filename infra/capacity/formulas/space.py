"""What the data takes on a device and in memory, and how long the device lasts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from infra.capacity.formulas.demand import Demand
from infra.catalogue.units import GB, GB_PER_GIB
from infra.environment.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Space:
    """Decimal gigabytes; a member holds all of it. `growth_gb_day` is of rows, `photo_*` of objects in S3."""

    photos: float
    data_gb: float
    hot_gb: float
    max_wal_size_gib: int
    growth_gb_day: float
    photo_gb: float
    photo_growth_gb_day: float

    @property
    def wal_gb(self) -> float:
        return self.max_wal_size_gib * GB_PER_GIB


def space(traffic: Traffic, demand: Demand) -> Space:
    """What `traffic`'s users hold today, and what its writes add."""
    a = traffic.assumptions
    photos = traffic.users * a.photos_per_user
    rows = (
        traffic.users * a.user_row_bytes
        + photos * a.photo_row_bytes
        + photos * a.likes_per_photo * a.like_row_bytes
    )
    hot = a.user_row_bytes + a.hot_photos_per_daily_user * a.photo_row_bytes * a.locality
    # PostgreSQL starts a checkpoint after max_wal_size / (1 + completion target) of WAL
    # (CalculateCheckpointSegments): below this, a burst makes checkpoints chase each other.
    wal = demand.wal_burst_bytes_per_s * a.checkpoint_s * (1 + a.checkpoint_completion_target)
    writes_day = traffic.calls_per_day * traffic.write_share
    # A writing call adds a photo or a like; its other rows are updated or removed again.
    row = a.upload_share * a.photo_row_bytes + (1 - a.upload_share) * a.like_row_bytes
    photo_bytes = traffic.photo_kib * 1024
    return Space(
        photos=photos,
        data_gb=rows / GB,
        hot_gb=traffic.users * a.daily_users_share * hot / GB,
        max_wal_size_gib=math.ceil(wal / 2**30),
        growth_gb_day=writes_day * row / GB,
        photo_gb=photos * photo_bytes / GB,
        photo_growth_gb_day=writes_day * a.upload_share * photo_bytes / GB,
    )


def cache_gb(memory_gib: float, cache_share: float) -> float:
    """Decimal gigabytes of pages that a member's memory holds: shared buffers and page cache."""
    return memory_gib * GB_PER_GIB * cache_share


def share_in_cache(cache: float, hot: float) -> float:
    """Share of the hot set that fits the cache; below 1 it spills to the device."""
    return min(1.0, cache / hot) if hot else 1.0


def usable_gb(raw_gb: float, unpartitioned_share: float, fs_overhead: float, max_fill: float) -> float:
    """Decimal gigabytes that may be filled of a device of `raw_gb`."""
    return raw_gb * (1 - unpartitioned_share) * (1 - fs_overhead) * max_fill


def days_until_full(usable: float, used: float, growth_per_day: float) -> float:
    """Days until `used` reaches `usable`, same units; 0 if it has, infinite without growth."""
    if used >= usable:
        return 0.0
    return (usable - used) / growth_per_day if growth_per_day else math.inf
