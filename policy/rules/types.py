"""unknown-type: a stack has resources of the types that the kit makes, which the other rules can judge.

A type that no rule knows could be anything: a public database, a shared snapshot, a function that answers the
world. Who adds one here adds the rules that judge it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .resource import Resource, Violation

#: What infra/aws makes, service by service. A test compares it with what the environments declare.
AWS: dict[str, tuple[str, ...]] = {
    "acm": ("Certificate", "CertificateValidation"),
    "budgets": ("Budget",),
    "cloudfront": (
        "CachePolicy",
        "Distribution",
        "OriginAccessControl",
        "OriginRequestPolicy",
        "ResponseHeadersPolicy",
    ),
    "cloudwatch": ("EventRule", "EventTarget", "LogGroup", "MetricAlarm"),
    "ebs": ("Volume",),
    "ec2": (
        "DefaultNetworkAcl",
        "DefaultSecurityGroup",
        "Eip",
        "FlowLog",
        "Instance",
        "InternetGateway",
        "LaunchTemplate",
        "NatGateway",
        "PlacementGroup",
        "Route",
        "RouteTable",
        "RouteTableAssociation",
        "SecurityGroup",
        "Subnet",
        "VolumeAttachment",
        "Vpc",
        "VpcEndpoint",
    ),
    "ec2transitgateway": ("InstanceConnectEndpoint",),
    "iam": ("InstanceProfile", "Policy", "Role", "RolePolicy"),
    "kms": ("Alias", "Key"),
    "lb": ("Listener", "ListenerRule", "LoadBalancer", "TargetGroup", "TargetGroupAttachment"),
    "route53": ("Record",),
    "s3": (
        "Bucket",
        "BucketLifecycleConfiguration",
        "BucketLogging",
        "BucketObjectLockConfiguration",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketVersioning",
    ),
    "sns": ("Topic", "TopicPolicy", "TopicSubscription"),
    "vpc": ("SecurityGroupEgressRule", "SecurityGroupIngressRule"),
    "wafv2": ("WebAcl", "WebAclAssociation", "WebAclLoggingConfiguration"),
}

KNOWN = frozenset(
    f"aws:{service}/{kind[0].lower()}{kind[1:]}:{kind}" for service, kinds in AWS.items() for kind in kinds
)
#: The kit's own components, and the types of its own providers (infra/aws/console, infra/local).
OWN = ("flashtier:", "ec2console:", "lxd:")
PULUMI = frozenset(
    {
        "pulumi:pulumi:Stack",
        "pulumi:providers:aws",
        "pulumi:providers:ec2console",
        "pulumi:providers:lxd",
    }
)


def unknown(kind: str) -> bool:
    """Whether a type is none that the kit makes."""
    return not (kind in KNOWN or kind in PULUMI or kind.startswith(OWN))


def types(resource: Resource) -> Iterator[Violation]:
    """Any resource of a type that is not on the list."""
    if unknown(resource.type):
        yield Violation(
            resource,
            f"type {resource.type} is not one that the kit makes, and no rule judges it",
            "remove it, or add its type to policy/rules/types.py together with the rules that judge it",
        )
