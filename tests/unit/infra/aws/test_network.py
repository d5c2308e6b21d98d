"""The network of an environment, as it is asked of AWS."""

from __future__ import annotations

import ipaddress
import json

import pytest

from tests.support.aws.mocks import Recording
from tests.support.aws.network_parts import ACCOUNT, REGION, environment, everything
from tests.support.guards import sometimes

STACKS = ("dev", "prod")


@pytest.mark.parametrize("stack", STACKS)
def test_each_zone_has_its_subnets_inside_the_vpc_and_gives_no_host_a_public_address(stack: str) -> None:
    declared = environment(stack)
    assert declared.aws
    recorded = everything(declared)
    vpc = ipaddress.ip_network(recorded.one("Vpc").inputs["cidrBlock"])
    subnets = recorded.of("Subnet")
    assert len(subnets) == 3 * len(declared.aws.zones) + 1
    assert {one.inputs["availabilityZone"] for one in subnets} == set(declared.aws.zones)
    ranges = [ipaddress.ip_network(one.inputs["cidrBlock"]) for one in subnets]
    assert all(one.subnet_of(vpc) for one in ranges)
    assert not any(a.overlaps(b) for a in ranges for b in ranges if a is not b)
    assert not any(one.inputs["mapPublicIpOnLaunch"] for one in subnets)


@pytest.mark.parametrize(("gateways", "zones"), [(1, 3), (3, 3)])
def test_hosts_go_out_through_their_zones_nat_gateway_or_the_only_one(gateways: int, zones: int) -> None:
    declared = environment(nat_gateways=gateways)
    recorded = everything(declared)
    assert len(recorded.of("NatGateway")) == len(recorded.of("Eip")) == gateways
    routes = [one for one in recorded.of("Route") if "natGatewayId" in one.inputs]
    assert len(routes) == zones
    assert len({one.inputs["natGatewayId"] for one in routes}) == gateways
    if sometimes(gateways == zones):
        assert all(one.inputs["natGatewayId"] == one.name.replace("private", "nat") + "-id" for one in routes)
    # With a way out themselves before anything is sent through them.
    [public] = [one for one in recorded.of("Route") if "gatewayId" in one.inputs]
    for gateway in recorded.of("NatGateway"):
        assert gateway.depends_on(public)
        assert gateway.options.deleteBeforeReplace
        assert "public" in gateway.inputs["subnetId"]


def test_only_public_subnets_lead_to_the_internet_and_the_access_subnet_nowhere() -> None:
    recorded = everything(environment())
    table_of = {
        one.inputs["subnetId"]: one.inputs["routeTableId"] for one in recorded.of("RouteTableAssociation")
    }
    assert set(table_of) == {one.id for one in recorded.of("Subnet")}
    [to_world] = [one.inputs["routeTableId"] for one in recorded.of("Route") if "gatewayId" in one.inputs]
    assert {subnet for subnet, table in table_of.items() if table == to_world} == {
        one.id for one in recorded.of("Subnet") if "-public-" in one.name
    }
    [access] = [table for subnet, table in table_of.items() if "-access-" in subnet]
    assert access not in {one.inputs["routeTableId"] for one in recorded.of("Route")}
    assert list(table_of.values()).count(access) == 1


def test_s3_is_reached_without_nat_and_only_buckets_of_this_account() -> None:
    recorded = everything(environment())
    endpoint = recorded.one("VpcEndpoint")
    assert endpoint.inputs["vpcEndpointType"] == "Gateway"
    assert endpoint.inputs["serviceName"] == f"com.amazonaws.{REGION}.s3"
    private = {one.inputs["routeTableId"] for one in recorded.of("Route") if "natGatewayId" in one.inputs}
    assert set(endpoint.inputs["routeTableIds"]) == private
    [statement] = json.loads(endpoint.inputs["policy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}


def test_refused_packets_are_recorded_for_a_time() -> None:
    recorded = everything(environment())
    log, group = recorded.one("FlowLog"), recorded.one("LogGroup")
    assert log.inputs["vpcId"] == recorded.one("Vpc").id
    assert log.inputs["logDestination"] == group.arn
    assert group.inputs["retentionInDays"] > 0
    rights = json.loads(recorded.one("RolePolicy").inputs["policy"])["Statement"]
    assert [one["Resource"] for one in rights] == [[group.arn, f"{group.arn}:*"]]
    [trust] = json.loads(recorded.named("flashtier-unit-flow-logs", "Role").inputs["assumeRolePolicy"])[
        "Statement"
    ]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_default_group_lets_nothing_through() -> None:
    closed = everything(environment()).one("DefaultSecurityGroup")
    assert closed.inputs["ingress"] == closed.inputs["egress"] == []


def let_in(recorded: Recording, cidr: str, protocol: str, port: int) -> bool:
    """Whether the first rule that fits a packet allows it, as AWS goes through them."""
    rules = sorted(recorded.one("DefaultNetworkAcl").inputs["ingress"], key=lambda rule: rule["ruleNo"])
    for rule in rules:
        inside = ipaddress.ip_network(cidr).subnet_of(ipaddress.ip_network(rule["cidrBlock"]))
        fits = rule["protocol"] == "-1" or (
            rule["protocol"] == protocol and rule["fromPort"] <= port <= rule["toPort"]
        )
        if inside and fits:
            return rule["action"] == "allow"
    return False


def test_the_network_acl_lets_no_ssh_from_the_internet_in_and_every_answer() -> None:
    recorded = everything(environment())
    world = "203.0.113.7/32"
    assert not let_in(recorded, world, "6", 22)
    assert [port for port in range(1024) if let_in(recorded, world, "6", port)] == [80, 443]
    assert not any(let_in(recorded, world, "17", port) for port in range(1024))
    # NAT gateways and load balancers send from any port from here on, and the list keeps no state.
    for protocol in ("6", "17"):
        assert all(let_in(recorded, world, protocol, port) for port in (1024, 32768, 61000, 65535))
    for subnet in recorded.of("Subnet"):
        assert let_in(recorded, subnet.inputs["cidrBlock"], "6", 22)


def test_the_network_acl_lets_out_all_and_in_what_says_that_a_packet_is_too_large() -> None:
    acl = everything(environment()).one("DefaultNetworkAcl")
    [out] = acl.inputs["egress"]
    assert (out["action"], out["protocol"], out["cidrBlock"]) == ("allow", "-1", "0.0.0.0/0")
    [icmp] = [rule for rule in acl.inputs["ingress"] if rule["protocol"] == "1"]
    assert (icmp["icmpType"], icmp["icmpCode"]) == (3, 4)
    for rule in acl.inputs["ingress"]:
        assert rule["protocol"].lstrip("-").isdigit(), "a name differs from the number that AWS shows"


def test_what_needs_the_network_waits_for_the_acl_and_subnets_are_not_its_business() -> None:
    recorded = everything(environment())
    acl = recorded.one("DefaultNetworkAcl")
    assert recorded.one("LoadBalancer").depends_on(acl)
    assert "subnetIds" in acl.options.ignoreChanges
    assert acl.inputs["defaultNetworkAclId"] == "acl-default"


#: What takes no tags, by the API.
BARE = {
    "Route", "RouteTableAssociation", "RolePolicy", "TargetGroupAttachment", "CertificateValidation",
    "Record",
    "BucketPublicAccessBlock", "BucketOwnershipControls", "BucketServerSideEncryptionConfiguration",
    "BucketLifecycleConfiguration", "BucketPolicy", "BucketVersioning", "WebAclAssociation",
    "WebAclLoggingConfiguration",
}  # fmt: skip


def test_everything_that_takes_tags_has_all_of_them() -> None:
    recorded = everything(environment(waf=True))
    wanted = {"Project", "ManagedBy", "Environment", "Owner", "CostCenter", "Name", "Tier"}
    untagged = [
        one.name
        for one in recorded.resources
        if one.type.rpartition(":")[2] not in BARE and set(one.inputs.get("tags", {})) != wanted
    ]
    assert untagged == []
    assert all(one.name.startswith("flashtier-unit-") for one in recorded.resources)


def test_no_region_or_partition_is_written_into_a_component() -> None:
    recorded = everything(environment(waf=True))
    text = json.dumps([one.inputs for one in recorded.resources])
    assert "us-east-1" not in text
    assert "arn:aws:" not in text
