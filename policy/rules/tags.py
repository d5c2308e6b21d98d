"""missing-tags: the tags of a resource name its owner, its environment and who pays for it."""

from __future__ import annotations

from collections.abc import Iterator

from .resource import Resource, Unknown, Violation

REQUIRED = ("Environment", "Owner", "CostCenter")
#: Also the tier of these: what a host or a volume is for. Other rules find members by it.
WITH_TIER = ("aws:ec2/instance:Instance", "aws:ebs/volume:Volume")

#: Types that the kit makes on AWS and that have tags. Tests compare it with pulumi-aws and with types.py.
TAGGED = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:budgets/budget:Budget",
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:ebs/volume:Volume",
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/eip:Eip",
        "aws:ec2/flowLog:FlowLog",
        "aws:ec2/instance:Instance",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:kms/key:Key",
        "aws:lb/listener:Listener",
        "aws:lb/listenerRule:ListenerRule",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:lb/targetGroup:TargetGroup",
        "aws:s3/bucket:Bucket",
        "aws:sns/topic:Topic",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:wafv2/webAcl:WebAcl",
    }
)


def missing(resource: Resource) -> Iterator[Violation]:
    """The tags that the resource or its provider's defaults lack; an empty one is missing."""
    if resource.type not in TAGGED or isinstance(resource.get("tags"), Unknown):
        return
    has = resource.tags()
    wanted = (*REQUIRED, "Tier") if resource.type in WITH_TIER else REQUIRED
    lacks = [name for name in wanted if not has.get(name) and not isinstance(has.get(name), Unknown)]
    if lacks:
        yield Violation(
            resource, f"tag{'s' * (len(lacks) > 1)} {', '.join(lacks)} missing", "give it naming.tags(...)"
        )
