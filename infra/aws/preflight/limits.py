"""What AWS allows at most of what an environment declares, known without asking: a table with sources.

A limit that is found only when the service refuses ends an update in its middle; here it ends the preview.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.environment import Environment
from infra.environment.aws import Aws

_KEY = "flashtier:environment.aws"
#: Characters that Pulumi adds to a name that the program does not give: a hyphen and 7 of a random number.
AUTONAME = 8


@dataclass(frozen=True)
class NameLimit:
    """`longest`: characters that the service takes in the name of a resource of this type of pulumi-aws."""

    resource: str
    name: str
    longest: int
    source: str


#: Source `botocore`: the length of the member's shape in botocore's model of the service.
NAMES = (
    NameLimit("aws:lb/targetGroup:TargetGroup", "name", 32, "ELB API, CreateTargetGroup, Name"),
    NameLimit("aws:lb/loadBalancer:LoadBalancer", "name", 32, "ELB API, CreateLoadBalancer, Name"),
    NameLimit("aws:s3/bucket:Bucket", "bucket", 63, "Amazon S3, General purpose bucket naming rules"),
    NameLimit("aws:iam/role:Role", "name", 64, "botocore, iam roleNameType"),
    NameLimit(
        "aws:iam/instanceProfile:InstanceProfile", "name", 128, "botocore, iam instanceProfileNameType"
    ),
    NameLimit("aws:iam/policy:Policy", "name", 128, "botocore, iam policyNameType"),
    NameLimit("aws:iam/rolePolicy:RolePolicy", "name", 128, "botocore, iam policyNameType"),
    NameLimit("aws:cloudwatch/eventTarget:EventTarget", "targetId", 64, "botocore, events TargetId"),
    NameLimit("aws:cloudwatch/eventRule:EventRule", "name", 64, "botocore, events RuleName"),
    NameLimit(
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        "name",
        64,
        "CloudFront API, OriginAccessControlConfig, Name",
    ),
    NameLimit("aws:budgets/budget:Budget", "name", 100, "botocore, budgets BudgetName"),
    NameLimit("aws:ec2/launchTemplate:LaunchTemplate", "name", 128, "botocore, ec2 LaunchTemplateName"),
    NameLimit("aws:wafv2/webAcl:WebAcl", "name", 128, "botocore, wafv2 EntityName"),
    NameLimit(
        "aws:ec2/placementGroup:PlacementGroup", "name", 255, "EC2 API, CreatePlacementGroup, GroupName"
    ),
    NameLimit("aws:ec2/securityGroup:SecurityGroup", "name", 255, "EC2 API, CreateSecurityGroup, GroupName"),
    NameLimit("aws:cloudwatch/metricAlarm:MetricAlarm", "name", 255, "botocore, cloudwatch AlarmName"),
    NameLimit("aws:kms/alias:Alias", "name", 256, "botocore, kms AliasNameType"),
    NameLimit("aws:sns/topic:Topic", "name", 256, "SNS API, CreateTopic, Name"),
    NameLimit("aws:cloudwatch/logGroup:LogGroup", "name", 512, "botocore, logs LogGroupName"),
)


@dataclass(frozen=True)
class Limit:
    """`fault` yields what is wrong with the value and the fix; the line begins with `key` and the value."""

    service: str
    key: str
    source: str
    fault: Callable[[Environment, Aws], Iterator[str]]


def _certificate(environment: Environment, aws: Aws) -> Iterator[str]:
    if len(aws.domain.name) > 64:
        yield (
            f"{aws.domain.name}: has {len(aws.domain.name)} characters, and ACM takes 64 as the first name "
            "of a certificate; take a shorter name"
        )


def _partition(environment: Environment, aws: Aws) -> Iterator[str]:
    other = re.match(r"(us-gov|cn|us-isob?|us-isof|eu-isoe|eusc)-", aws.region)
    if other:
        yield (
            f"{aws.region}: is in another partition than AWS's commercial regions, with images of another "
            "owner and without some services (Budgets in GovCloud); the kit supports the partition aws only: "
            "take a region such as eu-central-1"
        )


def _address(environment: Environment, aws: Aws) -> Iterator[str]:
    if len(aws.alarm_email) > 254:
        found = len(aws.alarm_email)
        yield f"{aws.alarm_email}: has {found} characters, and an address has at most 254; correct it"


LIMITS = (
    Limit("acm", "domain.name", "botocore, acm RequestCertificateRequest.DomainName", _certificate),
    Limit("budgets, ec2", "region", "botocore, partitions.json and budgets' endpoints", _partition),
    Limit("sns, budgets", "alarm_email", "RFC 5321, 4.5.3.1.3, less two brackets", _address),
)


def faults(environment: Environment) -> list[str]:
    """One line a value that AWS would refuse. Names that a stack's name makes too long are `naming`'s."""
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    return [
        f"{_KEY}.{limit.key}: {says}"
        for limit in LIMITS
        for says in limit.fault(environment, environment.aws)
    ]
