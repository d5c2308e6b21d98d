"""Laws of instances: zone, architecture, network, addresses, placement, protection."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

from standin.laws import launch, look, volumes
from standin.laws.look import Values
from standin.row import Refused

#: Running instances a zone in a spread group. Source: Amazon EC2, "Placement strategies".
_SPREAD = 7
#: Bytes of user data before base64. Source: Amazon EC2, "Run commands when you launch an EC2 instance".
_USER_DATA = 16 * 1024


def _run(account: Any, request: Values) -> None:
    launch.named_once(request)
    request = launch.merged(account, request)
    launch.allowed(request)
    interface = (request.get("NetworkInterfaces") or [{}])[0]
    placement = request.get("Placement") or {}
    subnet = request.get("SubnetId") or interface.get("SubnetId")
    if subnet:
        place = look.subnet(account, subnet)
        _in_subnet(account, request, interface, place)
        zone = placement.get("AvailabilityZone", place["AvailabilityZone"])
        if zone != place["AvailabilityZone"]:
            raise Refused(
                "InvalidParameterValue",
                f"subnet {subnet} is in {place['AvailabilityZone']}, the instance asks for {zone}",
            )
        if placement.get("GroupName"):
            _in_group(account, placement, zone)
        if zone in account.full:
            raise Refused("InsufficientInstanceCapacity", _no_capacity(request.get("InstanceType"), zone))
    if request.get("ImageId") and request.get("InstanceType"):
        image = account.call("ec2", "describe_images", ImageIds=[request["ImageId"]])["Images"][0]
        kind = account.call("ec2", "describe_instance_types", InstanceTypes=[request["InstanceType"]])[
            "InstanceTypes"
        ][0]
        if image["Architecture"] not in kind["ProcessorInfo"]["SupportedArchitectures"]:
            raise Refused(
                "InvalidParameterValue",
                f"{request['InstanceType']} does not run images for {image['Architecture']}",
            )
    if len(base64.b64decode(request.get("UserData") or "")) > _USER_DATA:
        raise Refused("InvalidParameterValue", f"user data is limited to {_USER_DATA} bytes")
    for mapping in request.get("BlockDeviceMappings", []):
        disk = mapping.get("Ebs") or {}
        volumes.key(account, disk.get("KmsKeyId"))
        volumes.limits(
            disk.get("VolumeType"), disk.get("VolumeSize"), disk.get("Iops"), disk.get("Throughput")
        )


def _no_capacity(kind: str | None, zone: str) -> str:
    """AWS's words. Source: commonwarexyz/monorepo #2859."""
    return (
        f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested "
        f"({zone}). Our system will be working on provisioning additional capacity."
    )


def _in_subnet(account: Any, request: Values, interface: Values, place: Values) -> None:
    for group in look.groups(account, request.get("SecurityGroupIds") or interface.get("Groups") or []):
        if group["VpcId"] != place["VpcId"]:
            raise Refused(
                "InvalidParameter", f"{group['GroupId']} and {place['SubnetId']} belong to different networks"
            )
    wanted = request.get("PrivateIpAddress") or interface.get("PrivateIpAddress")
    if wanted:
        network = ipaddress.ip_network(place["CidrBlock"])
        addresses = list(network)
        # AWS keeps the first four and the last address of a subnet.
        if ipaddress.ip_address(wanted) not in addresses[4:-1]:
            raise Refused("InvalidParameterValue", f"address {wanted} is not one that {network} has to give")
        if any(
            wanted == one.get("PrivateIpAddress")
            for one in look.instances(account, subnet_id=[place["SubnetId"]])
        ):
            raise Refused("InvalidIPAddress.InUse", f"address {wanted} is in use")


def _in_group(account: Any, placement: Values, zone: str) -> None:
    name = placement["GroupName"]
    group = account.recorded(name)
    if group is None:
        raise Refused("InvalidPlacementGroup.Unknown", f"the placement group {name} is unknown")
    here = [one for one in _members(account, name) if one["Placement"]["AvailabilityZone"] == zone]
    if group["Strategy"] == "spread" and len(here) >= _SPREAD:
        raise Refused(
            "InsufficientInstanceCapacity", f"spread group {name} has {_SPREAD} instances in {zone} already"
        )
    # Source: botocore, Placement.PartitionNumber.
    number = placement.get("PartitionNumber")
    if number and (group["Strategy"] != "partition" or number > group.get("PartitionCount", 0)):
        raise Refused(
            "InvalidParameterCombination", f"{group['Strategy']} group {name} has no partition {number}"
        )
    if group["Strategy"] == "cluster" and len(here) != len(_members(account, name)):
        raise Refused("InvalidParameterCombination", f"cluster group {name} is in another zone")


def _members(account: Any, name: str) -> list[Values]:
    return [one for one in look.instances(account) if one["Placement"].get("GroupName") == name]


def _delete_group(account: Any, request: Values) -> None:
    if members := _members(account, request["Identity"]):
        names = ", ".join(one["InstanceId"] for one in members)
        raise Refused("InvalidPlacementGroup.InUse", f"placement group {request['Identity']} holds {names}")


def _modify(account: Any, request: Values) -> None:
    found = look.instances(account, instance_id=[request["InstanceId"]])[0]
    if ("InstanceType" in request or "UserData" in request) and found["State"]["Name"] != "stopped":
        raise Refused("IncorrectInstanceState", f"{request['InstanceId']} must be stopped for this change")


LAWS = {
    "run_instances": _run,
    "delete_placement_group": _delete_group,
    "modify_instance_attribute": _modify,
}
