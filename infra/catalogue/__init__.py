"""EC2 as data: instance types, volumes, limits, latencies and prices, each with its source and its date.

The figures are in data/, read once a process; docs/decisions/catalogue.md says where they come from and how
to renew them. A figure without a source is absent, and asking for it is an error, never a guess.
"""

from infra.catalogue.instances import Architecture, InstanceType, find, instance_types
from infra.catalogue.sources import Cited, ageing
from infra.catalogue.volumes import (
    Ebs,
    EbsClass,
    LocalDrives,
    burst_minutes_a_day,
    ebs,
    local_drives,
    price,
    price_region,
    unpartitioned_share,
    volume_price,
)

__all__ = [
    "Architecture",
    "Cited",
    "Ebs",
    "EbsClass",
    "InstanceType",
    "LocalDrives",
    "ageing",
    "burst_minutes_a_day",
    "ebs",
    "find",
    "instance_types",
    "local_drives",
    "price",
    "price_region",
    "unpartitioned_share",
    "volume_price",
]
