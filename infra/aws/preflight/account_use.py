"""What an account already has in a region, without what the environment in question has itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.naming import PROJECT

_RUNNING = ["pending", "running"]


class Account:
    """Questions to EC2 and Elastic Load Balancing. Each raises boto3's errors, and counts whole pages."""

    def __init__(self, ec2: Any, elb: Any, stack: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._ec2, self._elb, self._stack = ec2, elb, stack

    def hosts(self) -> dict[str, tuple[str, str]]:
        """Zone and address of each host that the environment has, by the host's name."""
        found = {}
        states = [*_RUNNING, "stopping", "stopped"]
        for instance in self._instances(states):
            if self._own(instance) and "Host" in (tags := _tags(instance)):
                zone = instance["Placement"]["AvailabilityZone"]
                found[tags["Host"]] = (zone, instance.get("PrivateIpAddress", ""))
        return found

    def vcpus(self) -> dict[str, int]:
        """vCPUs of running On-Demand instances by instance type: the type's default, which quotas count."""
        kinds = Counter(
            one["InstanceType"]
            for one in self._instances(_RUNNING)
            if not self._own(one) and one.get("InstanceLifecycle") != "spot"
        )
        if not kinds:
            return {}
        pages = self._ec2.get_paginator("describe_instance_types").paginate(
            Filters=[{"Name": "instance-type", "Values": sorted(kinds)}]
        )
        every = (one for page in pages for one in page["InstanceTypes"])
        return {
            one["InstanceType"]: kinds[one["InstanceType"]] * one["VCpuInfo"]["DefaultVCpus"] for one in every
        }

    def addresses(self) -> int:
        return self._others(self._ec2.describe_addresses()["Addresses"])

    def networks(self) -> int:
        return self._others(self._every("describe_vpcs", "Vpcs"))

    def internet_gateways(self) -> int:
        return self._others(self._every("describe_internet_gateways", "InternetGateways"))

    def nat_gateways(self, zones: tuple[str, ...]) -> int:
        """Those of the zone, of these, that has the most."""
        wanted = [{"Name": "availability-zone", "Values": list(zones)}]
        subnets = {
            one["SubnetId"]: one["AvailabilityZone"]
            for one in self._every("describe_subnets", "Subnets", Filters=wanted)
        }
        alive = [{"Name": "state", "Values": ["pending", "available"]}]
        by_zone = Counter(
            subnets[one["SubnetId"]]
            for one in self._every("describe_nat_gateways", "NatGateways", Filters=alive)
            if not self._own(one) and one["SubnetId"] in subnets
        )
        return max(by_zone.values(), default=0)

    def load_balancers(self) -> int:
        pages = self._elb.get_paginator("describe_load_balancers").paginate()
        return sum(
            one["Type"] == "application"
            and not one["LoadBalancerName"].startswith(f"{PROJECT}-{self._stack}-")
            for page in pages
            for one in page["LoadBalancers"]
        )

    def storage_gib(self, kind: str) -> int:
        return sum(volume["Size"] for volume in self._volumes(kind))

    def iops(self, kind: str) -> int:
        return sum(volume.get("Iops", 0) for volume in self._volumes(kind))

    def _volumes(self, kind: str) -> Iterator[Mapping[str, Any]]:
        wanted = [{"Name": "volume-type", "Values": [kind]}]
        every = self._every("describe_volumes", "Volumes", Filters=wanted)
        return (volume for volume in every if not self._own(volume))

    def _instances(self, states: list[str]) -> Iterator[Mapping[str, Any]]:
        wanted = [{"Name": "instance-state-name", "Values": states}]
        for reservation in self._every("describe_instances", "Reservations", Filters=wanted):
            yield from reservation["Instances"]

    def _every(self, operation: str, member: str, **request: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
        for page in self._ec2.get_paginator(operation).paginate(**request):
            yield from page[member]

    def _others(self, found: Iterator[Mapping[str, Any]]) -> int:
        return sum(not self._own(one) for one in found)

    def _own(self, found: Mapping[str, Any]) -> bool:
        tags = _tags(found)
        return tags.get("Project") == PROJECT and tags.get("Environment") == self._stack


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags") or []}
