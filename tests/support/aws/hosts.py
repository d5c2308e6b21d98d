"""Hosts and what they stand on, for tests of the tiers, without an environment around them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from infra.aws.instances import Ground
from infra.aws.naming import Naming
from infra.aws.user_data import user_data
from infra.contract import Access
from infra.environment import Size, Tier
from infra.topology import Host, HostVolume, volume_uuid

STACK = "unit"
ZONES = ("us-gov-west-1a", "us-gov-west-1b", "us-gov-west-1c")
IMAGES = {"arm64": "ami-0a0a0a0a0a0a0a0a0", "x86_64": "ami-0b0b0b0b0b0b0b0b0"}
ACCESS = Access(
    user="operator",
    authorized_keys=("ssh-ed25519 AAAA me",),
    private_key_file="/nowhere/id_ed25519",
    proxy=None,
)
DRIVES = ("flash", "instance-store", 6000, None, None)
LOG = ("log", "gp3", 100, 3000, 125)
IO2 = ("data", "io2", 500, 20_000, None)


def settings(**changes: Any) -> Any:
    """What the components read of `environment.aws`."""
    given = {
        "region": "us-gov-west-1",
        "zones": ZONES,
        "root_gib": 20,
        "images": IMAGES,
        "permissions_boundary": None,
        "deletion_protection": False,
        "owner": "ops",
        "cost_center": "42",
    }
    return SimpleNamespace(**{**given, **changes})


def host(
    tier: Tier, index: int, *volumes: tuple[str, Any, int, int | None, int | None], **changes: Any
) -> Host:
    prefix = {"database": "db"}.get(tier, tier)
    name = f"{prefix}{index + 1}"
    given: dict[str, Any] = {
        "name": name,
        "tier": tier,
        "address": f"10.64.{index}.{10 + index}",
        "gateway": f"10.64.{index}.1",
        "size": Size(vcpus=8, memory_mib=65536),
        "zone": ZONES[index % len(ZONES)],
        "instance_type": "i8g.2xlarge" if tier == "database" else "m8g.large",
        "components": (),
        "placements": (),
        "volumes": tuple(
            HostVolume(
                name=volume,
                volume_class=kind,
                size_gib=size,
                iops=iops,
                throughput_mib_s=throughput,
                uuid=volume_uuid(STACK, name, volume),
                mount_point=f"/vol/{volume}",
            )
            for volume, kind, size, iops, throughput in volumes
        ),
    }
    return Host(**{**given, **changes})


def ground(**changes: Any) -> Ground:
    known: Any = SimpleNamespace(aws=settings(**changes))
    return Ground(
        naming=Naming(STACK, known),
        settings=known.aws,
        user_data=user_data(ACCESS),
        subnet_ids={(tier, zone): f"subnet-{tier}-{zone}" for tier in ("private", "data") for zone in ZONES},
        security_group=lambda tier: f"sg-{tier}",
        instance_profile=lambda tier: f"profile-{tier}",
        kms_key_arn="arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/data",
    )
