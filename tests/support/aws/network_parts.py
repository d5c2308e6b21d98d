"""What the tests of the network share: an environment with its topology, and the components on mocks."""

from __future__ import annotations

from typing import Any

from infra.aws.access import Access
from infra.aws.edge.load_balancer import Edge
from infra.aws.groups import Groups
from infra.aws.naming import Naming
from infra.aws.network import Network
from infra.environment import Environment
from infra.environment.aws import Domain
from infra.topology import Topology, build
from tests.support.aws.mocks import (
    ACCOUNT,
    ANSWERS,
    IDENTITY,
    PARTITION,
    REGION,
    ZONE,
    Outputs,
    Recording,
    run,
)
from tests.support.aws_environments import parsed

EXPECTED = {token: ANSWERS[token] for token in (IDENTITY, ZONE)}
OUTPUTS: Outputs = {
    "aws:ec2/vpc:Vpc": lambda name, inputs: {"defaultNetworkAclId": "acl-default"},
    "aws:acm/certificate:Certificate": lambda name, inputs: {
        "domainValidationOptions": [
            {
                "domainName": inputs["domainName"],
                "resourceRecordName": "_proof.example.org",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm",
            }
        ]
    },
    "aws:acm/certificateValidation:CertificateValidation": lambda name, inputs: {"certificateArn": "valid"},
    "aws:route53/record:Record": lambda name, inputs: {"fqdn": f"{inputs['name']}."},
    "aws:lb/loadBalancer:LoadBalancer": lambda name, inputs: {
        "dnsName": "edge.elb",
        "zoneId": "ZELB",
        "arnSuffix": "app/edge/1",
    },
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": lambda name, inputs: {
        "dnsName": f"{name}.ec2-instance-connect-endpoint.amazonaws.com"
    },
    "aws:cloudfront/distribution:Distribution": lambda name, inputs: {
        "domainName": "d111111abcdef8.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    },
    "aws:lb/targetGroup:TargetGroup": lambda name, inputs: {"arnSuffix": "targetgroup/web/1"},
    "aws:s3/bucket:Bucket": lambda name, inputs: {
        "bucket": f"{name}-1",
        "arn": f"arn:{PARTITION}:s3:::{name}-1",
        "bucketRegionalDomainName": f"{name}-1.s3.{REGION}.amazonaws.com",
    },
}


#: A run takes a second, and nothing changes a recording.
_KNOWN: dict[str, Recording] = {}


def environment(stack: str = "prod", **aws: Any) -> Environment:
    """The shipped environment, in a region that nothing takes by default."""
    found = parsed(stack)
    assert found.aws
    zones = tuple(f"{REGION}{zone[-1]}" for zone in found.aws.zones)
    chosen = {
        "region": REGION,
        "zones": zones,
        "domain": Domain(name="photos.example.org", zone="example.org"),
        "waf": False,
        "deletion_protection": True,
        **aws,
    }
    return found.model_copy(update={"aws": found.aws.model_copy(update=chosen)})


def topology(declared: Environment) -> Topology:
    return build("unit", declared)


def everything(declared: Environment) -> Recording:
    """Network, groups, access and edge; `.result` has what other parts take from them."""
    key = repr((declared, vars(declared.aws)))
    if key not in _KNOWN:
        _KNOWN[key] = _everything(declared)
    return _KNOWN[key]


def _everything(declared: Environment) -> Recording:
    def program() -> dict[str, Any]:
        hosts = topology(declared)
        naming = Naming("unit", declared)
        network = Network(naming, hosts)
        groups = Groups(naming, network, hosts)
        access = Access(naming, network, groups)
        web = {host.name: f"i-{host.name}" for host in hosts.tier("web")}
        edge = Edge(naming, network, groups, web)
        return {
            "region": access.proxy.region,
            "endpoint": access.proxy.endpoint_id,
            "group": groups.id_of("web"),
            "nat": network.nat_gateway_ids,
            "private": network.of_tier("private"),
            "dns": edge.dns_name,
            "url": edge.url,
            "edge": edge.load_balancer_arn_suffix,
            "targets": edge.target_group_arn_suffix,
        }

    return run(program, answers=EXPECTED, outputs=OUTPUTS)


__all__ = ["ACCOUNT", "PARTITION", "REGION", "environment", "everything", "topology"]
