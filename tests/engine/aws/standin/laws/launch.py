"""RunInstances as EC2 sees it: the launch template with the request over it, and what may not be combined.

The rules are a table, each with its source: `botocore` is the documentation of a member in botocore's model
of EC2 (ec2/2016-11-15), which is AWS's own. EC2 applies them to the merged request, whichever side a member
is from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from standin.laws.look import Values
from standin.row import Refused

#: Lists whose items replace those of the template item by item, and what names an item.
#: Source: Amazon EC2, "Launch instances using a launch template", on overriding block devices and interfaces.
_KEYED = {
    "BlockDeviceMappings": "DeviceName",
    "NetworkInterfaces": "DeviceIndex",
    "TagSpecifications": "ResourceType",
}
#: Source: botocore, RunInstancesRequest.TagSpecifications.
_TAGGED = {"instance", "volume", "spot-instances-request", "network-interface"}
#: Source: botocore, InstanceNetworkInterfaceSpecification: "Applies only if creating a network interface".
_OF_NEW = ("Groups", "SubnetId", "Description", "PrivateIpAddress")


def merged(account: Any, request: Values) -> Values:
    """The request with the parameters of its launch template where it has none of its own."""
    named = request.get("LaunchTemplate")
    return request if not named else over(_data(account, named), request)


def over(template: Values, request: Values) -> Values:
    """`request` over the data of a launch template."""
    whole = {**template, **{name: value for name, value in request.items() if name != "LaunchTemplate"}}
    for name, key in _KEYED.items():
        if name in template and name in request:
            own = {item.get(key) for item in request[name]}
            whole[name] = [*request[name], *(item for item in template[name] if item.get(key) not in own)]
    return whole


def _data(account: Any, named: Values) -> Values:
    known = {name: named[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if name in named}
    version = named.get("Version", "$Default")
    found = account.call("ec2", "describe_launch_template_versions", **known, Versions=[version])
    if not found["LaunchTemplateVersions"]:
        raise Refused("InvalidLaunchTemplateId.VersionNotFound", f"{known} has no version {version}")
    data: Values = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    # moto puts the template's own tags into what instances take from it.
    own = [one for one in data.get("TagSpecifications", []) if one.get("ResourceType") != "launch-template"]
    return {**data, "TagSpecifications": own} if "TagSpecifications" in data else data


@dataclass(frozen=True)
class Rule:
    """`broken` yields what the merged request says against it."""

    code: str
    source: str
    broken: Callable[[Values], Iterator[str]]


def _beside_interfaces(what: str, *members: str) -> Callable[[Values], Iterator[str]]:
    def broken(request: Values) -> Iterator[str]:
        given = [name for name in members if request.get(name)]
        if request.get("NetworkInterfaces") and given:
            yield (
                f"Network interfaces and an instance-level {what} may not be specified on the same request "
                f"({given[0]})"
            )

    return broken


def _together(first: str, second: str, part: str = "") -> Callable[[Values], Iterator[str]]:
    def broken(request: Values) -> Iterator[str]:
        for values in _parts(request, part):
            if values.get(first) and values.get(second):
                yield f"{first} may not be used in combination with {second}"

    return broken


def _parts(request: Values, part: str) -> list[Values]:
    found = request.get(part) or [] if part else request
    return found if isinstance(found, list) else [found]


def _public(request: Values) -> Iterator[str]:
    interfaces = request.get("NetworkInterfaces") or []
    for one in interfaces:
        if "AssociatePublicIpAddress" not in one:
            continue
        if len(interfaces) > 1:
            yield "AssociatePublicIpAddress may not be given with more than one network interface"
        if one.get("NetworkInterfaceId"):
            yield "AssociatePublicIpAddress is for a new network interface, not an existing one"
        if one["AssociatePublicIpAddress"] and one.get("DeviceIndex") != 0:
            yield "AssociatePublicIpAddress is for the interface of device index 0"


def _indices(request: Values) -> Iterator[str]:
    indices = [one.get("DeviceIndex") for one in request.get("NetworkInterfaces") or []]
    if indices and (None in indices or 0 not in indices):
        yield f"each network interface needs a device index, one of them 0; these are {indices}"
    for index, count in Counter(indices).items():
        if count > 1:
            yield f"{count} network interfaces have the device index {index}"


def _existing(request: Values) -> Iterator[str]:
    for one in request.get("NetworkInterfaces") or []:
        if known := one.get("NetworkInterfaceId"):
            for name in (*_OF_NEW, "PrivateIpAddresses"):
                if one.get(name):
                    yield f"{name} is for a new network interface, and {known} exists"
            if one.get("DeleteOnTermination"):
                yield f"DeleteOnTermination may be true only for a new interface, and {known} exists"


def _several(request: Values) -> Iterator[str]:
    addressed = request.get("PrivateIpAddress") or any(
        one.get("PrivateIpAddress") or one.get("PrivateIpAddresses")
        for one in request.get("NetworkInterfaces") or []
    )
    if addressed and request.get("MaxCount", 1) > 1:
        yield f"a private address is for one instance, and {request['MaxCount']} are asked for"


def _primaries(request: Values) -> Iterator[str]:
    for one in request.get("NetworkInterfaces") or []:
        first = [item for item in one.get("PrivateIpAddresses") or [] if item.get("Primary")]
        if len(first) + bool(one.get("PrivateIpAddress")) > 1:
            yield "only one private address of an interface may be primary"


def _required(request: Values) -> Iterator[str]:
    for name in ("ImageId", "InstanceType"):
        if not request.get(name):
            yield f"The request must contain the parameter {name}, here or in a launch template"


def _credits(request: Values) -> Iterator[str]:
    kind = request.get("InstanceType", "")
    if request.get("CreditSpecification") and not kind.startswith("t"):
        yield f"CreditSpecification is valid only for T instances, not for {kind}"


def _metadata(request: Values) -> Iterator[str]:
    options = request.get("MetadataOptions") or {}
    others = sorted(options.keys() - {"HttpEndpoint", "State"})
    if options.get("HttpEndpoint") == "disabled" and others:
        yield f"{', '.join(others)} may not be given where HttpEndpoint is disabled"


def _disks(request: Values) -> Iterator[str]:
    mappings = request.get("BlockDeviceMappings") or []
    for name, count in Counter(one.get("DeviceName") for one in mappings).items():
        if count > 1:
            yield f"device {name} is mapped {count} times"
    for one in mappings:
        if sum(name in one for name in ("Ebs", "VirtualName", "NoDevice")) > 1:
            yield f"device {one.get('DeviceName')} has more than one of Ebs, VirtualName and NoDevice"
        disk = one.get("Ebs") or {}
        if disk.get("KmsKeyId") and not disk.get("Encrypted"):
            yield f"device {one.get('DeviceName')} has KmsKeyId and is not Encrypted"


def _tags(request: Values) -> Iterator[str]:
    specifications = request.get("TagSpecifications") or []
    for kind, count in Counter(one.get("ResourceType") for one in specifications).items():
        if kind not in _TAGGED:
            yield f"'{kind}' is not a taggable resource type for this operation"
        if count > 1:
            yield f"{count} tag specifications are for '{kind}'"
    for one in specifications:
        for key, count in Counter(tag.get("Key") for tag in one.get("Tags") or []).items():
            if count > 1:
                yield f"tag key {key} is given {count} times for '{one.get('ResourceType')}'"


def _template(request: Values) -> Iterator[str]:
    named = request.get("LaunchTemplate") or {}
    if named and ("LaunchTemplateId" in named) == ("LaunchTemplateName" in named):
        yield "a launch template is named by its id or by its name, not by both"


_RUN = "botocore, RunInstancesRequest"
_INTERFACE = "botocore, InstanceNetworkInterfaceSpecification"
_COMBINATION, _VALUE = "InvalidParameterCombination", "InvalidParameterValue"
#: What EC2 refuses in one RunInstances. aws-cli #518, #809 and terraform #687, #1188 have the messages.
RULES = (
    Rule(
        _COMBINATION,
        f"{_RUN}.SecurityGroupIds",
        _beside_interfaces("security groups", "SecurityGroupIds", "SecurityGroups"),
    ),
    Rule(_COMBINATION, f"{_RUN}.SubnetId", _beside_interfaces("subnet ID", "SubnetId")),
    Rule(
        _COMBINATION, f"{_RUN}.PrivateIpAddress", _beside_interfaces("private IP address", "PrivateIpAddress")
    ),
    Rule(
        _COMBINATION,
        f"{_RUN}.Ipv6Addresses",
        _beside_interfaces("IPv6 address", "Ipv6Addresses", "Ipv6AddressCount"),
    ),
    Rule(_COMBINATION, f"{_RUN}.Ipv6AddressCount", _together("Ipv6Addresses", "Ipv6AddressCount")),
    Rule(
        _COMBINATION,
        f"{_INTERFACE}.Ipv6Addresses",
        _together("Ipv6Addresses", "Ipv6AddressCount", "NetworkInterfaces"),
    ),
    Rule(
        _COMBINATION,
        f"{_INTERFACE}.Ipv4Prefixes",
        _together("Ipv4Prefixes", "Ipv4PrefixCount", "NetworkInterfaces"),
    ),
    Rule(_COMBINATION, f"{_INTERFACE}.AssociatePublicIpAddress", _public),
    Rule(_VALUE, f"{_INTERFACE}.DeviceIndex", _indices),
    Rule(_COMBINATION, f"{_INTERFACE}.Groups, .DeleteOnTermination", _existing),
    Rule(_VALUE, f"{_INTERFACE}.PrivateIpAddresses", _primaries),
    Rule(_COMBINATION, f"{_RUN}.PrivateIpAddress", _several),
    Rule(
        _COMBINATION,
        "botocore, RequestLaunchTemplateData.SecurityGroups",
        _together("SecurityGroupIds", "SecurityGroups"),
    ),
    Rule(_COMBINATION, "aws-sdk-java #647", _together("Arn", "Name", "IamInstanceProfile")),
    Rule("MissingParameter", f"{_RUN}.ImageId", _required),
    Rule(_COMBINATION, "botocore, RequestLaunchTemplateData.CreditSpecification", _credits),
    Rule(_COMBINATION, "terraform-provider-aws, expandInstanceMetadataOptions", _metadata),
    Rule("InvalidBlockDeviceMapping", "botocore, BlockDeviceMapping and EbsBlockDevice.KmsKeyId", _disks),
    Rule(_VALUE, f"{_RUN}.TagSpecifications", _tags),
)


def allowed(request: Values) -> None:
    """Raises `Refused` for the first rule that the merged request breaks."""
    for rule in RULES:
        for why in rule.broken(request):
            raise Refused(rule.code, why)


def named_once(request: Values) -> None:
    """Raises `Refused` for a template named twice. Source: botocore, LaunchTemplateSpecification."""
    for why in _template(request):
        raise Refused(_COMBINATION, why)
