"""Laws of the VPC: what depends on what, and what a group and an address may be."""

from __future__ import annotations

import re
from typing import Any

from standin.laws import look
from standin.laws.look import Values
from standin.row import Refused

#: Letters that EC2 takes in a group's description.
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")
#: Rules a direction and group. Source: Amazon VPC quotas, "Inbound or outbound rules per security group".
_RULES = 60


def _nat(account: Any, request: Values) -> None:
    network = look.subnet(account, request["SubnetId"])["VpcId"]
    wanted = [{"Name": "attachment.vpc-id", "Values": [network]}]
    if not account.call("ec2", "describe_internet_gateways", Filters=wanted)["InternetGateways"]:
        raise Refused("Gateway.NotAttached", f"network {network} has no internet gateway attached")


def _delete_subnet(account: Any, request: Values) -> None:
    identity = request["SubnetId"]
    users = [one["InstanceId"] for one in look.instances(account, subnet_id=[identity])]
    users += [one["NatGatewayId"] for one in look.gateways(account, {identity})]
    users += [one["VpcEndpointId"] for one in look.endpoints(account) if identity in one.get("SubnetIds", [])]
    users += [
        k
        for k, one in account.records("create_instance_connect_endpoint").items()
        if one["SubnetId"] == identity
    ]
    for one in look.balancers(account):
        users += [
            one["LoadBalancerName"] for zone in one["AvailabilityZones"] if zone["SubnetId"] == identity
        ]
    if users:
        raise Refused("DependencyViolation", f"the subnet {identity} has dependencies: {', '.join(users)}")


def _delete_group(account: Any, request: Values) -> None:
    identity = request["GroupId"]
    users = [one["InstanceId"] for one in look.instances(account, instance__group_id=[identity])]
    for group in account.call("ec2", "describe_security_groups")["SecurityGroups"]:
        rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
        named = {pair["GroupId"] for rule in rules for pair in rule.get("UserIdGroupPairs", [])}
        if group["GroupId"] != identity and identity in named:
            users.append(f"a rule of {group['GroupId']}")
    users += [
        one["LoadBalancerName"]
        for one in look.balancers(account)
        if identity in one.get("SecurityGroups", [])
    ]
    users += [
        one["VpcEndpointId"]
        for one in look.endpoints(account)
        if identity in [group["GroupId"] for group in one.get("Groups", [])]
    ]
    endpoints = account.records("create_instance_connect_endpoint")
    users += [key for key, one in endpoints.items() if identity in one.get("SecurityGroupIds", [])]
    if users:
        raise Refused(
            "DependencyViolation", f"resource {identity} has a dependent object: {', '.join(users)}"
        )


def _detach_gateway(account: Any, request: Values) -> None:
    wanted = [{"Name": "vpc-id", "Values": [request["VpcId"]]}]
    subnets = {one["SubnetId"] for one in account.call("ec2", "describe_subnets", Filters=wanted)["Subnets"]}
    public = [one["LoadBalancerName"] for one in look.balancers(account) if one["VpcId"] == request["VpcId"]]
    if users := [one["NatGatewayId"] for one in look.gateways(account, subnets)] + public:
        raise Refused(
            "DependencyViolation",
            f"network {request['VpcId']} has mapped public addresses: {', '.join(users)}",
        )


def _delete_vpc(account: Any, request: Values) -> None:
    identity = request["VpcId"]
    wanted = [{"Name": "attachment.vpc-id", "Values": [identity]}]
    users = account.call("ec2", "describe_internet_gateways", Filters=wanted)["InternetGateways"]
    users += [one for one in look.endpoints(account) if one["VpcId"] == identity]
    own = account.call("ec2", "describe_security_groups", Filters=[{"Name": "vpc-id", "Values": [identity]}])
    users += [one for one in own["SecurityGroups"] if one["GroupName"] != "default"]
    if users:
        raise Refused("DependencyViolation", f"the vpc {identity} has dependencies and cannot be deleted")


def _release(account: Any, request: Values) -> None:
    found = account.call("ec2", "describe_addresses", AllocationIds=[request["AllocationId"]])["Addresses"][0]
    if found.get("AssociationId"):
        raise Refused("InvalidIPAddress.InUse", f"address {found['PublicIp']} is in use")


def _create_group(account: Any, request: Values) -> None:
    if not _DESCRIPTION.fullmatch(request["Description"]):
        raise Refused(
            "InvalidParameterValue",
            f"description {request['Description']!r} has letters that EC2 does not take",
        )


def _authorize(member: str):
    def law(account: Any, request: Values) -> None:
        group = look.groups(account, [request["GroupId"]])[0]
        if (
            sum(len(one.get("IpRanges", [])) + len(one.get("UserIdGroupPairs", [])) for one in group[member])
            >= _RULES
        ):
            raise Refused(
                "RulesPerSecurityGroupLimitExceeded", f"group {request['GroupId']} has {_RULES} rules"
            )
        named = [
            pair["GroupId"] for one in request["IpPermissions"] for pair in one.get("UserIdGroupPairs", [])
        ]
        for other in look.groups(account, named):
            if other["VpcId"] != group["VpcId"]:
                raise Refused(
                    "InvalidGroup.NotFound", f"{other['GroupId']} is not in the network of {group['GroupId']}"
                )

    return law


def _connect_endpoint(account: Any, request: Values) -> None:
    network = look.subnet(account, request["SubnetId"])["VpcId"]
    # Source: Amazon EC2, "Quotas for EC2 Instance Connect Endpoint": one a network and one a subnet.
    for identity, one in account.records("create_instance_connect_endpoint").items():
        if look.subnet(account, one["SubnetId"])["VpcId"] == network:
            raise Refused("InstanceConnectEndpointLimitExceeded", f"network {network} has {identity} already")
    look.groups(account, request.get("SecurityGroupIds", []))


LAWS = {
    "create_nat_gateway": _nat,
    "delete_subnet": _delete_subnet,
    "delete_security_group": _delete_group,
    "detach_internet_gateway": _detach_gateway,
    "delete_vpc": _delete_vpc,
    "release_address": _release,
    "create_security_group": _create_group,
    "authorize_security_group_ingress": _authorize("IpPermissions"),
    "authorize_security_group_egress": _authorize("IpPermissionsEgress"),
    "create_instance_connect_endpoint": _connect_endpoint,
}
