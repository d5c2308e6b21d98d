"""What each host asks of EC2: the request that pulumi-aws makes of instance and template, and EC2's rules."""

from __future__ import annotations

from typing import Any

import pytest
from standin import convert
from standin.laws import launch
from standin.row import Refused
from standin.table.instances import body, template_body

from tests.support.aws.whole import whole
from tests.support.aws_environments import STACKS

INSTANCE, TEMPLATE = "aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"
#: Settings of the provider, which no request carries.
_OWN = ("tags", "maintenanceOptions", "updateDefaultVersion", "disableApiStop", "disableApiTermination")


def requests(stack: str) -> dict[str, dict[str, Any]]:
    """By host: RunInstances with its launch template merged into it."""
    recorded = whole(stack).recorded
    templates = {one.id: one.inputs for one in recorded.of(TEMPLATE)}
    made = {}
    for one in recorded.of(INSTANCE):
        inputs = {name: value for name, value in one.inputs.items() if name not in _OWN}
        template = templates[inputs["launchTemplate"]["id"]]
        data = {name: value for name, value in template.items() if name not in _OWN}
        asked = convert.request("ec2", "run_instances", body(inputs))
        template_request = convert.request("ec2", "create_launch_template", template_body(data))
        made[one.name] = launch.over(template_request["LaunchTemplateData"], asked)
    return made


@pytest.mark.parametrize("stack", STACKS)
def test_ec2_takes_the_request_of_every_host(stack: str) -> None:
    found = requests(stack)
    assert len(found) == len(whole(stack).hosts.hosts)
    for request in found.values():
        launch.allowed(request)
        [interface] = request["NetworkInterfaces"]
        assert len(interface["Groups"]) == 1
        assert interface["AssociatePublicIpAddress"] is False
        assert interface["PrivateIpAddress"]


_ROOT = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}
_ASKED = {"ImageId": "ami-1", "InstanceType": "c7g.large", "MinCount": 1, "MaxCount": 1}
_FIRST = {"DeviceIndex": 0, "SubnetId": "subnet-1", "Groups": ["sg-1"]}

#: What breaks one rule each: the template, the request, and what EC2 says.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "groups of the template": (
        {"SecurityGroupIds": ["sg-1"]},
        {"NetworkInterfaces": [_FIRST]},
        "instance-level security groups",
    ),
    "group names of the template": (
        {"SecurityGroups": ["web"]},
        {"NetworkInterfaces": [_FIRST]},
        "instance-level security groups",
    ),
    "interface of the template, subnet of the request": (
        {"NetworkInterfaces": [_FIRST]},
        {"SubnetId": "subnet-2"},
        "instance-level subnet ID",
    ),
    "interface of the template, address of the request": (
        {"NetworkInterfaces": [_FIRST]},
        {"PrivateIpAddress": "10.0.0.9"},
        "instance-level private IP address",
    ),
    "IPv6 beside an interface": (
        {"Ipv6AddressCount": 1},
        {"NetworkInterfaces": [_FIRST]},
        "instance-level IPv6 address",
    ),
    "IPv6 by count and by address": (
        {"Ipv6AddressCount": 1},
        {"Ipv6Addresses": [{"Ipv6Address": "fd00::1"}]},
        "Ipv6Addresses may not be used in combination with Ipv6AddressCount",
    ),
    "IPv6 of an interface by both": (
        {},
        {"NetworkInterfaces": [{**_FIRST, "Ipv6AddressCount": 1, "Ipv6Addresses": [{"Ipv6Address": "::1"}]}]},
        "Ipv6Addresses may not be used in combination with Ipv6AddressCount",
    ),
    "prefixes of an interface by both": (
        {},
        {
            "NetworkInterfaces": [
                {**_FIRST, "Ipv4PrefixCount": 1, "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.0.0/28"}]}
            ]
        },
        "Ipv4Prefixes may not be used in combination with Ipv4PrefixCount",
    ),
    "public address and two interfaces": (
        {"NetworkInterfaces": [{"DeviceIndex": 1, "SubnetId": "subnet-1"}]},
        {"NetworkInterfaces": [{**_FIRST, "AssociatePublicIpAddress": False}]},
        "more than one network interface",
    ),
    "public address of the second interface": (
        {},
        {"NetworkInterfaces": [{"DeviceIndex": 1, "AssociatePublicIpAddress": True}]},
        "is for the interface of device index 0",
    ),
    "public address of an existing interface": (
        {},
        {
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "NetworkInterfaceId": "eni-1", "AssociatePublicIpAddress": True}
            ]
        },
        "is for a new network interface",
    ),
    "no first interface": ({}, {"NetworkInterfaces": [{**_FIRST, "DeviceIndex": 1}]}, "one of them 0"),
    "no device index": ({}, {"NetworkInterfaces": [{"SubnetId": "subnet-1"}]}, "needs a device index"),
    "one device index twice": (
        {},
        {"NetworkInterfaces": [_FIRST, _FIRST]},
        "2 network interfaces have the device index 0",
    ),
    "groups of an existing interface": (
        {},
        {"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": "eni-1", "Groups": ["sg-1"]}]},
        "Groups is for a new network interface",
    ),
    "an existing interface that goes with its host": (
        {},
        {
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "NetworkInterfaceId": "eni-1", "DeleteOnTermination": True}
            ]
        },
        "DeleteOnTermination may be true only for a new interface",
    ),
    "two primary addresses": (
        {},
        {
            "NetworkInterfaces": [
                {
                    **_FIRST,
                    "PrivateIpAddress": "10.0.0.9",
                    "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.8", "Primary": True}],
                }
            ]
        },
        "only one private address of an interface may be primary",
    ),
    "one address for two hosts": ({}, {"PrivateIpAddress": "10.0.0.9", "MaxCount": 2}, "is for one instance"),
    "groups by id and by name": (
        {"SecurityGroups": ["web"]},
        {"SecurityGroupIds": ["sg-1"]},
        "SecurityGroupIds may not be used in combination with SecurityGroups",
    ),
    "a profile by name and by ARN": (
        {},
        {"IamInstanceProfile": {"Name": "web", "Arn": "arn:aws:iam::1:instance-profile/web"}},
        "Arn may not be used in combination with Name",
    ),
    "no image": ({}, {"ImageId": None}, "must contain the parameter ImageId"),
    "no instance type": ({}, {"InstanceType": None}, "must contain the parameter InstanceType"),
    "credits of a type that has none": (
        {"CreditSpecification": {"CpuCredits": "unlimited"}},
        {},
        "valid only for T instances, not for c7g.large",
    ),
    "options of a metadata service that is off": (
        {},
        {"MetadataOptions": {"HttpEndpoint": "disabled", "HttpTokens": "required"}},
        "HttpTokens may not be given",
    ),
    "one device twice": ({}, {"BlockDeviceMappings": [_ROOT, _ROOT]}, "device /dev/xvda is mapped 2 times"),
    "a device that is two things": (
        {},
        {"BlockDeviceMappings": [{**_ROOT, "VirtualName": "ephemeral0"}]},
        "has more than one of Ebs, VirtualName and NoDevice",
    ),
    "a key for a disk that is not encrypted": (
        {},
        {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"KmsKeyId": "alias/a"}}]},
        "has KmsKeyId and is not Encrypted",
    ),
    "tags of what a launch does not make": (
        {"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]},
        {},
        "'vpc' is not a taggable resource type",
    ),
    "two lists of tags for one kind": (
        {},
        {"TagSpecifications": [{"ResourceType": "volume"}, {"ResourceType": "volume"}]},
        "2 tag specifications are for 'volume'",
    ),
    "one tag twice": (
        {},
        {"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a"}, {"Key": "a"}]}]},
        "tag key a is given 2 times",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_ec2_refuses_what_may_not_be_combined(case: str) -> None:
    template, request, says = REFUSED[case]
    launch.allowed({**_ASKED})
    with pytest.raises(Refused, match=says):
        launch.allowed(launch.over(template, {**_ASKED, **request}))


def test_every_rule_is_broken_by_a_case() -> None:
    broken = set()
    for template, request, _ in REFUSED.values():
        whole_request = launch.over(template, {**_ASKED, **request})
        broken |= {index for index, rule in enumerate(launch.RULES) if list(rule.broken(whole_request))}
    assert broken == set(range(len(launch.RULES)))


def test_the_request_overrides_its_template_item_by_item() -> None:
    template = {"BlockDeviceMappings": [_ROOT, {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}]}
    wider = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30}}
    found = launch.over({**template, "KeyName": "a"}, {"BlockDeviceMappings": [wider], "LaunchTemplate": {}})
    assert found == {"KeyName": "a", "BlockDeviceMappings": [wider, template["BlockDeviceMappings"][1]]}
