"""public-address, no-flow-logs and old-tls: what the world sees of the network, and what is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .resource import Resource, Stack, Unknown, Violation

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SUBNET = "aws:ec2/subnet:Subnet"
ADDRESS = "aws:ec2/eip:Eip"
ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
VPC = "aws:ec2/vpc:Vpc"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")

RECORDING = ("ALL", "REJECT")

#: TLS 1.2 or newer, and only ciphers with forward secrecy; the policies named Ext1 and Ext2 add others.
#: Source: "Security policies for your Application Load Balancer", AWS.
MODERN = re.compile(r"ELBSecurityPolicy-TLS13-1-[23](-Res)?(-FIPS)?(-PQ)?-\d{4}-\d{2}")
ADVISED = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def addresses(resource: Resource) -> Iterator[Violation]:
    """Hosts have private addresses only; the load balancer and the NAT gateways have the public ones."""
    fix = "remove it; the load balancer and the Instance Connect Endpoint lead to hosts"
    if resource.type == INSTANCE and resource.get("associatePublicIpAddress"):
        yield Violation(resource, "the host gets a public address (associatePublicIpAddress)", fix)
    if resource.type == TEMPLATE and any(
        one.get("associatePublicIpAddress") in (True, "true") for one in resource.parts("networkInterfaces")
    ):
        yield Violation(resource, "its hosts get a public address (networkInterfaces)", fix)
    if resource.type == SUBNET and resource.get("mapPublicIpOnLaunch"):
        yield Violation(
            resource,
            "every host in the subnet gets a public address",
            "remove map_public_ip_on_launch; gateways and load balancers get theirs without it",
        )
    if resource.type in (ADDRESS, ASSOCIATION):
        key = "instance" if resource.type == ADDRESS else "instanceId"
        if resource.get(key) or isinstance(resource.get(key), Unknown):
            yield Violation(resource, "the public address is a host's", fix)


def flow_logs(stack: Stack) -> Iterator[Violation]:
    """Of every VPC at least the refused traffic is recorded; all of it is a matter of cost."""
    logs = stack.of(FLOW_LOG)
    for vpc in stack.of(VPC):
        own = [one for one in logs if stack.means(one, "vpcId", vpc)]
        if not own:
            yield Violation(
                vpc, "there is no flow log of the VPC", "add a FlowLog of it, traffic_type REJECT or ALL"
            )
        elif all(one.get("trafficType") not in RECORDING for one in own):
            kinds = ", ".join(sorted({str(one.get("trafficType")) for one in own}))
            yield Violation(own[0], f"the flow log records {kinds} only", "set traffic_type to REJECT or ALL")


def tls(resource: Resource) -> Iterator[Violation]:
    """A listener speaks modern TLS, or sends the client to one that does."""
    if resource.type not in LISTENERS or isinstance(resource.get("protocol"), Unknown):
        return
    if resource.get("protocol") in ("HTTPS", "TLS"):
        chosen = resource.get("sslPolicy")
        if not isinstance(chosen, Unknown) and not MODERN.fullmatch(str(chosen)):
            yield Violation(
                resource,
                f"ssl_policy is {chosen or 'not set, which is one of 2016'}",
                f"set ssl_policy='{ADVISED}'",
            )
        return
    for action in resource.parts("defaultActions"):
        redirect = action.get("redirect")
        kept = isinstance(redirect, dict) and redirect.get("protocol") == "HTTPS"
        if not (action.get("type") == "redirect" and kept):
            yield Violation(
                resource,
                f"serves {action.get('type')} without TLS on port {int(resource.get('port') or 80)}",
                "redirect to HTTPS, and serve it there",
            )
