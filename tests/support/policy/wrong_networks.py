"""What the internet would reach: case: (rule, resource, what the rule reports)."""

from __future__ import annotations

from policy.rules.resource import UNKNOWN, Resource
from tests.support.policy.judge import resource
from tests.support.policy.shapes import acl, opened

WRONG: dict[str, tuple[str, Resource, str]] = {
    # What the internet reaches.
    "prefix list of the whole internet": (
        "open-ports",
        resource("ec2/managedPrefixList:ManagedPrefixList", entries=[{"cidr": "0.0.0.0/0"}]),
        "0.0.0.0/0 is in the prefix list",
    ),
    "entry of a prefix list": (
        "open-ports",
        resource("ec2/managedPrefixListEntry:ManagedPrefixListEntry", cidr="::/0"),
        "::/0 is in the prefix list",
    ),
    "rule with a prefix list": ("open-ports", opened(prefixListId="pl-1"), "open to prefix list pl-1"),
    "group with a prefix list": (
        "open-ports",
        resource(
            "ec2/securityGroup:SecurityGroup",
            ingress=[{"prefixListIds": ["pl-1"], "fromPort": 22, "toPort": 22}],
        ),
        "open to prefix list pl-1",
    ),
    "half of the internet": ("open-ports", opened(cidrIpv4="128.0.0.0/1"), "port 5432, open to 128.0.0.0/1"),
    "an eighth of the internet": ("open-ports", opened(cidrIpv4="8.0.0.0/8"), "port 5432, open to 8.0.0.0/8"),
    "one stranger": ("open-ports", opened(cidrIpv4="203.0.113.7/32"), "port 5432, open to 203.0.113.7/32"),
    "all of IPv4 as IPv6": ("open-ports", opened(cidrIpv6="::ffff:0:0/96"), "port 5432, open to"),
    "open default group": (
        "open-ports",
        resource(
            "ec2/defaultSecurityGroup:DefaultSecurityGroup",
            ingress=[{"self": True, "protocol": "-1", "fromPort": 0, "toPort": 0}],
        ),
        "the default security group lets traffic through",
    ),
    "default group that lets all out": (
        "open-ports",
        resource(
            "ec2/defaultSecurityGroup:DefaultSecurityGroup",
            egress=[{"cidrBlocks": ["0.0.0.0/0"], "protocol": "-1", "fromPort": 0, "toPort": 0}],
        ),
        "the default security group lets traffic through",
    ),
    "network ACL for everything": (
        "open-network-acl",
        acl(protocol="-1", cidrBlock="0.0.0.0/0", fromPort=0, toPort=0),
        "rule 1 lets 0.0.0.0/0 in to ports 0 to 65535",
    ),
    "network ACL for SSH": (
        "open-network-acl",
        acl(protocol="6", cidrBlock="0.0.0.0/0", fromPort=22, toPort=22),
        "ports 22 to 22",
    ),
    "network ACL of IPv6": (
        "open-network-acl",
        acl(protocol="6", ipv6CidrBlock="::/0", fromPort=0, toPort=65535),
        "lets ::/0 in",
    ),
    "rule of a network ACL": (
        "open-network-acl",
        resource(
            "ec2/networkAclRule:NetworkAclRule",
            ruleNumber=7,
            ruleAction="allow",
            protocol="tcp",
            cidrBlock="0.0.0.0/0",
            fromPort=22,
            toPort=22,
        ),
        "rule 7 lets 0.0.0.0/0 in",
    ),
    "address of an interface": (
        "public-address",
        resource("ec2/eip:Eip", networkInterface=UNKNOWN),
        "the public address is a host's (networkInterface)",
    ),
    "address associated with an interface": (
        "public-address",
        resource("ec2/eipAssociation:EipAssociation", networkInterfaceId="eni-1"),
        "the public address is a host's (networkInterfaceId)",
    ),
    "host with an address of IPv6": (
        "public-address",
        resource("ec2/instance:Instance", ipv6AddressCount=1),
        "ipv6",
    ),
    "subnet that gives addresses of IPv6": (
        "public-address",
        resource("ec2/subnet:Subnet", assignIpv6AddressOnCreation=True),
        "assignIpv6AddressOnCreation",
    ),
    "template that gives addresses of IPv6": (
        "public-address",
        resource("ec2/launchTemplate:LaunchTemplate", networkInterfaces=[{"ipv6AddressCount": 1}]),
        "networkInterfaces.ipv6AddressCount",
    ),
    # What the kit does not make.
    "public database": (
        "public-access",
        resource("rds/instance:Instance", publiclyAccessible=True),
        "public address",
    ),
    "image for all": (
        "public-access",
        resource("ec2/amiLaunchPermission:AmiLaunchPermission", group="all"),
        "shared with every account",
    ),
    "function that anyone calls": (
        "public-access",
        resource("lambda/functionUrl:FunctionUrl", authorizationType="NONE"),
        "anyone may call it",
    ),
    "function permitted to all": (
        "public-access",
        resource("lambda/permission:Permission", principal="*", action="lambda:InvokeFunction"),
        "anyone may call it",
    ),
    # The CDN.
    "CDN without TLS": (
        "old-cdn",
        resource(
            "cloudfront/distribution:Distribution", defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"}
        ),
        "serves without TLS",
    ),
    "CDN with TLS of 2006": (
        "old-cdn",
        resource(
            "cloudfront/distribution:Distribution", viewerCertificate={"cloudfrontDefaultCertificate": True}
        ),
        "the oldest protocol of viewers is TLSv1",
    ),
    "CDN before a public bucket": (
        "old-cdn",
        resource(
            "cloudfront/distribution:Distribution", origins=[{"originId": "photos", "domainName": "b.s3"}]
        ),
        "has no access control",
    ),
    "CDN that reaches its origin in the clear": (
        "old-cdn",
        resource(
            "cloudfront/distribution:Distribution",
            origins=[{"originId": "web", "customOriginConfig": {"originProtocolPolicy": "match-viewer"}}],
        ),
        "is reached without TLS",
    ),
    "CDN that signs nothing": (
        "old-cdn",
        resource("cloudfront/originAccessControl:OriginAccessControl", signingBehavior="never"),
        "signing_behavior is never",
    ),
}
