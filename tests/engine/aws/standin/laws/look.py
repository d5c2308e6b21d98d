"""Questions to the account that several laws have."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]
ALIVE = ["pending", "running", "stopping", "stopped"]


def subnet(account: Any, identity: str) -> Values:
    return account.call("ec2", "describe_subnets", SubnetIds=[identity])["Subnets"][0]


def instances(account: Any, **filters: list[str]) -> list[Values]:
    """Those that are not terminated."""
    wanted = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": values}
        for name, values in filters.items()
    ]
    wanted.append({"Name": "instance-state-name", "Values": ALIVE})
    answer = account.call("ec2", "describe_instances", Filters=wanted)
    return [one for reservation in answer["Reservations"] for one in reservation["Instances"]]


def groups(account: Any, identities: list[str]) -> list[Values]:
    if not identities:
        return []
    return account.call("ec2", "describe_security_groups", GroupIds=identities)["SecurityGroups"]


def gateways(account: Any, subnets: set[str]) -> list[Values]:
    """NAT gateways that live in one of the subnets."""
    every = account.call("ec2", "describe_nat_gateways")["NatGateways"]
    return [
        one for one in every if one["SubnetId"] in subnets and one["State"] not in ("deleted", "deleting")
    ]


def balancers(account: Any) -> list[Values]:
    return account.call("elbv2", "describe_load_balancers")["LoadBalancers"]


def endpoints(account: Any) -> list[Values]:
    every = account.call("ec2", "describe_vpc_endpoints")["VpcEndpoints"]
    return [one for one in every if one["State"].lower() not in ("deleted", "deleting")]
