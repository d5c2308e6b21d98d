"""The network ACL of an environment: the VPC's default one, which all its subnets are under.

A second lock that knows addresses and ports only: SSH that a security group opens to the world by mistake
stays shut. It keeps no state, so answers must be let in for what they are: packets to a high port.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

#: Protocols by number, as the API shows them: names would differ from what is read back.
ALL, ICMP, TCP, UDP = "-1", "1", "6", "17"

WORLD = "0.0.0.0/0"

#: Where answers arrive: NAT gateways and load balancers send from any of these ports.
#: Source: Amazon VPC user guide, "Network ACLs", "Ephemeral ports".
ANSWERED = (1024, 65535)

#: "Fragmentation needed": without it a path with a smaller MTU swallows large packets.
#: Source: EC2 user guide, "Path MTU Discovery".
ICMP_TOO_LARGE = (3, 4)


def network_acl(
    name: str, vpc: aws.ec2.Vpc, cidr: str, tags: Mapping[str, str], options: pulumi.ResourceOptions
) -> aws.ec2.DefaultNetworkAcl:
    """Everything within `cidr`, the VPC's range; from the world the web's ports and answers; all ways out.

    To take the ACL over, the provider empties it first: for a moment no packet passes in the whole VPC.
    """
    return aws.ec2.DefaultNetworkAcl(
        name,
        default_network_acl_id=vpc.default_network_acl_id,
        ingress=[
            _allow(100, ALL, cidr),
            _allow(110, TCP, WORLD, 80, 80),
            _allow(120, TCP, WORLD, 443, 443),
            _allow(130, TCP, WORLD, *ANSWERED),
            _allow(140, UDP, WORLD, *ANSWERED),
            _allow(150, ICMP, WORLD, icmp=ICMP_TOO_LARGE),
        ],
        egress=[_allow(100, ALL, WORLD)],
        tags=tags,
        # Subnets are put under it by AWS, not by this list, which would differ from then on.
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=["subnetIds"])),
    )


def _allow(
    number: int, protocol: str, cidr: str, first: int = 0, last: int = 0, icmp: tuple[int, int] = (0, 0)
) -> aws.ec2.DefaultNetworkAclIngressArgsDict:
    return {
        "rule_no": number,
        "action": "allow",
        "protocol": protocol,
        "cidr_block": cidr,
        "from_port": first,
        "to_port": last,
        "icmp_type": icmp[0],
        "icmp_code": icmp[1],
    }
