"""The operators' way in."""

from __future__ import annotations

from tests.support.aws.network_parts import REGION, environment, everything


def test_the_endpoint_lies_alone_in_the_access_subnet_with_a_group_of_its_own() -> None:
    recorded = everything(environment())
    endpoint = recorded.one("InstanceConnectEndpoint")
    [subnet] = [one for one in recorded.of("Subnet") if "-access-" in one.name]
    assert endpoint.inputs["subnetId"] == subnet.id
    assert endpoint.inputs["securityGroupIds"] == ["flashtier-unit-access-id"]
    assert endpoint.inputs["preserveClientIp"] is False


def test_the_inventory_learns_region_and_endpoint() -> None:
    recorded = everything(environment())
    assert recorded.result["region"] == REGION
    assert recorded.result["endpoint"] == recorded.one("InstanceConnectEndpoint").id
