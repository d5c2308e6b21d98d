"""The bill counts what the program makes: alarms, public addresses, rules of the firewall, keys."""

from __future__ import annotations

import pytest

from infra.capacity import metered
from infra.capacity.tier import needs
from tests.support.aws.whole import whole
from tests.support.aws_environments import STACKS, parsed


@pytest.mark.parametrize("stack", STACKS)
def test_the_bill_counts_the_alarms_and_keys_that_the_program_makes(stack: str) -> None:
    recorded = whole(stack).recorded
    assert metered.alarms(parsed(stack)) == len(recorded.of("MetricAlarm"))
    assert len(recorded.of("aws:kms/key:Key")) == metered.KEYS


@pytest.mark.parametrize("stack", STACKS)
def test_the_bill_counts_the_addresses_of_gateways_and_one_a_zone_of_the_balancer(stack: str) -> None:
    environment, recorded = parsed(stack), whole(stack).recorded
    assert environment.aws
    assert environment.traffic
    [row] = [
        item
        for item in metered.metered(environment, needs(environment.traffic))
        if item.what == "public IPv4 addresses"
    ]
    subnets = recorded.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"]
    addresses = len(recorded.of("aws:ec2/eip:Eip")) + len(subnets)
    assert row.usd_month == pytest.approx(addresses * 730 * 0.005)


def test_the_bill_counts_the_rules_of_the_firewall() -> None:
    [acl] = whole("prod").recorded.of("aws:wafv2/webAcl:WebAcl")
    assert len(acl.inputs["rules"]) == metered.WAF_RULES


@pytest.mark.parametrize("stack", STACKS)
def test_the_bill_counts_detailed_monitoring_where_instances_have_it(stack: str) -> None:
    environment, recorded = parsed(stack), whole(stack).recorded
    assert environment.traffic
    detailed = [one for one in recorded.of("aws:ec2/instance:Instance") if one.inputs.get("monitoring")]
    [row] = [
        item
        for item in metered.metered(environment, needs(environment.traffic))
        if item.what == "alarms and metrics"
    ]
    assert f" {len(detailed) * metered.METRICS_AN_INSTANCE} metrics" in row.basis
