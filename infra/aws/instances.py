"""Hosts as EC2 instances: one component a tier, which web.py, database.py and control.py make.

A launch template holds what a host is born with, image and user data among it; the instance what may change
in its life. A new image or user data is for new hosts: a living one gets its packages from Ansible, and to
replace it would be to lose it.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra import catalogue
from infra.aws.devices import ROOT_DEVICE
from infra.aws.guards import guards
from infra.aws.naming import Component, Naming
from infra.aws.volumes import attach_volumes, make_volumes
from infra.environment import Tier
from infra.environment.aws import Aws
from infra.environment.subnets import HOST_TIERS, SubnetTier
from infra.errors import EnvironmentInvalid
from infra.topology import Host

#: What Pulumi must not change on a living host; the reason is above. Another version of the template is both.
BORN_WITH = ["ami", "userData", "launchTemplate"]

#: Instances of a spread group in one zone, and partitions of a partition group in one zone.
#: Source: EC2 user guide, "Placement strategies for your placement groups".
SPREAD_A_ZONE = PARTITIONS = 7

#: Only with a session's token (IMDSv2), and one hop: no answer gets through a router, such as a container's.
_ENDPOINT, _TOKENS, _HOPS, _TAGS = "enabled", "required", 1, "disabled"


@dataclass(frozen=True)
class Ground:
    """What the hosts of all tiers stand on."""

    naming: Naming
    settings: Aws
    user_data: str
    subnet_ids: Mapping[tuple[SubnetTier, str], pulumi.Input[str]]
    security_group: Callable[[Tier], pulumi.Input[str]]
    instance_profile: Callable[[Tier], pulumi.Input[str]]
    kms_key_arn: pulumi.Input[str]


class Hosts(Component):
    """The hosts of one tier. `instances` by host, `volumes` by host and volume: those on EBS."""

    def __init__(self, ground: Ground, tier: Tier, hosts: tuple[Host, ...], spread: bool) -> None:
        super().__init__(ground.naming, tier.capitalize())
        self._ground = ground
        self._tier = tier
        self.instances: dict[str, aws.ec2.Instance] = {}
        self.volumes: dict[str, dict[str, aws.ebs.Volume]] = {}
        if not hosts:
            return
        template = self._template(hosts[0])
        strategy = placement(hosts) if spread else None
        group = self._placement_group(strategy) if strategy else None
        for index, host in enumerate(hosts):
            volumes = make_volumes(self, host, ground.kms_key_arn)
            partition = index % PARTITIONS + 1 if strategy == "partition" else None
            instance = self._instance(host, template, group, partition, list(volumes.values()))
            attach_volumes(self, host, volumes, instance)
            self.instances[host.name], self.volumes[host.name] = instance, volumes

    def _tags(self, *parts: str, **extra: str) -> dict[str, str]:
        naming = self._ground.naming
        return naming.tags(Name=naming.label(*parts), Tier=self._tier, **extra)

    def _template(self, host: Host) -> aws.ec2.LaunchTemplate:
        ground = self._ground
        name = ground.naming.resource(self._tier)
        tags = self._tags(self._tier)
        return aws.ec2.LaunchTemplate(
            name,
            name=name,
            description=f"What a host of the {self._tier} tier is born with.",
            update_default_version=True,
            image_id=image(ground.settings, host),
            instance_type=host.instance_type,
            user_data=base64.b64encode(ground.user_data.encode()).decode(),
            # No security groups: the instance's `private_ip` makes pulumi-aws send a network interface, which
            # has its groups, and EC2 refuses an interface beside groups of the template
            # (InvalidParameterCombination; terraform-provider-aws #32614). An instance that a person starts
            # from the template gets the VPC's default group, which is closed.
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(
                name=ground.instance_profile(self._tier)
            ),
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint=_ENDPOINT,
                http_tokens=_TOKENS,
                http_put_response_hop_limit=_HOPS,
                instance_metadata_tags=_TAGS,
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=ground.settings.deletion_protection),
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=ROOT_DEVICE,
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=ground.settings.root_gib,
                        encrypted="true",
                        kms_key_id=ground.kms_key_arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
                for kind in ("instance", "volume", "network-interface")
            ],
            tags=tags,
            opts=self.of(),
        )

    def _placement_group(self, strategy: Literal["spread", "partition"]) -> aws.ec2.PlacementGroup:
        name = self._ground.naming.resource(self._tier)
        return aws.ec2.PlacementGroup(
            name,
            name=name,
            strategy=strategy,
            partition_count=PARTITIONS if strategy == "partition" else None,
            spread_level="rack" if strategy == "spread" else None,
            tags=self._tags(self._tier),
            opts=self.of(),
        )

    def _instance(
        self,
        host: Host,
        template: aws.ec2.LaunchTemplate,
        group: aws.ec2.PlacementGroup | None,
        partition: int | None,
        volumes: list[aws.ebs.Volume],
    ) -> aws.ec2.Instance:
        ground = self._ground
        guard = guards(host, ground.settings.deletion_protection)
        assert host.zone is not None  # noqa: S101 - every host of platform aws has one
        return aws.ec2.Instance(
            ground.naming.resource(host.name),
            launch_template=aws.ec2.InstanceLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            ami=image(ground.settings, host),
            user_data=ground.user_data,
            instance_type=host.instance_type,
            availability_zone=host.zone,
            subnet_id=ground.subnet_ids[HOST_TIERS[host.tier][0], host.zone],
            private_ip=host.address,
            associate_public_ip_address=False,
            vpc_security_group_ids=[ground.security_group(host.tier)],
            iam_instance_profile=ground.instance_profile(host.tier),
            placement_group=group.name if group else None,
            placement_partition_number=partition,
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint=_ENDPOINT,
                http_tokens=_TOKENS,
                http_put_response_hop_limit=_HOPS,
                instance_metadata_tags=_TAGS,
            ),
            monitoring=ground.settings.deletion_protection,
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=ground.settings.root_gib,
                encrypted=True,
                kms_key_id=ground.kms_key_arn,
                delete_on_termination=True,
                tags=self._tags(host.name, "root", Host=host.name),
            ),
            disable_api_termination=guard.disable_api_termination,
            disable_api_stop=guard.disable_api_stop,
            maintenance_options=aws.ec2.InstanceMaintenanceOptionsArgs(
                auto_recovery="disabled" if guard.no_auto_recovery else "default"
            ),
            # Also where drives are lost by it: a stopped host keeps its root, address and logs.
            instance_initiated_shutdown_behavior="stop",
            tags=self._tags(host.name, Host=host.name),
            opts=self.of(
                protect=guard.protect,
                ignore_changes=BORN_WITH,
                # Its address is its own: the next one cannot have it before this one is gone.
                delete_before_replace=True,
                # Deleting goes the other way: a volume goes after the instance that may still write to it.
                depends_on=volumes,
            ),
        )


def image(settings: Aws, host: Host) -> str:
    """The pinned image for the host's architecture. Raises `EnvironmentInvalid` where none is pinned."""
    assert host.instance_type is not None  # noqa: S101 - every host of platform aws has one
    architecture = catalogue.find(host.instance_type).architecture
    pinned = settings.images.get(architecture)
    if not pinned:
        raise EnvironmentInvalid(
            [
                f"flashtier:environment.aws.images.{architecture}: is missing, and {host.instance_type} of "
                f"{host.name} needs it; run `flashtier image -s STACK`, which pins the newest Debian 13"
            ]
        )
    return pinned


def placement(hosts: tuple[Host, ...]) -> Literal["spread", "partition"] | None:
    """How hosts of one tier stay off each other's racks, None for a single one.

    A spread group gives each its own rack, as far as it reaches; beyond, partitions share no rack.
    """
    if len(hosts) < 2:
        return None
    fullest = max(Counter(host.zone for host in hosts).values())
    return "spread" if fullest <= SPREAD_A_ZONE else "partition"
